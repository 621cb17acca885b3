/// Precision, recall and F1 of one label or type, or of all together.
public struct LabelScore: Sendable, Equatable {
  /// The label or type; `micro` for all together.
  public let label: String
  /// Predicted and right.
  public let truePositives: Int64
  /// Predicted.
  public let predicted: Int64
  /// In the reference.
  public let reference: Int64

  /// The score of these counts.
  public init(label: String, truePositives: Int64, predicted: Int64, reference: Int64) {
    self.label = label
    self.truePositives = truePositives
    self.predicted = predicted
    self.reference = reference
  }

  /// Right among found; 0 when nothing was found.
  public var precision: Double { predicted == 0 ? 0 : Double(truePositives) / Double(predicted) }
  /// Found among the reference; 0 when the reference has none.
  public var recall: Double { reference == 0 ? 0 : Double(truePositives) / Double(reference) }
  /// Harmonic mean of precision and recall; 0 when both are 0.
  public var f1: Double { truePositives == 0 ? 0 : 2 * precision * recall / (precision + recall) }
}

/// Scores over exact spans and types under one rule.
public struct SpanScores: Sendable, Equatable {
  /// By type, in byte order; types that never occur have zeros.
  public let perType: [LabelScore]
  /// Over all spans, whatever their type.
  public let micro: LabelScore

  init(perType: [LabelScore]) {
    self.perType = perType
    micro = LabelScore(
      label: "micro", truePositives: perType.reduce(0) { $0 + $1.truePositives },
      predicted: perType.reduce(0) { $0 + $1.predicted }, reference: perType.reduce(0) { $0 + $1.reference })
  }
}

/// Entity scores, both ways in common use.
public struct EntityScores: Sendable, Equatable {
  /// An `I-` may open a span: seqeval's default.
  public let lenient: SpanScores
  /// Only a `B-` opens a span: seqeval's `mode="strict", scheme=IOB2`. Nil when the labels are not IOB2.
  public let strict: SpanScores?
  /// Words of the reference, all scored.
  public let wordCount: Int
  /// Words among them without a prediction, counted as predicted `O`.
  public let wordsWithoutPrediction: Int
}

/// Part-of-speech scores.
public struct TagScores: Sendable, Equatable {
  /// Right words among all words of the reference; 0 when there are none.
  public let accuracy: Double
  /// Each label's F1, weighted by its words in the reference (scikit-learn's `average="weighted"`).
  public let weightedF1: Double
  /// By label, in the order of the classes; labels that never occur have zeros.
  public let perLabel: [LabelScore]
  /// Words of the reference, all scored.
  public let wordCount: Int
  /// Words among them without a prediction, counted as wrong.
  public let wordsWithoutPrediction: Int
}
