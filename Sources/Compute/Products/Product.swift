import Foundation

internal import COneDNN

/// What an operand's elements are.
public enum ElementKind: UInt32, Sendable, Hashable {
  case float = 0
  case bfloat16 = 1
  case int8 = 2
  case uint8 = 3
  case int32 = 4

  /// Bytes of one element.
  public var byteCount: Int {
    switch self {
    case .float, .int32: 4
    case .bfloat16: 2
    case .int8, .uint8: 1
    }
  }
}

/// What oneDNN refused, naming the call and the shape.
public enum ComputeError: Error, CustomStringConvertible {
  case library(call: String, status: String, detail: String)
  case codesTooLong(inputs: Int)

  public var description: String {
    switch self {
    case .library(let call, let status, let detail): "oneDNN: \(call): \(status) (\(detail))"
    case .codesTooLong(let inputs):
      "a product of 8-bit codes over \(inputs) inputs could overflow 32 bits (8192 at most): set compute.forward to float"
    }
  }
}

/// One matrix product of fixed shape, C[m, n] = A[m, k] · B[k, n] or C += …, made once and kept.
///
/// B lies in the library's own packed layout (`packedLayout` says which), or in plain rows. A product runs on the calling
/// thread; callers share rows or tiles out with `Threads.forEach`, in tiles that do not depend on the number of threads,
/// so every sum has one order. Safe to run from several threads at once, each with scratch of its own.
/// C functions: `dnnl_matmul`, through COneDNN.
public final class Product: @unchecked Sendable {
  /// Rows of A, columns of B, and the length of the sums.
  public struct Shape: Hashable, Sendable {
    public var m: Int
    public var n: Int
    public var k: Int
    /// Elements from one stored row of A to the next.
    public var aStride: Int
    /// Elements from one row of C to the next.
    public var cStride: Int
    public var a: ElementKind
    public var b: ElementKind
    public var c: ElementKind
    /// A is stored `[k, m]`.
    public var aTransposed = false
    /// B in the library's blocked layout; else plain rows of n elements.
    public var bPacked = true
    /// C += instead of C =.
    public var accumulate = false

    public init(
      m: Int, n: Int, k: Int, aStride: Int, cStride: Int, a: ElementKind, b: ElementKind, c: ElementKind,
      aTransposed: Bool = false, bPacked: Bool = true, accumulate: Bool = false
    ) {
      (self.m, self.n, self.k, self.aStride, self.cStride) = (m, n, k, aStride, cStride)
      (self.a, self.b, self.c) = (a, b, c)
      (self.aTransposed, self.bPacked, self.accumulate) = (aTransposed, bPacked, accumulate)
    }
  }

  /// The layout [n / columns][paddedK / interleave][columns][interleave] of a packed B, zero-padded.
  public struct PackedLayout: Equatable, Sendable {
    public let columns: Int
    public let interleave: Int
    public let paddedK: Int

    public init(columns: Int, interleave: Int, paddedK: Int) {
      (self.columns, self.interleave, self.paddedK) = (columns, interleave, paddedK)
    }
  }

  public let shape: Shape
  /// Bytes of B in the product's layout.
  public let bByteCount: Int
  /// Bytes of scratch for one run.
  public let scratchByteCount: Int
  /// The packed layout where it is the blocked one that our packers write; nil: pack through the library.
  public let packedLayout: PackedLayout?
  private let handle: OpaquePointer

