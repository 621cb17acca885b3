import Compute

/// What a thread needs for one chunk of rows or one head. Letters as in `Workspace`; R rows of a chunk, W the wider of H and I.
final class ThreadScratch {
  /// `[R, I]`: GELU's output, or X̂'s values; backward, dY of the intermediate linear.
  let intermediateRows: AlignedBuffer<Float>
  /// `[R, H]`: what is to be added to the stream; backward, dY of the linear that made it.
  let chunkRows: AlignedBuffer<Float>
  /// `[2, W]`, two rows for the moment.
  let rowTemporaries: AlignedBuffer<Float>
  /// `[W]` each: the terms of a site's step and offset gradients.
  let stepTerms: AlignedBuffer<Float>
  let offsetTerms: AlignedBuffer<Float>
  /// `[W]` draws, or the longest sequence's.
  let dropoutDraws: AlignedBuffer<UInt16>
  let products: ProductScratch
  let attention: AttentionScratch

  init(_ d: EncoderDimensions, products: ProductScratch) {
    let widest = max(d.hiddenSize, d.intermediateSize)
    intermediateRows = AlignedBuffer(RowChunk.length * widest)
    chunkRows = AlignedBuffer(RowChunk.length * widest)
    rowTemporaries = AlignedBuffer(2 * max(widest, Embeddings.tableColumns))
    (stepTerms, offsetTerms) = (AlignedBuffer(widest), AlignedBuffer(widest))
    dropoutDraws = AlignedBuffer(DropoutDraws.room(max(widest, d.positionCount + 64)))
    self.products = products
    attention = AttentionScratch(d)
  }
}

/// What a thread needs for one head of one sequence, in blocks of 64 queries. N keys of the longest sequence, D head size,
/// both rounded up to 64.
final class AttentionScratch {
  /// `[64, N]`, scores, then weights; and their gradients.
  let scores: AlignedBuffer<Float>
  let dScores: AlignedBuffer<Float>
  /// `[64, N]`, a teacher's scores.
  let targetScores: AlignedBuffer<Float>
  /// `[2][64, D]`: a block of the context; backward, its gradient, then that of the queries.
  let block: AlignedBuffer<Float>
  /// `[N, D]`.
  let dKeys: AlignedBuffer<Float>
  let dValues: AlignedBuffer<Float>
  /// `[N, D]` each, keys and values as right operands.
  let keysPacked: AlignedBytes
  let valuesPacked: AlignedBytes
  let keyRowsPacked: AlignedBytes
  /// `[N, D]`, a teacher's keys.
  let teacherKeysPacked: AlignedBytes
  /// Operands in another form than float32 rows, where the products ask for one: `[64, N]`, `[64, D]`, `[64, D]`.
  let scoresOperand: AlignedBytes
  let rowsOperand: AlignedBytes
  let rowsPacked: AlignedBytes

  init(_ d: EncoderDimensions) {
    let longest = (d.longestSequence + 63) / 64 * 64
    let columns = (d.headSize + 63) / 64 * 64
    scores = AlignedBuffer(64 * longest)
    dScores = AlignedBuffer(64 * longest)
    targetScores = AlignedBuffer(64 * longest)
    block = AlignedBuffer(2 * 64 * columns)
    dKeys = AlignedBuffer(longest * columns)
    dValues = AlignedBuffer(longest * columns)
    keysPacked = AlignedBytes(byteCount: 4 * longest * columns)
    valuesPacked = AlignedBytes(byteCount: 4 * longest * columns)
    keyRowsPacked = AlignedBytes(byteCount: 4 * longest * columns)
    teacherKeysPacked = AlignedBytes(byteCount: 4 * longest * columns)
    scoresOperand = AlignedBytes(byteCount: 4 * 64 * longest)
    rowsOperand = AlignedBytes(byteCount: 4 * 64 * columns)
    rowsPacked = AlignedBytes(byteCount: 4 * 64 * columns)
  }
}
