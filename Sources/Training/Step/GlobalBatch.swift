import Corpus
import Encoder

/// The sequences of one step over all ranks, cut in slices: the same description on every rank.
public struct GlobalBatch {
  public let slices: [Slice]
  /// Labelled tokens of the whole batch: what the loss is a mean over.
  public let labelledTokenCount: Int
  public let tokenCount: Int
  /// Σ n² over the sequences.
  public let pairCount: Int

  package init(_ sequences: [TokenSequence], sliceTokens: Int) {
    slices = Slices.cut(sequences, largestTokenCount: sliceTokens)
    labelledTokenCount = slices.reduce(0) { $0 + $1.labelledTokenCount }
    tokenCount = slices.reduce(0) { $0 + $1.tokenCount }
    pairCount = sequences.reduce(0) { $0 + $1.ids.count * $1.ids.count }
  }
}

extension SliceInput {
  /// A slice as the encoder sees it.
  package init(_ slice: Slice) {
    self.init(
      ids: slice.sequences.flatMap(\.ids), lengths: slice.sequences.map { $0.ids.count },
      labels: slice.sequences.flatMap(\.labels), sequenceNumbers: slice.sequences.map(\.number))
  }
}
