extension RunConfiguration {
  /// When and how the model is measured.
  public struct Evaluation: SettingsSection {
    /// Evaluations over the whole budget, evenly spread.
    public var points = 120
    /// Whether the best checkpoint is scored on the test split when the run ends.
    public var testAtEnd = true
    /// The largest number of tokens that go through the model at once in an evaluation.
    public var sliceTokens = 2048

    /// 120 points, as the paper's curves.
    public init() {}

    /// The keys of this section.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.integer("points", &points, 1...1_000_000, "evaluations over the whole budget")
      try visitor.flag("test_at_end", &testAtEnd, "score the best checkpoint on the test split")
      try visitor.integer("slice_tokens", &sliceTokens, 8...1_048_576, "tokens through the model at once, at most")
    }
  }

  /// When and how the run is saved.
  public struct Checkpoints: SettingsSection {
    /// Steps between two checkpoints; 0 saves at every evaluation point.
    public var everySteps = 0
    /// How many of the last are kept, beside the best one and the one at α.
    public var keepLast = 3
    /// What a failed write does.
    public var onWriteFailure = OnWriteFailure.proceed
    /// Whether files are written while training goes on.
    public var asynchronous = true

    /// Saved at evaluation points.
    public init() {}

    /// The keys of this section.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.integer("every_steps", &everySteps, 0...100_000_000, "steps between; 0: at every evaluation point")
      try visitor.integer("keep_last", &keepLast, 1...1_000, "how many of the last are kept, beside best and α")
      try visitor.choice("on_write_failure", &onWriteFailure, "go on to the next checkpoint, or stop")
      try visitor.flag("asynchronous", &asynchronous, "write while training goes on")
    }
  }

  /// What a checkpoint that could not be written does to the run.
  public enum OnWriteFailure: String, SettingsChoice {
    /// One warning line; the run goes on to its next checkpoint.
    case proceed = "continue"
    /// The run stops with the error.
    case stop
  }

  /// What stops a run that has gone wrong.
  public struct Guards: SettingsSection {
    /// Steps between two comparisons of the replicas; 0 never compares.
    public var replicaCheckSteps = 100
    /// A loss above this has gone wrong.
    public var lossBound = 1e4
    /// What a NaN, an infinity or a loss beyond the bound does.
    public var onBadNumbers = OnBadNumbers.stop
    /// What a quantizer whose step has run away, or that clips most of its values, does.
    public var onDeadSite = OnDeadSite.warn
    /// How long a collective may take before the run is given up; 0 waits for ever.
    public var collectiveTimeoutSeconds = 600

    /// All guards on.
    public init() {}

    /// The keys of this section.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.integer(
        "replica_check_steps", &replicaCheckSteps, 0...100_000_000, "steps between comparisons; 0: never")
      try visitor.number("loss_bound", &lossBound, .above(0, through: 1e30), "a loss above it has gone wrong")
      try visitor.choice("on_bad_numbers", &onBadNumbers, "stop, or leave out the step")
      try visitor.choice("on_dead_site", &onDeadSite, "a step size that ran away: name it once, or stop")
      try visitor.integer(
        "collective_timeout_seconds", &collectiveTimeoutSeconds, 0...604_800, "give up after; 0: never")
    }
  }

  /// What a step with numbers gone wrong does to the run.
  public enum OnBadNumbers: String, SettingsChoice {
    /// The run stops.
    case stop
    /// The step is left out and named in the log.
    case skip
  }

  /// What a dead quantizer site does to the run.
  public enum OnDeadSite: String, SettingsChoice {
    /// One warning line when it is first seen; the run goes on.
    case warn
    /// The run stops.
    case stop
  }

  /// What rank zero prints and writes.
  public struct Logging: SettingsSection {
    /// Seconds between two lines where the console is no terminal.
    public var consoleEverySeconds = 10.0
    /// Whether TensorBoard event files are written.
    public var tensorboard = true
    /// Steps between two reports of every quantizer site; 0 reports at evaluation points.
    public var siteEverySteps = 0
    /// Whether reports of the quantizers tell the gradient's cosine with float32's too; rank zero then holds a second model.
    public var gradientCosine = false
    /// Whether what is wrong with a tagged corpus is told with its words and tags, or by file and line alone.
    public var quoteText = true

    /// Everything is written.
    public init() {}

    /// The keys of this section.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.number("console_every_seconds", &consoleEverySeconds, .from(0, through: 86_400), "between two lines")
      try visitor.flag("tensorboard", &tensorboard, "write TensorBoard event files")
      try visitor.integer(
        "site_every_steps", &siteEverySteps, 0...100_000_000,
        "steps between reports of every quantizer; 0: at evaluations")
      try visitor.flag("gradient_cosine", &gradientCosine, "with them, the gradient's cosine with float32's by layer")
      try visitor.flag("quote_text", &quoteText, "quote words of a corpus in messages; false: file and line alone")
    }
  }
}
