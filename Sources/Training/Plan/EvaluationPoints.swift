import Configuration
import Models

/// After which steps a run measures its model: about `evaluation.points` times over the budget, and at the end of each stage.
package struct EvaluationPoints {
  private let budget: RunConfiguration.Budget
  /// Steps of the run from one to the next.
  private let interval: Int

  package init(_ configuration: RunConfiguration) {
    budget = configuration.budget
    interval = max(1, budget.totalSteps / configuration.evaluation.points)
  }

  /// Whether one comes after the stage's step `stageStep`, which is the run's `globalStep`; both count from 1.
  package func contains(_ stage: TrainingStage, stageStep: Int, globalStep: Int) -> Bool {
    stageStep == budget.steps(of: stage) || globalStep % interval == 0
  }

  /// How many a stage has.
  package func count(of stage: TrainingStage) -> Int {
    let steps = budget.steps(of: stage)
    guard steps > 0 else { return 0 }
    let first = stage == .pretraining ? 0 : budget.pretrainingSteps
    let last = first + steps
    return last / interval - first / interval + (last % interval == 0 ? 0 : 1)
  }
}

extension RunConfiguration.Budget {
  /// The steps of one of the two stages.
  package func steps(of stage: TrainingStage) -> Int { stage == .pretraining ? pretrainingSteps : fineTuningSteps }
}
