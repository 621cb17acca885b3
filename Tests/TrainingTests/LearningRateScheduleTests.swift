import Configuration
import Models
import Training
import XCTest

final class LearningRateScheduleTests: XCTestCase {
  /// Ten steps, three of them warm-up, as docs/numerics.md has them: quarters of the peak up, sevenths down.
  func testTheRateRisesInEqualStepsAndFallsInEqualSteps() {
    let schedule = LearningRateSchedule(peak: 28, warmupFraction: 0.3, stepCount: 10)
    XCTAssertEqual(schedule.warmupSteps, 3)
    let rates = (0..<10).map(schedule.rate)
    for (found, expected) in zip(rates, [7, 14, 21, 28, 24, 20, 16, 12, 8, 4] as [Double]) {
      XCTAssertEqual(found, expected, accuracy: 1e-12)
    }
    XCTAssertEqual(schedule.rate(at: 10), 0)
    XCTAssertEqual(schedule.rate(at: 11), 0)
  }

  /// Every update moves something, the largest rate is the peak, and the area is w/2 + (N − w + 1)/2 peaks, for any shares.
  func testNoUpdateIsLostAndTheAreaIsThatOfTwoTriangles() {
    for (share, count) in [(0.1, 1), (0.1, 4), (0.1, 5), (0.1, 30_000), (0, 7), (0.5, 7), (1, 6)] {
      let schedule = LearningRateSchedule(peak: 1, warmupFraction: share, stepCount: count)
      let rates = (0..<count).map(schedule.rate)
      let (w, n) = (schedule.warmupSteps, count)
      XCTAssertEqual(w, Int((share * Double(n)).rounded()))
      XCTAssertTrue(rates.allSatisfy { $0 > 0 && $0 <= 1 }, "\(share) \(count)")
      let down = n > w ? Double(n - w + 1) / 2 : 0
      XCTAssertEqual(rates.reduce(0, +), Double(w) / 2 + down, accuracy: 1e-9 * Double(n), "\(share) \(count)")
      XCTAssertEqual(rates.max()!, n > w ? 1 : Double(n) / Double(n + 1), accuracy: 1e-15)
      if n > 1 { XCTAssertEqual(rates.firstIndex(of: rates.max()!), min(w, n - 1)) }
    }
  }

  private func configuration(_ change: (inout RunConfiguration) -> Void) -> RunConfiguration {
    var configuration = RunConfiguration()
    (configuration.budget.totalSteps, configuration.budget.alpha) = (100, 0.4)
    (configuration.pretraining.learningRate, configuration.fineTuning.learningRate) = (2e-3, 4e-3)
    configuration.optimizer.warmupFraction = 0
    change(&configuration)
    return configuration
  }

  func testEachStageFallsFromItsOwnPeakOverItsOwnSteps() {
    let c = configuration { $0.optimizer.stepLearningRate = 1e-2 }
    let (first, second) = (StageSchedules(of: .pretraining, c), StageSchedules(of: .fineTuning, c))
    XCTAssertEqual(first.rates(at: 0), LearningRates(parameters: 2e-3, steps: 1e-2))
    XCTAssertEqual(second.rates(at: 0), LearningRates(parameters: 4e-3, steps: 1e-2))
    XCTAssertEqual(first.rates(at: 20).parameters, 1e-3, accuracy: 1e-15)
    XCTAssertEqual(second.rates(at: 30).parameters, 2e-3, accuracy: 1e-15)
    XCTAssertEqual(first.rates(at: 20).steps, 5e-3, accuracy: 1e-15)
    XCTAssertEqual(first.rates(at: 39).parameters, 2e-3 / 40, accuracy: 1e-15)
  }

  func testUnderTheLinearRuleStepsMoveAtAMultipleOfTheStagesRate() {
    let c = configuration {
      ($0.optimizer.stepRule, $0.optimizer.stepRateFactor, $0.optimizer.stepLearningRate) = (.linear, 0.25, 1)
    }
    XCTAssertEqual(StageSchedules(of: .pretraining, c).rates(at: 10).steps, 0.25 * 1.5e-3, accuracy: 1e-15)
    XCTAssertEqual(StageSchedules(of: .fineTuning, c).rates(at: 0).steps, 1e-3, accuracy: 1e-15)
  }

  /// The first stage is cut from the line over all hundred steps; the second has its own all the same.
  func testOneScheduleIsTheFirstStagesAlone() {
    let c = configuration { $0.optimizer.oneSchedule = true }
    let first = StageSchedules(of: .pretraining, c)
    XCTAssertEqual(first.rates(at: 39).parameters, 2e-3 * 61 / 100, accuracy: 1e-15)
    XCTAssertEqual(StageSchedules(of: .fineTuning, c).rates(at: 30).parameters, 2e-3, accuracy: 1e-15)
    let cut = configuration { ($0.optimizer.oneSchedule, $0.optimizer.scheduleShare) = (true, 0.5) }
    XCTAssertEqual(StageSchedules(of: .pretraining, cut).rates(at: 25).parameters, 1e-3, accuracy: 1e-15)
  }

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
