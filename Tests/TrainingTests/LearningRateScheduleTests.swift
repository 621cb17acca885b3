import Configuration
import Training
import XCTest

final class LearningRateScheduleTests: XCTestCase {
  /// The published code trains one first stage of 0.9 of the budget and cuts the checkpoints of all α from it: at α = 0.3
  /// a third of its 27,000 steps are done and two thirds of the rate are left.
  func testTheOneScheduleRunsOverItsShareOfTheBudget() {
    var optimizer = RunConfiguration.Optimizer()
    var budget = RunConfiguration.Budget()
    optimizer.scheduleShare = 0.9
    let steps = optimizer.oneScheduleSteps(of: budget)
    XCTAssertEqual(steps, 27_000)
    let schedule = LearningRateSchedule(peak: 5e-5, warmupFraction: 0, stepCount: steps)
    XCTAssertEqual(schedule.rate(at: 9_000), 5e-5 * 2 / 3, accuracy: 1e-15)
    optimizer.scheduleShare = 1
    XCTAssertEqual(optimizer.oneScheduleSteps(of: budget), 30_000)
    // Rounded as the stage itself is, so that the whole share has a rate above zero.
    (optimizer.scheduleShare, budget.alpha, budget.totalSteps) = (0.9, 0.9, 7)
    XCTAssertEqual(optimizer.oneScheduleSteps(of: budget), budget.pretrainingSteps)
  }
}
