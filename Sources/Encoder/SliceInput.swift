import Base

/// One slice as the encoder sees it: the tokens of its sequences end to end, with no padding.
public struct SliceInput {
  /// `[tokens]`.
  public var ids: [Int32]
  /// Tokens of each sequence, in order.
  public var lengths: [Int]
  /// `[tokens]`; `TokenLabel.ignored` where there is no loss.
  public var labels: [Int32]
  /// The place of each sequence in the global batch: draws are keyed by it.
  public var sequenceNumbers: [UInt32]

  public init(ids: [Int32], lengths: [Int], labels: [Int32], sequenceNumbers: [UInt32]? = nil) {
    precondition(lengths.reduce(0, +) == ids.count && labels.count == ids.count, "SliceInput: counts differ")
    self.ids = ids
    self.lengths = lengths
    self.labels = labels
    self.sequenceNumbers = sequenceNumbers ?? lengths.indices.map { UInt32($0) }
  }

  public var tokenCount: Int { ids.count }
  public var labelledTokenCount: Int { labels.reduce(0) { $0 + ($1 == TokenLabel.ignored ? 0 : 1) } }
}

/// What a user's data can do wrong to a model.
public enum EncoderError: Error, CustomStringConvertible {
  case tokenOutOfRange(id: Int32, vocabulary: Int)
  case sequenceTooLong(tokens: Int, longest: Int)
  case labelOutOfRange(label: Int32, count: Int)

  public var description: String {
    switch self {
    case .tokenOutOfRange(let id, let vocabulary):
      "token id \(id) is outside the model's vocabulary of \(vocabulary): the tokenizer and the checkpoint do not belong together"
    case .sequenceTooLong(let tokens, let longest):
      "a sequence has \(tokens) tokens and the model has positions for \(longest): lower block_length or maximum_tokens"
    case .labelOutOfRange(let label, let count):
      "label \(label) is outside the head's \(count) classes: the corpus and the checkpoint's labels do not belong together"
    }
  }
}
