import Compute

/// Everything that one slice leaves behind in its forward pass for its backward pass, and what both use on the way. Made for
/// a number of tokens and used again for every slice.
///
/// Letters: T tokens (rounded up to whole chunks), H hidden, I intermediate, A heads, D head size.
final class Workspace {
  /// What one layer keeps.
  final class LayerTrace {
    /// Codes of the four activation sites, and what a level of each token's is worth.
    let codes: [AlignedBuffer<UInt8>]
    let worths: [AlignedBuffer<Float>]
    /// Query, key and value by head: `[3][A][T + 64][D]`.
    let heads: AlignedBuffer<Float>
    /// `[T, H]`, what attention gave.
    let context: AlignedBuffer<Float>
    /// `[A, T]`, scale·max + ln Σ of each softmax.
    let logSum: AlignedBuffer<Float>
    /// `[T, I]`, before GELU.
    let preActivation: AlignedBuffer<Float>

    init(_ d: EncoderDimensions, tokens: Int) {
      let widths = [d.hiddenSize, d.hiddenSize, d.hiddenSize, d.intermediateSize]
      codes = widths.map { AlignedBuffer(tokens * $0) }
      worths = widths.map { _ in AlignedBuffer(tokens) }
      heads = AlignedBuffer(3 * d.headCount * (tokens + 64) * d.headSize)
      context = AlignedBuffer(tokens * d.hiddenSize)
      logSum = AlignedBuffer(d.headCount * tokens)
      preActivation = AlignedBuffer(tokens * d.intermediateSize)
    }
  }

  /// What a layer norm keeps: its normalised rows `[T, H]` and each row's 1/σ.
  final class NormTrace {
    let normalised: AlignedBuffer<Float>
    let inverse: AlignedBuffer<Float>
    init(_ d: EncoderDimensions, tokens: Int) {
      normalised = AlignedBuffer(tokens * d.hiddenSize)
      inverse = AlignedBuffer(tokens)
    }
  }

  /// What a thread needs for one chunk of rows or one head.
  final class ThreadScratch {
    let wide: AlignedBuffer<Float>
    let sums: AlignedBuffer<Float>
    let other: AlignedBuffer<Float>
    let rows: AlignedBuffer<Float>
    let draws: AlignedBuffer<UInt16>
    let half: AlignedBuffer<UInt16>
    /// A chunk's dY in limbs, up to three linears side by side: low rows, then high rows; and each row's scale.
    let limbs: AlignedBuffer<UInt8>
    let limbScales: AlignedBuffer<Float>
    /// Sums of products of limbs: low rows, then high rows, of one panel.
    let limbSums: AlignedBuffer<Int32>
    /// What splitting the columns of a tile of dY takes.
    let columnScratch: SplitInt16.ColumnScratch
    let product: AlignedBuffer<UInt8>
    let attention: AttentionScratch

    init(_ d: EncoderDimensions, productBytes: Int, attentionProductBytes: Int) {
      let widest = max(d.hiddenSize, d.intermediateSize)
      wide = AlignedBuffer(RowProducts.chunk * widest)
      columnScratch = SplitInt16.ColumnScratch(rows: WeightGradientTile.tokens, columns: WeightGradientTile.rows)
      sums = AlignedBuffer(RowProducts.chunk * widest)
      other = AlignedBuffer(RowProducts.chunk * widest)
      rows = AlignedBuffer(max(4 * widest, 2 * EncoderModel.tableColumns))
      half = AlignedBuffer(RowProducts.chunk * widest)
      limbs = AlignedBuffer(2 * RowProducts.chunk * max(3 * d.hiddenSize, d.intermediateSize))
      limbScales = AlignedBuffer(3 * RowProducts.chunk)
      limbSums = AlignedBuffer(2 * RowProducts.chunk * widest)
      draws = AlignedBuffer(DropoutDraws.room(max(widest, d.positionCount + 64)))
      product = AlignedBuffer(max(productBytes, attentionProductBytes) + 64)
      attention = AttentionScratch(d)
    }
  }

