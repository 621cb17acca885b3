import Configuration
import Models

/// The rates of a stage's updates: of steps and offsets by their own peak under the logarithmic rule.
package struct StageSchedules {
  private let parameters: LearningRateSchedule
  private let steps: LearningRateSchedule

  /// As a configuration asks for them.
  package init(of stage: TrainingStage, _ configuration: RunConfiguration) {
    let (optimizer, budget) = (configuration.optimizer, configuration.budget)
    let isFirst = stage == .pretraining
    let peak = isFirst ? configuration.pretraining.learningRate : configuration.fineTuning.learningRate
    // The published code cuts its α checkpoints from one long schedule.
    let count = isFirst && optimizer.oneSchedule ? optimizer.oneScheduleSteps(of: budget) : budget.steps(of: stage)
    func schedule(_ peak: Double) -> LearningRateSchedule {
      LearningRateSchedule(peak: peak, optimizer, stepCount: count)
    }
    parameters = schedule(peak)
    steps = schedule(optimizer.stepRule == .log ? optimizer.stepLearningRate : peak * optimizer.stepRateFactor)
  }

  /// Those of the stage's update numbered `step` from 0.
  package func rates(at step: Int) -> LearningRates {
    LearningRates(parameters: parameters.rate(at: step), steps: steps.rate(at: step))
  }
}
