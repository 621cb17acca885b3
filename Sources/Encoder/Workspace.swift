import Compute

/// Everything that one slice leaves behind in its forward pass for its backward pass, and what both use on the way. Made for
/// a number of tokens and used again for every slice.
///
/// Letters: T tokens (rounded up to whole chunks), H hidden, I intermediate, A heads, D head size.
final class Workspace {
  /// What an activation site keeps.
  struct SiteTrace {
    /// `[T, width]`, level + 128.
    let codes: AlignedBuffer<UInt8>
    /// `[T]`, what a level of each token's stands for.
    let levelScales: AlignedBuffer<Float>

    init(width: Int, tokens: Int) { (codes, levelScales) = (AlignedBuffer(tokens * width), AlignedBuffer(tokens)) }
  }

  /// What one layer keeps.
  final class LayerTrace {
    let sites: PerCase<ActivationSite, SiteTrace>
    /// Query, key and value by head: `[3][A][T + 64][D]`.
    let heads: AlignedBuffer<Float>
    /// `[T, H]`, what attention gave.
    let context: AlignedBuffer<Float>
    /// `[A, T]`, scale·max + ln Σ of each softmax.
    let logSum: AlignedBuffer<Float>
    /// `[T, I]`, before GELU.
    let preActivation: AlignedBuffer<Float>

    init(_ d: EncoderDimensions, tokens: Int) {
      sites = PerCase { SiteTrace(width: $0.width.size(d), tokens: tokens) }
      heads = AlignedBuffer(3 * d.headCount * Workspace.headStride(d, capacity: tokens))
      context = AlignedBuffer(tokens * d.hiddenSize)
      logSum = AlignedBuffer(d.headCount * tokens)
      preActivation = AlignedBuffer(tokens * d.intermediateSize)
    }
  }

  /// What a layer norm keeps.
  final class NormTrace {
    /// `[T, H]`, (x − mean)/σ.
    let normalised: AlignedBuffer<Float>
    /// `[T]`, 1/σ.
    let inverse: AlignedBuffer<Float>

    init(_ d: EncoderDimensions, tokens: Int) {
      normalised = AlignedBuffer(tokens * d.hiddenSize)
      inverse = AlignedBuffer(tokens)
    }
  }

  let capacity: Int
  let layers: [LayerTrace]
  /// The norm after the embeddings, then two a layer.
  let norms: [NormTrace]
  /// `[T, H]`, the residual stream: a layer's input, then its output.
  let stream: AlignedBuffer<Float>
  /// `[T, H]`, its gradient, and that of attention's context.
  let dStream: AlignedBuffer<Float>
  let dContext: AlignedBuffer<Float>
  /// Gradients to the outputs of the six linears of a layer.
  let dOutputs: PerCase<LinearRole, TiledGradient>
  /// X̂ of the four activation sites of a layer, for the products that make weight gradients.
  let packedInputs: PerCase<ActivationSite, PackedInput>
  /// `[chunks, ChunkSums.width]`, sums over each chunk's tokens, combined in the order of the chunks.
  let chunkSums: AlignedBuffer<Float>
  let chunkSumPlaces: ChunkSumPlaces
  /// One a thread.
  let scratch: [ThreadScratch]
  let productScratch: [ProductScratch]
  /// Slices that have passed through: a trace holds for the last one alone.
  var passCount = 0

  /// Elements from one head's rows to the next's: 64 rows more than tokens, which the products of the last sequence read.
  static func headStride(_ d: EncoderDimensions, capacity: Int) -> Int { (capacity + 64) * d.headSize }

  init(_ d: EncoderDimensions, tokens: Int, libraryByteCount: Int) {
    let tokens = RowChunk.count(tokens) * RowChunk.length
    capacity = tokens
    let h = d.hiddenSize
    layers = (0..<d.layerCount).map { _ in LayerTrace(d, tokens: tokens) }
    norms = (0...2 * d.layerCount).map { _ in NormTrace(d, tokens: tokens) }
    stream = AlignedBuffer(tokens * h)
    dStream = AlignedBuffer(tokens * h)
    dContext = AlignedBuffer(tokens * h)
    dOutputs = PerCase { TiledGradient(width: $0.outputWidth.size(d), tokens: tokens) }
    packedInputs = PerCase { PackedInput(width: $0.width.size(d), tokens: tokens) }
    chunkSumPlaces = ChunkSumPlaces(d)
    chunkSums = AlignedBuffer(RowChunk.count(tokens) * chunkSumPlaces.width)
    let products = (0..<Threads.count).map { _ in
      ProductScratch(
        widest: max(h, d.intermediateSize), slotWidth: h,
        tileWidth: max(h, PreparedMatrix.panel(d.intermediateSize)), libraryByteCount: libraryByteCount)
    }
    productScratch = products
    scratch = products.map { ThreadScratch(d, products: $0) }
  }
}

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
  /// `[2][64, D]`: a block of the context; backward, its gradient, then that of the queries.
  let block: AlignedBuffer<Float>
  /// `[N, D]`.
  let dKeys: AlignedBuffer<Float>
  let dValues: AlignedBuffer<Float>
  /// `[N, D]` each, keys and values as right operands.
  let keysPacked: AlignedBytes
  let valuesPacked: AlignedBytes
  let keyRowsPacked: AlignedBytes
  /// Operands in another form than float32 rows, where the products ask for one: `[64, N]`, `[64, D]`, `[64, D]`.
  let scoresOperand: AlignedBytes
  let rowsOperand: AlignedBytes
  let rowsPacked: AlignedBytes

  init(_ d: EncoderDimensions) {
    let longest = (d.longestSequence + 63) / 64 * 64
    let columns = (d.headSize + 63) / 64 * 64
    scores = AlignedBuffer(64 * longest)
    dScores = AlignedBuffer(64 * longest)
    block = AlignedBuffer(2 * 64 * columns)
    dKeys = AlignedBuffer(longest * columns)
    dValues = AlignedBuffer(longest * columns)
    keysPacked = AlignedBytes(byteCount: 4 * longest * columns)
    valuesPacked = AlignedBytes(byteCount: 4 * longest * columns)
    keyRowsPacked = AlignedBytes(byteCount: 4 * longest * columns)
    scoresOperand = AlignedBytes(byteCount: 4 * 64 * longest)
    rowsOperand = AlignedBytes(byteCount: 4 * 64 * columns)
    rowsPacked = AlignedBytes(byteCount: 4 * 64 * columns)
  }
}
