/// The five small products of attention for one head and a block of 64 queries (32 where fewer are left).
///
/// Keys are padded to a multiple of 32, so that a few shapes serve every length: what the padding computes is never read, or
/// is multiplied by an exact zero.
public final class AttentionProducts {
  /// Queries of a block.
  public static let block = 64
  /// Scratch that any of these products may need.
  public static let scratchByteCount = 1 << 19
  let headSize: Int
  /// float32, or bfloat16 with float32 sums; softmax is float32 in both.
  let kind: ElementKind
  private var sets: [Int: Set] = [:]

  public init(headSize: Int, kind: ElementKind) { (self.headSize, self.kind) = (headSize, kind) }

  /// The products for one padded length and one number of rows.
  public struct Set {
    /// scores[rows, keys] = Q · Kᵀ, and the same shape for dP = dO · Vᵀ; B packed.
    public let scores: ProductCall
    /// out[rows, D] = P · V, and dQ = dS · K; B plain in float32, packed in bfloat16.
    public let weighted: ProductCall
    /// dV[keys, D] (+)= Pᵀ · dO, and dK (+)= dSᵀ · Q; A transposed, B as in `weighted`.
    public let transposed: ProductCall
    public let transposedAccumulating: ProductCall
  }

  public static func padded(_ count: Int) -> Int { (count + 31) / 32 * 32 }

  /// The products for `keys` keys (padded) and `rows` queries (32 or 64). Made on first use: call outside parallel loops.
  public func set(rows: Int, keys: Int) throws -> Set {
    let id = keys * 2 + rows / 64
    if let known = sets[id] { return known }
    let d = headSize
    func make(_ m: Int, _ n: Int, _ k: Int, transposed: Bool, packed: Bool, accumulate: Bool, aStride: Int) throws
      -> ProductCall
    {
      let product = try ProductLibrary.shared.product(
        Product.Shape(
          m: m, n: n, k: k, aStride: aStride, cStride: n, a: kind, b: kind, c: .float, aTransposed: transposed,
          bPacked: packed, accumulate: accumulate))
      guard product.scratchByteCount <= AttentionProducts.scratchByteCount else {
        fatalError("attention product \(m)x\(n)x\(k) wants \(product.scratchByteCount) bytes of scratch")
      }
      return ProductCall(product)
    }
    // A head of 64 features is one block of the packed layout, and then plain rows are that layout.
    let made = Set(
      scores: try make(rows, keys, d, transposed: false, packed: true, accumulate: false, aStride: d),
      weighted: try make(
        rows, d, keys, transposed: false, packed: readsPacked(keys), accumulate: false, aStride: keys),
      transposed: try make(
        keys, d, rows, transposed: true, packed: readsPacked(rows), accumulate: false, aStride: keys),
      transposedAccumulating: try make(
        keys, d, rows, transposed: true, packed: readsPacked(rows), accumulate: true, aStride: keys))
    sets[id] = made
    return made
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
