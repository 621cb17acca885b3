/// A quantizer site that has run away, clips most of its values, or has one code for all of them.
public struct DeadSiteReport: Sendable, Equatable {
  /// The run's step at which it was first seen so.
  public var globalStep: Int
  /// The site's name in a checkpoint, without ".step".
  public var site: String
  /// What is wrong with it.
  public var reason: String

  /// All fields, in order.
  public init(globalStep: Int, site: String, reason: String) {
    (self.globalStep, self.site, self.reason) = (globalStep, site, reason)
  }
}

/// A stage that has learned nothing of use.
public struct CollapseReport: Sendable, Equatable {
  /// The run's step at which it was judged.
  public var globalStep: Int
  /// The stage's short name: "mlm", "token".
  public var stage: String
  /// Why it counts as collapsed.
  public var reason: String
  /// The first of the run's quantizer sites that went; nil where none has.
  public var firstSite: DeadSiteReport?

  /// All fields, in order.
  public init(globalStep: Int, stage: String, reason: String, firstSite: DeadSiteReport? = nil) {
    (self.globalStep, self.stage, self.reason, self.firstSite) = (globalStep, stage, reason, firstSite)
  }

  /// Why, and which site went first, for people.
  public var words: String {
    guard let firstSite else { return reason }
    return
      "\(reason); the first site that went: \(firstSite.site) at step \(firstSite.globalStep) (\(firstSite.reason))"
  }
}

/// The hash of all parameters after a step: where two runs part, these differ.
public struct FingerprintReport: Sendable, Equatable {
  /// The run's step after which it was taken.
  public var globalStep: Int
  /// The hash, in hexadecimal.
  public var parameters: String

  /// All fields, in order.
  public init(globalStep: Int, parameters: String) {
    self.globalStep = globalStep
    self.parameters = parameters
  }
}

/// How near a part of the gradient lies to float32's.
public struct GradientCosine: Sendable, Equatable {
  /// `embeddings`, `layer.0` and on, `head`.
  public var part: String
  /// Of the angle between both gradients.
  public var cosine: Double

  /// All fields, in order.
  public init(part: String, cosine: Double) { (self.part, self.cosine) = (part, cosine) }
}

/// The gradient's cosines with float32's at one step, by part of the model.
public struct GradientCosineReport: Sendable, Equatable {
  /// The run's step after which they were taken.
  public var globalStep: Int
  /// From the embeddings up.
  public var cosines: [GradientCosine]

  /// All fields, in order.
  public init(globalStep: Int, cosines: [GradientCosine]) { (self.globalStep, self.cosines) = (globalStep, cosines) }
}

/// How near the hidden states of a slice lie to the teacher's.
public struct HiddenCosineReport: Sendable, Equatable {
  /// The run's step after which they were taken.
  public var globalStep: Int
  /// After the embeddings, then after each layer; the mean over the slice's tokens.
  public var cosines: [Double]

  /// All fields, in order.
  public init(globalStep: Int, cosines: [Double]) { (self.globalStep, self.cosines) = (globalStep, cosines) }

  /// `embeddings`, `layer.0` and on, each with its cosine.
  var parts: [(name: String, cosine: Double)] {
    cosines.enumerated().map { ($0 == 0 ? "embeddings" : "layer.\($0 - 1)", $1) }
  }
}

/// A change of the quantization scheme between two steps.
public struct SchemeReport: Sendable, Equatable {
  /// The run's first step of the new scheme.
  public var globalStep: Int
  /// The stage's short name: "mlm", "token".
  public var stage: String
  /// The schemes, with what they leave out.
  public var before: String
  public var after: String

  /// All fields, in order.
  public init(globalStep: Int, stage: String, before: String, after: String) {
    (self.globalStep, self.stage, self.before, self.after) = (globalStep, stage, before, after)
  }
}

/// Something worth knowing: the switch of stages, a checkpoint written.
public struct NoteReport: Sendable, Equatable {
  /// One line.
  public var text: String
  /// One line of text.
  public init(_ text: String) { self.text = text }
}

/// Something that needs a look, though the run goes on.
public struct WarningReport: Sendable, Equatable {
  /// One line: what, where, what to do.
  public var text: String
  /// One line of text.
  public init(_ text: String) { self.text = text }
}

/// What a run was, told at its end.
public struct RunSummary: Sendable, Equatable {
  /// The last step taken.
  public var globalStep: Int
  /// Wall time of this process's part of the run.
  public var seconds: Double
  /// Real tokens trained on in that time, over all ranks.
  public var tokens: Int
  /// The evaluations to show as tables: a column each, and per label those of the last that has them.
  public var evaluations: [EvaluationReport]
  /// What the packages of the run's hosts used.
  public var energy: EnergyReport
  /// Stages that ended collapsed.
  public var collapses: [CollapseReport]
  /// Quantizer sites that went, in the order in which they did.
  public var deadSites: [DeadSiteReport]
  /// Steps left out for numbers gone wrong, over the whole run.
  public var skippedStepCount: Int

  /// All fields, in order.
  public init(
    globalStep: Int, seconds: Double, tokens: Int, evaluations: [EvaluationReport],
    energy: EnergyReport = EnergyReport(hosts: []), collapses: [CollapseReport] = [],
    deadSites: [DeadSiteReport] = [], skippedStepCount: Int = 0
  ) {
    self.globalStep = globalStep
    self.seconds = seconds
    self.tokens = tokens
    self.evaluations = evaluations
    self.energy = energy
    self.collapses = collapses
    self.deadSites = deadSites
    self.skippedStepCount = skippedStepCount
  }
}

/// One thing that happened in a run, as a value.
public enum RunEvent: Sendable, Equatable {
  /// The start of a run, or of its part after a resume.
  case start(StartReport)
  /// An optimizer step.
  case step(StepReport)
  /// An evaluation.
  case evaluation(EvaluationReport)
  /// The quantizer sites at one step.
  case sites([SiteReport])
  /// The hash of the parameters at one step.
  case fingerprint(FingerprintReport)
  /// How near the gradients of one step lie to float32's.
  case gradientCosines(GradientCosineReport)
  /// How near the hidden states of one step lie to the teacher's.
  case hiddenCosines(HiddenCosineReport)
  /// A quantizer site that went; told once a site.
  case deadSite(DeadSiteReport)
  /// A stage judged as collapsed; told when it comes to be so.
  case collapse(CollapseReport)
  /// Another scheme from a step on.
  case scheme(SchemeReport)
  /// Something worth knowing.
  case note(NoteReport)
  /// Something that needs a look.
  case warning(WarningReport)
  /// The end of the run; nothing follows it but warnings.
  case end(RunSummary)

  /// The run's step that the event belongs to, where it names one.
  public var globalStep: Int? {
    switch self {
    case .step(let report): return report.globalStep
    case .evaluation(let report): return report.globalStep
    case .sites(let reports): return reports.first?.globalStep
    case .fingerprint(let report): return report.globalStep
    case .gradientCosines(let report): return report.globalStep
    case .hiddenCosines(let report): return report.globalStep
    case .deadSite(let report): return report.globalStep
    case .collapse(let report): return report.globalStep
    case .scheme(let report): return report.globalStep
    case .end(let summary): return summary.globalStep
    case .start, .note, .warning: return nil
    }
  }
}