  /// C function: `dnnl_primitive_create`.
  public init(_ shape: Shape) throws {
    self.shape = shape
    var wanted = palier_product_shape(
      m: Int64(shape.m), n: Int64(shape.n), k: Int64(shape.k), a_stride: Int64(shape.aStride),
      c_stride: Int64(shape.cStride), a: palier_element(shape.a.rawValue), b: palier_element(shape.b.rawValue),
      c: palier_element(shape.c.rawValue), a_transposed: shape.aTransposed ? 1 : 0, b_packed: shape.bPacked ? 1 : 0,
      accumulate: shape.accumulate ? 1 : 0)
    var made: OpaquePointer?
    try Product.check(palier_product_create(&wanted, &made), "matmul \(shape.m)x\(shape.k)x\(shape.n)")
    guard let made else {
      throw ComputeError.library(call: "dnnl_primitive_create", status: "no product", detail: "\(shape)")
    }
    handle = made
    bByteCount = palier_product_b_bytes(made)
    scratchByteCount = palier_product_scratch_bytes(made)
    var columns: Int64 = 0
    var interleave: Int64 = 0
    var paddedK: Int64 = 0
    // Our packers fill words of four bytes: one float, two bfloat16, four codes.
    let known =
      shape.bPacked && palier_product_b_layout(made, &columns, &interleave, &paddedK) == 1
      && interleave == 4 / shape.b.byteCount
    packedLayout =
      known ? PackedLayout(columns: Int(columns), interleave: Int(interleave), paddedK: Int(paddedK)) : nil
  }

  deinit { palier_product_destroy(handle) }

  /// The library's name of the implementation, for the doctor and the bench.
  public var implementation: String { String(cString: palier_product_implementation(handle)) }

  /// Packs plain B (or, `transposed`, B stored `[n, k]`), rows `stride` elements apart, through the library.
  public func packB(_ plain: UnsafeRawPointer, transposed: Bool, stride: Int, into packed: UnsafeMutableRawPointer) {
    let status = palier_product_pack_b(handle, plain, transposed ? 1 : 0, Int64(stride), packed)
    guard status == 0 else { fatalError("oneDNN: reorder: \(Product.text(status)) \(shape)") }
  }

  /// Packs float32 B `[k, n]`, rows `stride` apart, or, `transposed`, B stored `[n, k]`, rounded to bfloat16. Rows of B from `k`
  /// on, of those that the product reads, are zero.
  public func packRounded(
    _ source: UnsafePointer<Float>, transposed: Bool, stride: Int, k: Int, into packed: UnsafeMutableRawPointer
  ) {
    guard let layout = packedLayout else {
      return packRoundedThroughLibrary(source, transposed: transposed, stride: stride, k: k, into: packed)
    }
    let words = packed.bindMemory(to: UInt16.self, capacity: bByteCount / 2)
    for index in 0..<(shape.n + layout.columns - 1) / layout.columns {
      let panel = Packing.Panel(index, n: shape.n, k: k, layout)
      if transposed {
        Packing.bfloat16Transposed(source, stride: stride, panel: panel, into: words)
      } else {
        Packing.bfloat16RowPairs(source, stride: stride, pairs: 0..<layout.paddedK / 2, of: panel, into: words)
      }
    }
  }

  private func packRoundedThroughLibrary(
    _ source: UnsafePointer<Float>, transposed: Bool, stride: Int, k: Int, into packed: UnsafeMutableRawPointer
  ) {
    let (rows, width) = transposed ? (shape.n, k) : (k, shape.n)
    let plainWidth = transposed ? shape.k : shape.n
    let plain = AlignedBuffer<UInt16>(shape.k * shape.n)
    for r in 0..<rows { Bfloat16.round(source + r * stride, into: plain.pointer + r * plainWidth, width) }
    withExtendedLifetime(plain) { packB(plain.pointer, transposed: transposed, stride: plainWidth, into: packed) }
  }

  /// C = A · B, or C += A · B, on the calling thread.
  public func run(
    _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, into c: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer
  ) {
    let status = palier_product_run(handle, a, b, c, scratch)
    // Shapes were checked when the product was made: what is left is a broken machine.
    guard status == 0 else { fatalError("oneDNN: matmul: \(Product.text(status)) \(shape)") }
  }

  private static func text(_ status: Int32) -> String { String(cString: palier_dnnl_status_text(status)) }
  private static func check(_ status: Int32, _ detail: String) throws {
    guard status == 0 else {
      throw ComputeError.library(call: "dnnl_primitive_create", status: text(status), detail: detail)
    }
  }
}
