import Base
import Checkpoints
import Compute
import Encoder
import Foundation
import Models
import Observability
import Ranks

// The average of the weights beside the weights (docs/numerics.md, "Averages").

extension PhaseSeconds.Phase {
  /// Taking the weights into their average.
  package static let average = Self("average")
}

extension Trainer {
  /// The average that a replica starts with, of nothing yet; nil where none is asked for.
  func makeAverage(beside replica: Replica) -> WeightAverage? {
    WeightAverage.Rule(configuration.averaging).map { WeightAverage($0, owned: replica.sharing.owned) }
  }

  /// Whether the stage has come so far that its weights are averaged.
  private func isAveraged(_ stage: TrainingStage) -> Bool {
    progress.stageStep > configuration.averaging.firstSteps(of: stepCount(stage))
  }

  /// The weights after an update; a skipped step made none.
  func takeIntoAverage(_ outcome: StepOutcome, _ stage: TrainingStage) {
    guard let average, outcome.numericFault == nil, isAveraged(stage) else { return }
    replica.model.measure(.average) { average.addUpdate(replica.model.parameters) }
  }

  // MARK: - Evaluation

  /// The average at an evaluation point. Collective.
  func evaluateAverage(_ stage: TrainingStage, _ data: StageData) throws {
    guard let average else { return }
    if isAveraged(stage) { average.addSnapshot(replica.model.parameters) }
    noteAverage()
    let started = monotonicSeconds()
    try withAverage { finishEvaluation(stage, try measure(data), started, isOfAverage: true) }
  }

  /// The last average on the test split. Collective.
  func testAverage(_ data: FineTuningData) throws {
    let started = monotonicSeconds()
    try withAverage {
      note("test scores of the average at step \(progress.globalStep), parameters \(fingerprint)")
      finishEvaluation(.fineTuning, try measure(data, .test), started, isOfAverage: true)
    }
  }

  /// Runs `body` with the average in the place of the weights on every rank, where there is one. Collective.
  private func withAverage(_ body: () throws -> Void) throws {
    guard let average, !average.isEmpty else { return }
    func exchange() throws {
      average.exchange(with: replica.model.parameters)
      try replica.sharing.share(replica.model.parameters.elements)
    }
    try exchange()
    try body()
    try exchange()
  }

  // MARK: - Checkpoints

  /// The average at a stage's end, as a model of its own. Collective.
  func saveAverage(_ stage: TrainingStage) throws {
    guard let average, !average.isEmpty else { return }
    noteAverage()
    try withAverage {
      let name = stage == .pretraining ? "alpha-averaged" : "averaged"
      let isSaved = try saveModel(average: progress.average) {
        stage == .pretraining ? $0.series.alphaAveraged : $0.series.averaged
      }
      if isSaved {
        note("average of the weights (\(progress.average?.words ?? "")) saved as checkpoints/\(name)")
      } else {
        lostAverages.append("checkpoints/\(name)")
      }
    }
  }

  /// Brings what a checkpoint notes of the average up to date.
  func noteAverage() {
    guard let average else {
      progress.average = nil
      return
    }
    progress.average = AverageProgress(
      rule: average.rule.words, intakeCount: average.intakeCount,
      lastEvaluation: progress.average?.lastEvaluation)
  }

  /// Takes the average up as a checkpoint has it; one of another rule is left behind. Collective.
  func restoreAverage(from url: URL) throws {
    guard let average, let noted = progress.average, noted.rule == average.rule.words else {
      progress.average = nil
      return
    }
    let arrays = try world.agree { world.isLeader ? try TrainerStateFile(url).arrays : nil }
    try average.restore(intakeCount: noted.intakeCount) { name, mine in
      let whole = world.isLeader ? AlignedBuffer<Float>(replica.model.layout.elementCount) : nil
      try world.agree { if let whole { try arrays?.floats(name, into: whole.elements) } }
      try replica.sharing.spread(whole, into: mine)
    }
  }
}