  /// What a thread needs for one head of one sequence.
  final class AttentionScratch {
    let scores: AlignedBuffer<Float>
    let dScores: AlignedBuffer<Float>
    let keysPacked: AlignedBuffer<Float>
    let valuesPacked: AlignedBuffer<Float>
    let block: AlignedBuffer<Float>
    let dKeys: AlignedBuffer<Float>
    let dValues: AlignedBuffer<Float>
    /// Operands in another form than float32 rows, where the products ask for one.
    let scoresOperand: AlignedBuffer<Float>
    let rowsOperand: AlignedBuffer<Float>
    let rowsPacked: AlignedBuffer<Float>
    let keyRowsPacked: AlignedBuffer<Float>
    init(_ d: EncoderDimensions) {
      let longest = (d.longestSequence + 63) / 64 * 64
      let columns = (d.headSize + 63) / 64 * 64
      scores = AlignedBuffer(64 * longest)
      dScores = AlignedBuffer(64 * longest)
      keysPacked = AlignedBuffer(longest * columns)
      valuesPacked = AlignedBuffer(longest * columns)
      block = AlignedBuffer(2 * 64 * columns)
      dKeys = AlignedBuffer(longest * columns)
      dValues = AlignedBuffer(longest * columns)
      scoresOperand = AlignedBuffer(64 * longest)
      rowsOperand = AlignedBuffer(64 * columns)
      rowsPacked = AlignedBuffer(64 * columns)
      keyRowsPacked = AlignedBuffer(longest * columns)
    }
  }

  let capacity: Int
  let layers: [LayerTrace]
  /// The norm after the embeddings, then two a layer.
  let norms: [NormTrace]
  /// `[T, H]`, the residual stream: a layer's input, then its output.
  let stream: AlignedBuffer<Float>
  let dStream: AlignedBuffer<Float>
  let dContext: AlignedBuffer<Float>
  /// Gradients to the outputs of query, key and value, of the attention output, the feed-forward output and its input.
  let dHeads: [TiledGradient]
  let dAttentionOutput: TiledGradient
  let dOutput: TiledGradient
  let dWide: TiledGradient
  /// X̂ of the four activation sites of a layer, for the products that make weight gradients.
  let inputsPacked: [PackedInput]
  /// A tile of a weight gradient for each thread.
  let tiles: [AlignedBuffer<Float>]
  /// Sums over each chunk's tokens of the vectors' gradients, combined in the order of the chunks.
  let partials: AlignedBuffer<Float>
  let partialWidth: Int
  let scratch: [ThreadScratch]

  init(
    _ d: EncoderDimensions, tokens: Int, productBytes: Int, attentionProductBytes: Int, tileCount: Int
  ) {
    let tokens = (tokens + RowProducts.chunk - 1) / RowProducts.chunk * RowProducts.chunk
    capacity = tokens
    let (h, i) = (d.hiddenSize, d.intermediateSize)
    layers = (0..<d.layerCount).map { _ in LayerTrace(d, tokens: tokens) }
    norms = (0...2 * d.layerCount).map { _ in NormTrace(d, tokens: tokens) }
    stream = AlignedBuffer(tokens * h)
    dStream = AlignedBuffer(tokens * h)
    dContext = AlignedBuffer(tokens * h)
    dHeads = (0..<3).map { _ in TiledGradient(width: h, tokens: tokens) }
    dAttentionOutput = TiledGradient(width: h, tokens: tokens)
    dOutput = TiledGradient(width: h, tokens: tokens)
    dWide = TiledGradient(width: i, tokens: tokens)
    inputsPacked = [h, h, h, i].map { PackedInput(width: $0, tokens: tokens) }
    partialWidth = BackwardPartials.width(d)
    partials = AlignedBuffer(tokens / RowProducts.chunk * partialWidth)
    tiles = (0..<Threads.count).map { _ in AlignedBuffer(tileCount) }
    scratch = (0..<Threads.count).map { _ in
      ThreadScratch(d, productBytes: productBytes, attentionProductBytes: attentionProductBytes)
    }
  }
}

/// Where each vector's sums lie in a chunk's partial sums.
struct BackwardPartials {
  let outputNormWeight, outputNormBias, outputBias, wideBias, attentionNormWeight, attentionNormBias: Int
  let attentionOutputBias, headsBias: Int
  /// Step and offset of the four sites: eight floats.
  let sites: Int

  init(_ d: EncoderDimensions) {
    let (h, i) = (d.hiddenSize, d.intermediateSize)
    outputNormWeight = 0
    outputNormBias = h
    outputBias = 2 * h
    wideBias = 3 * h
    attentionNormWeight = 3 * h + i
    attentionNormBias = 4 * h + i
    attentionOutputBias = 5 * h + i
    headsBias = 6 * h + i
    sites = 9 * h + i
  }

  static func width(_ d: EncoderDimensions) -> Int { (BackwardPartials(d).sites + 8 + 15) / 16 * 16 }
}
