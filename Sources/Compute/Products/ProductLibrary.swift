import Foundation

/// The products that a model has asked for, each made once: making one compiles code, which takes milliseconds.
public final class ProductLibrary: @unchecked Sendable {
  /// The library of this process.
  public static let shared = ProductLibrary()
  private var made: [Product.Shape: Product] = [:]
  private let lock = NSLock()

  public init() {}

  /// Forgets all products, so that they are made anew. No model that was made with them may be used after.
  public func removeAll() {
    lock.lock()
    defer { lock.unlock() }
    made = [:]
  }

  /// The product of this shape.
  public func product(_ shape: Product.Shape) throws -> Product {
    lock.lock()
    defer { lock.unlock() }
    if let known = made[shape] { return known }
    let product = try Product(shape)
    made[shape] = product
    return product
  }
}

/// A product as an inner loop calls it, without counting references. The product must outlive it: those of a
/// `ProductLibrary` do as long as the library.
public struct ProductCall {
  private let product: Unmanaged<Product>

  public init(_ product: Product) { self.product = .passUnretained(product) }

  /// As of the product.
  public var packedLayout: Product.PackedLayout? { product._withUnsafeGuaranteedRef { $0.packedLayout } }

  /// As of the product.
  public func packB(_ plain: UnsafeRawPointer, transposed: Bool, stride: Int, into packed: UnsafeMutableRawPointer) {
    product._withUnsafeGuaranteedRef { $0.packB(plain, transposed: transposed, stride: stride, into: packed) }
  }

  /// As of the product.
  public func packRounded(
    _ source: UnsafePointer<Float>, transposed: Bool, stride: Int, k: Int, into packed: UnsafeMutableRawPointer
  ) {
    product._withUnsafeGuaranteedRef {
      $0.packRounded(source, transposed: transposed, stride: stride, k: k, into: packed)
    }
  }

  /// As of the product.
  public func run(
    _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, into c: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer
  ) {
    product._withUnsafeGuaranteedRef { $0.run(a, b, into: c, scratch: scratch) }
  }
}
