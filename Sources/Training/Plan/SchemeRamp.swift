import Compute
import Configuration
import Models
import Quantization

/// The schemes of a run, one after the other: one alone without `quantization.ramp` (docs/numerics.md, "Ramp").
package struct SchemeRamp: Sendable {
  /// What holds from a step of the stage on.
  package struct Part: Sendable {
    /// Its first update in the stage, from 0.
    package let firstStep: Int
    package let scheme: Scheme
    /// What its products come to on these machines.
    package let plan: ComputePlan
  }

  /// The stage in which it runs: the first that has steps. Later ones keep its last scheme.
  package let stage: TrainingStage
  /// In order; no two begin at the same step.
  package let parts: [Part]

  /// - Throws: where a scheme's products are not to be had here.
  package init(_ configuration: RunConfiguration, features: CPUFeatures) throws {
    stage = configuration.budget.pretrainingSteps > 0 ? .pretraining : .fineTuning
    let count = configuration.budget.steps(of: stage)
    var parts: [Part] = []
    for (from, scheme) in zip([0] + configuration.quantization.ramp.map(\.from), try configuration.schemes) {
      let first = min(Int((from * Double(count)).rounded()), max(count - 1, 0))
      // Of two that round to one step the later holds.
      if parts.last?.firstStep == first { parts.removeLast() }
      parts.append(
        Part(
          firstStep: first, scheme: scheme,
          plan: try ComputePlan(configuration.compute, scheme: scheme, features: features)))
    }
    self.parts = parts
  }

  /// The number of the part of a stage's update `step`, from 0.
  package func part(of stage: TrainingStage, step: Int) -> Int {
    guard stage == self.stage else { return parts.count - 1 }
    return parts.lastIndex { $0.firstStep <= step } ?? 0
  }

  /// Whether another scheme begins after so many updates of a stage.
  package func changes(_ stage: TrainingStage, after stepCount: Int) -> Bool {
    stepCount > 0 && part(of: stage, step: stepCount) != part(of: stage, step: stepCount - 1)
  }

  /// Whether any of its schemes has a quantizer.
  package var isQuantized: Bool { parts.contains { $0.scheme.isQuantized } }

  /// One line for the log; nil for a scheme alone.
  package var line: String? {
    guard parts.count > 1 else { return nil }
    let schemes = parts.map { "\($0.scheme.title) from step \($0.firstStep + 1) of \(stage.shortName)" }
    return "ramp: " + schemes.joined(separator: ", ")
  }
}
