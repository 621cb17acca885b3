/// What one thread's products work in. Each buffer is written before it is read, whatever an earlier product left in it.
///
/// Letters: R rows of a chunk (`RowChunk.length`), W the widest row.
public final class ProductScratch {
  /// `[R, panel]`, float32 sums of one panel.
  let sums: AlignedBuffer<Float>
  /// `[2, R, panel]`, 32-bit sums of one panel; of limbs: low rows, then high rows.
  let integerSums: AlignedBuffer<Int32>
  /// `[R, W]`, a left operand's levels in float32, where products of codes are made so.
  let codeOperand: AlignedBuffer<Float>
  /// `[R, W]`, a left operand in bfloat16.
  let bfloat16Operand: AlignedBuffer<UInt16>
  /// `[slot][2, R, outputs]`, a chunk's dY in limbs, up to three matrices side by side: low rows, then high rows; or in codes
  /// of one byte.
  let splitOperand: AlignedBuffer<UInt8>
  /// `[slot][R]`, each row's scale.
  let splitScales: AlignedBuffer<Float>
  /// `[W]` draws, which round a row of dY.
  let roundingDraws: AlignedBuffer<UInt16>
  /// `[2, W]`, two rows of X̂ on their way into the packed layout.
  let inputRowPair: AlignedBuffer<Float>
  /// What splitting the columns of a tile of dY takes.
  let splitColumns: SplitInt16.ColumnScratch
  /// `[128, widest panel of inputs]`, a tile of a weight gradient.
  let tile: AlignedBuffer<Float>
  private let library: AlignedBytes

  /// Matrices whose gradients may lie side by side in limbs.
  static let slotCount = 3

  /// - Parameters:
  ///   - widest: W.
  ///   - slotWidth: outputs of the matrices that lie side by side.
  ///   - tileWidth: the widest panel of inputs, and the widest input of a head.
  ///   - libraryByteCount: what the library asks for.
  public init(widest: Int, slotWidth: Int, tileWidth: Int, libraryByteCount: Int) {
    let rows = RowChunk.length
    sums = AlignedBuffer(rows * widest)
    integerSums = AlignedBuffer(2 * rows * widest)
    codeOperand = AlignedBuffer(rows * widest)
    bfloat16Operand = AlignedBuffer(rows * widest)
    splitOperand = AlignedBuffer(2 * rows * max(ProductScratch.slotCount * slotWidth, widest))
    splitScales = AlignedBuffer(ProductScratch.slotCount * rows)
    roundingDraws = AlignedBuffer(DropoutDraws.room(widest))
    inputRowPair = AlignedBuffer(2 * widest)
    splitColumns = SplitInt16.ColumnScratch(rows: TokenBlock.longest, columns: TiledGradient.tileWidth)
    tile = AlignedBuffer(TiledGradient.tileWidth * tileWidth)
    library = AlignedBytes(byteCount: libraryByteCount + 64)
  }

  /// The library's own scratch.
  public var libraryPointer: UnsafeMutableRawPointer { library.pointer }

  /// Room for a tile of `count` floats.
  public func tile(_ count: Int) -> UnsafeMutablePointer<Float> {
    guard count <= tile.count else { fatalError("a tile of \(count) floats in room for \(tile.count)") }
    return tile.pointer
  }
}
