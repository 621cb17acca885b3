import Configuration
import Models
import Observability

/// What of a run's set-up works, but hardly as meant: a line each, for the start of the log.
package enum StartWarnings {
  /// A stage whose share of the budget rounds to nothing.
  package static func lines(of budget: RunConfiguration.Budget) -> [String] {
    let share = "budget.alpha \(budget.alpha) of budget.total_steps \(budget.totalSteps)"
    if budget.alpha > 0 && budget.pretrainingSteps == 0 {
      return ["\(share) rounds to no step of masked-LM: that stage is left out"]
    }
    if budget.alpha < 1 && budget.fineTuningSteps == 0 {
      return ["\(share) rounds to all steps: none is left for the second stage, which is left out"]
    }
    return []
  }

  /// What the first batch of a stage shows.
  /// - Parameters:
  ///   - samples: what a batch is made of, and how many of them the training part has.
  package static func lines(
    stage: TrainingStage, batchSize: Int, samples: (name: String, count: Int), sliceCount: Int, rankCount: Int
  ) -> [String] {
    var lines: [String] = []
    if batchSize > samples.count {
      lines.append(
        "\(stage.shortName): batch.size \(batchSize) is more than the \(samples.count) \(samples.name): "
          + "some stand in one step more than once")
    }
    if sliceCount < rankCount {
      let section = stage == .pretraining ? "pretraining" : "fine_tuning"
      lines.append(
        "\(stage.shortName): a step has \(sliceCount) slices for \(rankCount) ranks: \(rankCount - sliceCount) ranks "
          + "have nothing to do (a larger batch.size or a smaller \(section).slice_tokens makes more slices)")
    }
    return lines
  }

  /// A step in which no token is to be predicted.
  package static func unmasked(step: Int) -> String {
    "step \(step): no token of its batch is masked, so it learns nothing: raise pretraining.masking_probability, "
      + "pretraining.block_length or batch.size (said once)"
  }
}

extension Trainer {
  /// Says what the set-up of a stage will do that is hardly meant. Collective.
  func warnOfStart(_ stage: TrainingStage, _ data: StageData) throws {
    let batch = try world.agree { try data.batch(progress.stage == stage ? progress.stageStep : 0) }
    let samples: (String, Int)
    switch data {
    case .pretraining(let data):
      samples = ("training blocks", data.blockCount)
      if data.validation.allSatisfy({ $0.labels.allSatisfy { $0 < 0 } }) {
        warn("mlm: no token of the validation blocks is masked: its loss and accuracy will read 0")
      }
    case .fineTuning(let data): samples = ("training windows", data.trainingWindowCount)
    }
    StartWarnings.lines(
      stage: stage, batchSize: configuration.batch.size, samples: samples, sliceCount: batch.slices.count,
      rankCount: world.count
    ).forEach(warn)
  }

  /// Says once that a step has nothing to learn from.
  func warnIfUnmasked(_ batch: GlobalBatch) {
    guard batch.labelledTokenCount == 0, !hasWarnedOfUnmasked else { return }
    hasWarnedOfUnmasked = true
    warn(StartWarnings.unmasked(step: progress.globalStep + 1))
  }

  func warn(_ text: String) { leader?.observers?.warn(text) }
}
