import Quantization

extension RunConfiguration {
  /// How many optimization steps, and how they are shared between the stages.
  public struct Budget: SettingsSection {
    /// B_Total: the steps of both stages together.
    public var totalSteps = 30_000
    /// α: the share of the first stage, in [0, 1]; 1 leaves a masked-LM checkpoint.
    public var alpha = 0.3

    /// The paper's budget.
    public init() {}

    /// B_DAPT = round(α·B_Total): the steps of masked-language modelling.
    public var pretrainingSteps: Int { Int((alpha * Double(totalSteps)).rounded()) }
    /// B_FT = B_Total − B_DAPT: the steps of token classification.
    public var fineTuningSteps: Int { totalSteps - pretrainingSteps }

    /// The keys of this section.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.integer("total_steps", &totalSteps, 1...100_000_000, "optimization steps of both stages together")
      try visitor.number(
        "alpha", &alpha, .from(0, through: 1),
        "share of the first stage; 0 skips it, 1 leaves its masked-LM checkpoint and no second stage")
    }
  }

  /// The global batch.
  public struct Batch: SettingsSection {
    /// Sequences in a step, over all ranks.
    public var size = 96

    /// The paper's batch.
    public init() {}

    /// The keys of this section.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.integer("size", &size, 1...65_536, "sequences in a step, over all ranks")
    }
  }

  /// What the learning rate does after its warm-up.
  public enum ScheduleKind: String, SettingsChoice {
    /// A line down to the final share at the stage's end.
    case linear
    /// Half a cosine down to it (Loshchilov and Hutter 2017).
    case cosine
    /// Warm-up, stable, decay: constant, then down over the stage's last part (Hu et al. 2024; Hägele et al. 2024).
    case wsd
    /// The peak to the end.
    case constant
  }

  /// How the last part of a `wsd` stage falls.
  public enum DecayShape: String, SettingsChoice {
    /// 1 − √x over the part (Hägele et al. 2024).
    case sqrt
    /// 1 − x.
    case linear
  }

  /// AdamW and its schedule: linear warm-up, then what `schedule` says.
  public struct Optimizer: SettingsSection {
    /// The peak of the schedule.
    public var learningRate = 5e-6
    /// What the rate does after its warm-up.
    public var schedule = ScheduleKind.linear
    /// The share of a stage's steps over which the rate rises.
    public var warmupFraction = 0.1
    /// The steps over which it rises, whatever the stage's length; 0: `warmupFraction` says.
    public var warmupSteps = 0
    /// The share of the peak at which linear, cosine and wsd end.
    public var finalShare = 0.0
    /// The share of a wsd stage over which the rate falls, at its end.
    public var decayShare = 0.1
    /// How it falls there.
    public var decayShape = DecayShape.sqrt
    /// Decay of the first moment.
    public var beta1 = 0.9
    /// Decay of the second moment.
    public var beta2 = 0.98
    /// Added to the root of the second moment.
    public var epsilon = 1e-8
    /// Decoupled decay of matrices and tables.
    public var weightDecay = 0.01
    /// The gradient's norm over all parameters is cut to this.
    public var maxGradientNorm = 1.0
    /// How step sizes and offsets are moved.
    public var stepRule = StepRule.log
    /// The peak of the steps' schedule under the logarithmic rule: the largest relative change of a step at an update.
    public var stepLearningRate = 1e-3
    /// Under the linear rule, the rate of steps and offsets over that of the other parameters.
    public var stepRateFactor = 1.0
    /// Whether the first stage follows the schedule of a run with α → 1 and is cut off at α, as the published code does.
    public var oneSchedule = false
    /// The share of the budget that the one schedule runs over.
    public var scheduleShare = 1.0

    /// The paper's settings.
    public init() {}

    /// The steps of the one schedule that a first stage may be cut from.
    public func oneScheduleSteps(of budget: Budget) -> Int {
      max(Int((scheduleShare * Double(budget.totalSteps)).rounded()), budget.pretrainingSteps)
    }

    /// The first updates of a stage of so many steps, which warm up.
    public func warmupSteps(of stepCount: Int) -> Int {
      warmupSteps > 0 ? warmupSteps : Int((warmupFraction * Double(stepCount)).rounded())
    }

    /// The last updates of a stage of so many steps, over which `wsd` falls.
    public func decaySteps(of stepCount: Int) -> Int { Int((decayShare * Double(stepCount)).rounded()) }

    /// The keys of this section.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.number("learning_rate", &learningRate, .above(0, through: 1), "peak of the schedule, both stages")
      try visitor.choice("schedule", &schedule, "what the rate does after its warm-up")
      try visitor.number("warmup_fraction", &warmupFraction, .from(0, through: 1), "share of a stage's steps")
      try visitor.integer(
        "warmup_steps", &warmupSteps, 0...100_000_000,
        "steps of warm-up, the same in stages of any length; 0: warmup_fraction of the stage")
      try visitor.number(
        "final_share", &finalShare, .from(0, through: 1), "share of the peak at which linear, cosine and wsd end")
      try visitor.number(
        "decay_share", &decayShare, .above(0, through: 1),
        "under wsd: share of a stage, at its end, over which the rate falls")
      try visitor.choice("decay_shape", &decayShape, "under wsd: falls as 1 − √x or 1 − x of that part")
      try visitor.number("beta1", &beta1, .from(0, below: 1), "decay of the first moment")
      try visitor.number("beta2", &beta2, .from(0, below: 1), "decay of the second moment")
      try visitor.number("epsilon", &epsilon, .above(0, through: 1), "added to the root of the second moment")
      try visitor.number("weight_decay", &weightDecay, .from(0, below: 1), "decoupled decay of matrices and tables")
      try visitor.number("max_gradient_norm", &maxGradientNorm, .above(0, through: 1e6), "gradients are cut to it")
      try visitor.choice("step_rule", &stepRule, "how step sizes and offsets are moved")
      try visitor.number(
        "step_learning_rate", &stepLearningRate, .above(0, through: 1),
        "under log: the peak of the steps' schedule, a step's largest relative change at an update")
      try visitor.number(
        "step_rate_factor", &stepRateFactor, .from(0, through: 1e6), "under linear: steps' rate over learning_rate")
      try visitor.flag("one_schedule", &oneSchedule, "cut the first stage from one long schedule")
      try visitor.number(
        "schedule_share", &scheduleShare, .above(0, through: 1), "share of the budget that the one schedule runs over")
    }
  }
}
