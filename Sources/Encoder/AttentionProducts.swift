import Compute

/// The five small products of attention for one head and a block of 64 queries (32 where fewer are left).
///
/// Keys are padded to a multiple of 32, so that a few shapes serve every length: what the padding computes is never read, or
/// is multiplied by an exact zero.
final class AttentionProducts {
  /// Queries of a block.
  static let block = 64
  /// Scratch that any of these products may need.
  static let scratchByteCount = 1 << 19
  private let headSize: Int
  private var sets: [Int: Set] = [:]

  init(headSize: Int) { self.headSize = headSize }

  /// The products for one padded length and one number of rows.
  struct Set {
    /// scores[rows, keys] = Q · Kᵀ, and the same shape for dP = dO · Vᵀ; B packed.
    let scores: Product
    /// out[rows, D] = P · V, and dQ = dS · K; B plain.
    let weighted: Product
    /// dV[keys, D] (+)= Pᵀ · dO, and dK (+)= dSᵀ · Q; A transposed, B plain.
    let transposed: Product
    let transposedAccumulating: Product
  }

  static func padded(_ count: Int) -> Int { (count + 31) / 32 * 32 }

  /// The products for `keys` keys (padded) and `rows` queries (32 or 64). Made on first use: call outside parallel loops.
  func set(rows: Int, keys: Int) throws -> Set {
    let id = keys * 2 + rows / 64
    if let known = sets[id] { return known }
    let d = headSize
    func make(_ m: Int, _ n: Int, _ k: Int, transposed: Bool, packed: Bool, accumulate: Bool, aStride: Int) throws
      -> Product
    {
      let product = try ProductLibrary.shared.product(
        Product.Shape(
          m: m, n: n, k: k, aStride: aStride, cStride: n, a: .float, b: .float, c: .float, aTransposed: transposed,
          bPacked: packed, accumulate: accumulate))
      guard product.scratchByteCount <= AttentionProducts.scratchByteCount else {
        fatalError("attention product \(m)x\(n)x\(k) wants \(product.scratchByteCount) bytes of scratch")
      }
      return product
    }
    // A head of 64 features is one block of the packed layout, and then plain rows are that layout.
    let made = Set(
      scores: try make(rows, keys, d, transposed: false, packed: true, accumulate: false, aStride: d),
      weighted: try make(
        rows, d, keys, transposed: false, packed: isPlainPacked(keys), accumulate: false, aStride: keys),
      transposed: try make(
        keys, d, rows, transposed: true, packed: isPlainPacked(rows), accumulate: false, aStride: keys),
      transposedAccumulating: try make(
        keys, d, rows, transposed: true, packed: isPlainPacked(rows), accumulate: true, aStride: keys))
    sets[id] = made
    return made
  }

  /// Whether the packed layout of a `[k, D]` operand is its plain rows.
  private func isPlainPacked(_ k: Int) throws -> Bool {
    guard headSize == 64 else { return false }
    let probe = try ProductLibrary.shared.product(
      Product.Shape(m: 32, n: headSize, k: k, aStride: k, cStride: headSize, a: .float, b: .float, c: .float))
    return probe.packedLayout == Product.PackedLayout(columns: 64, interleave: 1, paddedK: k)
  }

  /// Packs `source` `[keys, D]`, plain rows, as the B operand Kᵀ of `scores`.
  static func packTransposed(
    _ source: UnsafePointer<Float>, keys: Int, headSize: Int, for product: Product,
    into packed: UnsafeMutablePointer<Float>
  ) {
    if let layout = product.packedLayout, layout.interleave == 1 {
      for panel in 0..<(keys + layout.columns - 1) / layout.columns {
        Packing.floatTransposed(
          source, stride: headSize, n: keys, k: headSize, panel: panel, paddedK: layout.paddedK,
          columns: layout.columns,
          into: packed)
      }
    } else {
      product.packB(source, transposed: true, stride: headSize, into: packed)
    }
  }
}
