import Configuration
import Foundation
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

  // MARK: - Other shapes

  /// Twelve updates, two of them warm-up, falling to an eighth of the peak 24.
  private func rates(
    _ kind: RunConfiguration.ScheduleKind, _ change: (inout RunConfiguration.Optimizer) -> Void = { _ in }
  )
    -> [Double]
  {
    var optimizer = RunConfiguration.Optimizer()
    (optimizer.schedule, optimizer.warmupSteps, optimizer.finalShare) = (kind, 2, 0.125)
    change(&optimizer)
    return (0..<12).map(LearningRateSchedule(peak: 24, optimizer, stepCount: 12).rate)
  }

  private func assertRates(_ found: [Double], _ expected: [Double], line: UInt = #line) {
    XCTAssertEqual(found.count, expected.count, line: line)
    for (found, expected) in zip(found, expected) { XCTAssertEqual(found, expected, accuracy: 1e-12, line: line) }
  }

  func testTheLineAndTheCosineFallToTheFinalShare() {
    let line: [Double] = (0..<10).map { 24 - 2.1 * Double($0) }
    assertRates(rates(.linear), [8, 16] + line)
    let cosine: [Double] = (0..<10).map { 3 + 10.5 * (1 + cos(Double.pi * Double($0) / 10)) }
    assertRates(rates(.cosine), [8, 16] + cosine)
    let toZero: [Double] = (0..<10).map { step in
      let root = cos(Double.pi * Double(step) / 20)
      return 24 * root * root
    }
    assertRates(rates(.cosine) { $0.finalShare = 0 }, [8, 16] + toZero)
  }

  func testTheConstantScheduleStaysAtItsPeak() {
    assertRates(rates(.constant) { $0.finalShare = 0 }, [8, 16] + [Double](repeating: 24, count: 10))
  }

  /// A third of twelve updates falls: the last four, which would reach the final share at a thirteenth.
  func testWSDStaysAtItsPeakUntilItsLastPartFalls() {
    let stable = [8, 16] + [Double](repeating: 24, count: 7)
    let falling: [Double] = [1, 2, 3].map { $0 / 4 }
    assertRates(rates(.wsd) { $0.decayShare = 1.0 / 3 }, stable + falling.map { 3 + 21 * (1 - $0.squareRoot()) })
    assertRates(
      rates(.wsd) { ($0.decayShare, $0.decayShape) = (1.0 / 3, .linear) }, stable + falling.map { 24 - 21 * $0 })
    assertRates(
      rates(.wsd) { ($0.decayShare, $0.warmupSteps, $0.warmupFraction) = (0.001, 0, 0) },
      [Double](repeating: 24, count: 12)
    )
  }

  /// What the α of a sweep share: with an absolute warm-up, every stage has the same rates until its own fall begins.
  func testTrunksOfAllLengthsHaveTheSameRatesUntilTheyFall() {
    var optimizer = RunConfiguration.Optimizer()
    (optimizer.schedule, optimizer.warmupSteps, optimizer.decayShare) = (.wsd, 30, 0.2)
    let longest = LearningRateSchedule(peak: 1e-4, optimizer, stepCount: 900)
    for count in [100, 101, 333, 500] {
      let trunk = LearningRateSchedule(peak: 1e-4, optimizer, stepCount: count)
      let shared = count - optimizer.decaySteps(of: count)
      for step in 0...shared { XCTAssertEqual(trunk.rate(at: step), longest.rate(at: step), "\(step) of \(count)") }
      XCTAssertLessThan(trunk.rate(at: shared + 1), longest.rate(at: shared + 1))
    }
  }

  /// With the share as it was, the shapes have no say: the line's bits are those of the older builds.
  func testTheDefaultIsTheLineToZero() {
    let schedule = LearningRateSchedule(peak: 5e-6, RunConfiguration.Optimizer(), stepCount: 3000)
    for step in 0..<3000 {
      let expected = step < 300 ? 5e-6 * Double(step + 1) / 301 : 5e-6 * Double(3000 - step) / 2700
      XCTAssertEqual(schedule.rate(at: step), expected, "\(step)")
    }
  }

  func testStepsOfQuantizersFollowTheSameShape() {
    let c = configuration {
      ($0.optimizer.schedule, $0.optimizer.decayShare, $0.optimizer.stepLearningRate) = (.wsd, 0.5, 1e-2)
    }
    let schedules = StageSchedules(of: .pretraining, c)
    for step in 0..<40 {
      let rates = schedules.rates(at: step)
      XCTAssertEqual(rates.steps / 1e-2, rates.parameters / 2e-3, accuracy: 1e-14)
    }
    XCTAssertEqual(schedules.rates(at: 25).steps, 1e-2 * 0.5, accuracy: 1e-15)
  }
}
