/// One named score: "loss", "strict_f1", "accuracy".
public struct Score: Sendable, Equatable {
  /// The score's name, in snake case.
  public var name: String
  /// Its value, in its own unit (F1 and accuracy from 0 to 1, loss in nats).
  public var value: Double

  /// A name and a value.
  public init(_ name: String, _ value: Double) {
    self.name = name
    self.value = value
  }
}

/// The figures of one label: an entity type or a part of speech.
public struct LabelScore: Sendable, Equatable {
  /// The label's name, without an IOB prefix.
  public var label: String
  /// Correct over predicted, from 0 to 1.
  public var precision: Double
  /// Correct over reference, from 0 to 1.
  public var recall: Double
  /// Harmonic mean of the two, from 0 to 1.
  public var f1: Double
  /// How often the reference has it.
  public var support: Int

  /// All fields, in order.
  public init(label: String, precision: Double, recall: Double, f1: Double, support: Int) {
    self.label = label
    self.precision = precision
    self.recall = recall
    self.f1 = f1
    self.support = support
  }
}

/// What one evaluation gave.
public struct EvaluationReport: Sendable, Equatable {
  /// The stage in which it was made: "mlm", "token".
  public var stage: String
  /// The run's step after which it was made; 0 before the first.
  public var globalStep: Int
  /// What was measured, for people: "validation", "test of the average".
  var what: String { isOfAverage ? split + " of the average" : split }
  /// The step whose parameters were measured, where that is an earlier one (the best checkpoint's test scores).
  public var parametersOfStep: Int?
  /// Whether the parameters were the average of the weights, and not the weights.
  public var isOfAverage: Bool
  /// "validation" or "test".
  public var split: String
  /// The scores; the first is the one shown on the progress line.
  public var scores: [Score]
  /// Figures by label, in the order in which they are to be shown; empty where there are none.
  public var perLabel: [LabelScore]
  /// Wall time of this evaluation.
  public var seconds: Double
  /// The share of the run's wall time, so far, that went into evaluation: 0 to 1.
  public var shareOfRun: Double

  /// All fields, in order.
  public init(
    stage: String, globalStep: Int, split: String, scores: [Score], perLabel: [LabelScore] = [], seconds: Double,
    shareOfRun: Double, parametersOfStep: Int? = nil, isOfAverage: Bool = false
  ) {
    self.stage = stage
    self.globalStep = globalStep
    self.split = split
    self.scores = scores
    self.perLabel = perLabel
    self.seconds = seconds
    self.shareOfRun = shareOfRun
    self.parametersOfStep = parametersOfStep
    self.isOfAverage = isOfAverage
  }
}
