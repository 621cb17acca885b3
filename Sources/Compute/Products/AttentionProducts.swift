import Foundation

/// The five small products of attention for one head and a block of 64 queries (32 where fewer are left).
///
/// Keys are padded to a multiple of 32, so that a few shapes serve every length: what the padding computes is never read, or
/// is multiplied by an exact zero. Any thread may ask for them at any time.
public final class AttentionProducts: @unchecked Sendable {
  /// Queries of a block.
  public static let block = 64
  /// Scratch that any of these products may need.
  public static let scratchByteCount = 1 << 19
  let headSize: Int
  /// float32, or bfloat16 with float32 sums; softmax is float32 in both.
  let kind: ElementKind
  private let sets = Kept<Set>()
  private let backwardSets = Kept<BackwardSet>()

  public init(headSize: Int, kind: ElementKind) { (self.headSize, self.kind) = (headSize, kind) }

  /// The products for one padded length and one number of rows.
  public struct Set {
    /// scores[rows, keys] = Q · Kᵀ, and the same shape for dP = dO · Vᵀ; B packed.
    public let scores: ProductCall
    /// out[rows, D] = P · V, and dQ = dS · K; B plain in float32, packed in bfloat16.
    public let weighted: ProductCall
  }

  /// The products that a backward pass needs beside them.
  public struct BackwardSet {
    /// dV[keys, D] (+)= Pᵀ · dO, and dK (+)= dSᵀ · Q; A transposed, B as in `weighted`.
    public let transposed: ProductCall
    public let transposedAccumulating: ProductCall
  }

  public static func padded(_ count: Int) -> Int { (count + 31) / 32 * 32 }

  /// The products for `keys` keys (padded) and `rows` queries (32 or 64). Made on first use: call outside parallel loops.
  public func set(rows: Int, keys: Int) throws -> Set {
    try sets.made(keys * 2 + rows / 64) {
      // A head of 64 features is one block of the packed layout, and then plain rows are that layout.
      Set(
        scores: try make(rows, keys, headSize, transposed: false, packed: true, aStride: headSize),
        weighted: try make(rows, headSize, keys, transposed: false, packed: readsPacked(keys), aStride: keys))
    }
  }

  /// As `set`, for the backward pass.
  public func backwardSet(rows: Int, keys: Int) throws -> BackwardSet {
    try backwardSets.made(keys * 2 + rows / 64) {
      func transposed(accumulate: Bool) throws -> ProductCall {
        try make(
          keys, headSize, rows, transposed: true, packed: readsPacked(rows), accumulate: accumulate, aStride: keys)
      }
      return BackwardSet(
        transposed: try transposed(accumulate: false), transposedAccumulating: try transposed(accumulate: true))
    }
  }

  private func make(
    _ m: Int, _ n: Int, _ k: Int, transposed: Bool, packed: Bool, accumulate: Bool = false, aStride: Int
  ) throws -> ProductCall {
    let product = try ProductLibrary.shared.product(
      Product.Shape(
        m: m, n: n, k: k, aStride: aStride, cStride: n, a: kind, b: kind, c: .float, aTransposed: transposed,
        bPacked: packed, accumulate: accumulate))
    guard product.scratchByteCount <= AttentionProducts.scratchByteCount else {
      fatalError("attention product \(m)x\(n)x\(k) wants \(product.scratchByteCount) bytes of scratch")
    }
    return ProductCall(product)
  }

  /// Whether a product reads its `[k, D]` operand packed: always in bfloat16, in float32 where plain rows are that layout.
  private func readsPacked(_ k: Int) throws -> Bool {
    guard kind == .float else { return true }
    guard headSize == 64 else { return false }
    let probe = try ProductLibrary.shared.product(
      Product.Shape(m: 32, n: headSize, k: k, aStride: k, cStride: headSize, a: .float, b: .float, c: .float))
    return probe.packedLayout == Product.PackedLayout(columns: 64, interleave: 1, paddedK: k)
  }

  // MARK: - Operands

  /// `count` rows `[count, width]` as a left operand: themselves, or rounded into `buffer`.
  public func left(_ source: UnsafePointer<Float>, _ count: Int, into buffer: AlignedBytes) -> UnsafeRawPointer {
    guard kind == .bfloat16 else { return UnsafeRawPointer(source) }
    Bfloat16.round(source, into: buffer.bound(to: UInt16.self, count: count), count)
    return UnsafeRawPointer(buffer.pointer)
  }

  /// `source` `[k, D]` as the right operand of `product`: itself, or packed into `buffer`.
  public func right(
    _ source: UnsafePointer<Float>, _ k: Int, of product: ProductCall, into buffer: AlignedBytes
  ) -> UnsafeRawPointer {
    guard kind == .bfloat16 else { return UnsafeRawPointer(source) }
    product.packRounded(source, transposed: false, stride: headSize, k: k, into: buffer.pointer)
    return UnsafeRawPointer(buffer.pointer)
  }

  /// `source` `[keys, D]` transposed as the right operand of `product` (Kᵀ, Vᵀ), packed into `buffer`.
  public func rightTransposed(
    _ source: UnsafePointer<Float>, _ keys: Int, of product: ProductCall, into buffer: AlignedBytes
  ) -> UnsafeRawPointer {
    switch (kind, product.packedLayout) {
    case (.bfloat16, _):
      product.packRounded(source, transposed: true, stride: headSize, k: headSize, into: buffer.pointer)
    case (_, let layout?):
      for panel in 0..<(keys + layout.columns - 1) / layout.columns {
        Packing.floatTransposed(
          source, stride: headSize, panel: Packing.Panel(panel, n: keys, k: headSize, layout),
          into: buffer.bound(to: Float.self, count: buffer.byteCount / 4))
      }
    default: product.packB(source, transposed: true, stride: headSize, into: buffer.pointer)
    }
    return UnsafeRawPointer(buffer.pointer)
  }
}

/// What was made on first use, by number.
private final class Kept<Made> {
  private let lock = NSLock()
  private var all: [Int: Made] = [:]

  func made(_ number: Int, _ make: () throws -> Made) rethrows -> Made {
    lock.lock()
    defer { lock.unlock() }
    if let known = all[number] { return known }
    let made = try make()
    all[number] = made
    return made
  }
}
