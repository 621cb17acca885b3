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
  /// Whether each layer has a trace of its own, which a backward pass and a student read; else all write over one, and what
  /// only a backward pass needs has no room.
  let keepsTraces: Bool
  let layers: [LayerTrace]
  /// The norm after the embeddings, then two a layer.
  let norms: [NormTrace]
  /// `[T, H]`, the residual stream: a layer's input, then its output.
  let stream: AlignedBuffer<Float>
  /// `[T, H]`, its gradient, and that of attention's context.
  let dStream: AlignedBuffer<Float>
  let dContext: AlignedBuffer<Float>
  /// The same of the labelled rows, where the last layer runs on these alone: `[T, H]` each, rows end to end.
  let labelledStream: AlignedBuffer<Float>
  let dLabelledStream: AlignedBuffer<Float>
  /// And what its queries read, for the forward pass and packed for their weight gradient.
  let labelledInput: SiteTrace
  let packedLabelledInput: PackedInput
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

  init(_ d: EncoderDimensions, tokens: Int, libraryByteCount: Int, keepsTraces: Bool) {
    // Products read up to 31 rows more than a chunk has; chunks that are not full may end anywhere.
    let tokens = RowChunk.count(tokens) * RowChunk.length + (keepsTraces ? 0 : 32)
    let backwardTokens = keepsTraces ? tokens : 0
    (capacity, self.keepsTraces) = (tokens, keepsTraces)
    let h = d.hiddenSize
    layers =
      keepsTraces
      ? (0..<d.layerCount).map { _ in LayerTrace(d, tokens: tokens) }
      : [LayerTrace](repeating: LayerTrace(d, tokens: tokens), count: d.layerCount)
    norms =
      keepsTraces
      ? (0...2 * d.layerCount).map { _ in NormTrace(d, tokens: tokens) }
      : [NormTrace](repeating: NormTrace(d, tokens: tokens), count: 2 * d.layerCount + 1)
    stream = AlignedBuffer(tokens * h)
    dStream = AlignedBuffer(backwardTokens * h)
    dContext = AlignedBuffer(backwardTokens * h)
    (labelledStream, dLabelledStream) = (AlignedBuffer(tokens * h), AlignedBuffer(backwardTokens * h))
    labelledInput = SiteTrace(width: h, tokens: tokens)
    packedLabelledInput = PackedInput(width: h, tokens: backwardTokens)
    dOutputs = PerCase { TiledGradient(width: $0.outputWidth.size(d), tokens: backwardTokens) }
    packedInputs = PerCase { PackedInput(width: $0.width.size(d), tokens: backwardTokens) }
    chunkSumPlaces = ChunkSumPlaces(d)
    chunkSums = AlignedBuffer(RowChunk.count(backwardTokens) * chunkSumPlaces.width)
    let products = (0..<Threads.count).map { _ in
      ProductScratch(
        widest: max(h, d.intermediateSize), slotWidth: h,
        tileWidth: max(h, PreparedMatrix.panel(d.intermediateSize)), libraryByteCount: libraryByteCount)
    }
    productScratch = products
    scratch = products.map { ThreadScratch(d, products: $0) }
  }
}
