/// What one optimizer step gave.
public struct StepReport: Sendable, Equatable {
  /// The stage's short name: "mlm", "token".
  public var stage: String
  /// The step within its stage, from 1.
  public var step: Int
  /// The steps of this stage.
  public var stageSteps: Int
  /// The step within the run, from 1.
  public var globalStep: Int
  /// The steps of the run.
  public var totalSteps: Int
  /// Mean cross-entropy over the labelled tokens of the global batch, in nats; with a teacher, the weighted sum of all parts.
  public var loss: Double
  /// The parts, unweighted; empty without a teacher.
  public var lossParts: [Score] = []
  /// The learning rate of this step's update.
  public var learningRate: Double
  /// The global gradient norm, before clipping.
  public var gradientNorm: Double
  /// The real tokens of the global batch, over all ranks.
  public var tokens: Int
  /// Wall time of the step, evaluation and checkpoints not counted.
  public var secondsTotal: Double
  /// The part of `secondsTotal` in which the step waited for communication: what was not hidden.
  public var secondsCommunication: Double
  /// Parts of `secondsTotal` by phase, in seconds.
  public var secondsByPhase: [String: Double]
  /// The speed of the slowest rank as a share of the fastest one's; nil where paces are not measured.
  public var slowestPace: Double?

  /// All fields, in order.
  public init(
    stage: String, step: Int, stageSteps: Int, globalStep: Int, totalSteps: Int, loss: Double, learningRate: Double,
    gradientNorm: Double, tokens: Int, secondsTotal: Double, secondsCommunication: Double = 0,
    secondsByPhase: [String: Double] = [:], slowestPace: Double? = nil
  ) {
    self.stage = stage
    self.step = step
    self.stageSteps = stageSteps
    self.globalStep = globalStep
    self.totalSteps = totalSteps
    self.loss = loss
    self.learningRate = learningRate
    self.gradientNorm = gradientNorm
    self.tokens = tokens
    self.secondsTotal = secondsTotal
    self.secondsCommunication = secondsCommunication
    self.secondsByPhase = secondsByPhase
    self.slowestPace = slowestPace
  }
}
