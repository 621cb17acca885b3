/// What a stage is expected to cost, before it has begun.
public struct StagePlan: Sendable, Equatable {
  /// The stage's short name, as in `StepReport.stage`.
  public var stage: String
  /// Its steps.
  public var steps: Int
  /// The real tokens of a step, about: what the first guess of a stage's speed rests on. Nil when not known.
  public var tokensPerStep: Double?

  /// All fields, in order.
  public init(stage: String, steps: Int, tokensPerStep: Double? = nil) {
    self.stage = stage
    self.steps = steps
    self.tokensPerStep = tokensPerStep
  }
}

/// Estimates the time that a run still takes, with a speed of its own for every stage.
///
/// time left = Σ over stages (steps left · seconds per step) + steps left · evaluation seconds per step so far. A stage's
/// seconds per step are those of its last steps. For a stage not yet begun, they follow from the tokens of its steps at the
/// present stage's tokens per second, or are the present stage's where the tokens are not known.
public struct TimeLeft {
  private let plan: [StagePlan]
  private var speeds: [String: SlidingSpeed] = [:]
  private var last: StepReport?
  private var firstStep: Int?
  private var evaluationSeconds = 0.0

  /// - Parameter plan: the stages of the run, in order; may be empty, then all steps count as the present stage's.
  public init(plan: [StagePlan] = []) { self.plan = plan }

  /// Takes in a step.
  public mutating func add(_ report: StepReport) {
    // The first step of a stage also makes its products and buffers: it is no measure once there is another.
    if report.step == 2 { speeds[report.stage]?.clear() }
    speeds[report.stage, default: SlidingSpeed(window: 60)].add(report)
    firstStep = firstStep ?? report.globalStep
    last = report
  }

  /// Takes in an evaluation: its kind will come again as often as before.
  public mutating func add(_ report: EvaluationReport) {
    if firstStep != nil { evaluationSeconds += max(report.seconds, 0) }
  }

  /// Seconds left; nil before the first step.
  public var seconds: Double? {
    guard let last, let firstStep, let present = speeds[last.stage]?.secondsPerStep else { return nil }
    let inStage = max(last.stageSteps - last.step, 0)
    let inRun = max(last.totalSteps - last.globalStep, 0)
    var left = Double(inStage) * present
    var unplanned = max(inRun - inStage, 0)
    for stage in stagesAfter(last.stage) {
      let steps = min(max(stage.steps, 0), unplanned)
      left += Double(steps) * guess(stage, present: present)
      unplanned -= steps
    }
    left += Double(unplanned) * present
    let stepsSeen = Double(last.globalStep - firstStep + 1)
    return left + Double(inRun) * evaluationSeconds / max(stepsSeen, 1)
  }

  private func stagesAfter(_ stage: String) -> ArraySlice<StagePlan> {
    guard let index = plan.firstIndex(where: { $0.stage == stage }) else { return [] }
    return plan[(index + 1)...]
  }

  private func guess(_ stage: StagePlan, present: Double) -> Double {
    if let known = speeds[stage.stage]?.secondsPerStep { return known }
    guard let tokens = stage.tokensPerStep, let last, let speed = speeds[last.stage]?.tokensPerSecond, speed > 0 else {
      return present
    }
    return tokens / speed
  }
}
