import Observability
import XCTest

final class TimeLeftTests: XCTestCase {
  private let plan = [
    StagePlan(stage: "mlm", steps: 30, tokensPerStep: 6000), StagePlan(stage: "token", steps: 70, tokensPerStep: 600),
  ]

  private func step(_ globalStep: Int, seconds: Double, tokens: Int) -> StepReport {
    globalStep <= 30
      ? Samples.step(globalStep, stageSteps: 30, tokens: tokens, seconds: seconds)
      : Samples.step(
        globalStep, stage: "token", step: globalStep - 30, stageSteps: 70, tokens: tokens, seconds: seconds)
  }

  func testNothingIsKnownBeforeTheFirstStep() {
    XCTAssertNil(TimeLeft(plan: plan).seconds)
  }

  func testAStageToComeIsGuessedByItsTokens() throws {
    var left = TimeLeft(plan: plan)
    for index in 1...10 { left.add(step(index, seconds: 2, tokens: 6000)) }
    // 20 steps of 2 s, then 70 steps of 600 tokens at 3,000 tokens/s.
    XCTAssertEqual(try XCTUnwrap(left.seconds), 20 * 2 + 70 * 0.2, accuracy: 1e-9)
  }

  func testAStageHasItsOwnSpeedOnceBegun() throws {
    var left = TimeLeft(plan: plan)
    for index in 1...30 { left.add(step(index, seconds: 2, tokens: 6000)) }
    for index in 31...40 { left.add(step(index, seconds: 0.5, tokens: 600)) }
    XCTAssertEqual(try XCTUnwrap(left.seconds), 60 * 0.5, accuracy: 1e-9)
  }

  func testWithoutAPlanAllStepsCountAlike() throws {
    var left = TimeLeft()
    left.add(step(1, seconds: 2, tokens: 6000))
    XCTAssertEqual(try XCTUnwrap(left.seconds), 99 * 2, accuracy: 1e-9)
  }

  func testEvaluationsToComeAreCounted() throws {
    var left = TimeLeft(plan: plan)
    for index in 1...30 { left.add(step(index, seconds: 2, tokens: 6000)) }
    for index in 31...50 { left.add(step(index, seconds: 0.5, tokens: 600)) }
    left.add(Samples.evaluation(50))
    // 3.25 s of evaluation in 50 steps.
    XCTAssertEqual(try XCTUnwrap(left.seconds), 50 * 0.5 + 50 * 3.25 / 50, accuracy: 1e-9)
  }

  func testTheFirstStepOfAStageIsForgotten() throws {
    var left = TimeLeft(plan: plan)
    left.add(step(1, seconds: 50, tokens: 6000))
    left.add(step(2, seconds: 2, tokens: 6000))
    XCTAssertEqual(try XCTUnwrap(left.seconds), 28 * 2 + 70 * 0.2, accuracy: 1e-9)
  }

  func testTheEndIsZero() throws {
    var left = TimeLeft(plan: plan)
    left.add(step(100, seconds: 0.5, tokens: 600))
    XCTAssertEqual(left.seconds, 0)
  }

  func testSpeedSlides() throws {
    var speed = SlidingSpeed(window: 30)
    XCTAssertNil(speed.tokensPerSecond)
    for _ in 0..<100 { speed.add(Samples.step(1, tokens: 1000, seconds: 2, communication: 1)) }
    for _ in 0..<15 { speed.add(Samples.step(1, tokens: 4000, seconds: 2, communication: 0.5)) }
    XCTAssertEqual(try XCTUnwrap(speed.tokensPerSecond), 2000, accuracy: 1e-9)
    XCTAssertEqual(try XCTUnwrap(speed.communicationShare), 0.25, accuracy: 1e-9)
    XCTAssertEqual(try XCTUnwrap(speed.secondsPerStep), 2, accuracy: 1e-9)
  }

  func testAStepLongerThanTheWindowCounts() throws {
    var speed = SlidingSpeed(window: 30)
    speed.add(Samples.step(1, tokens: 1000, seconds: 1))
    speed.add(Samples.step(2, tokens: 1000, seconds: 100))
    XCTAssertEqual(try XCTUnwrap(speed.tokensPerSecond), 10, accuracy: 1e-9)
    speed.add(Samples.step(3, tokens: 5, seconds: 0))
    speed.add(Samples.step(3, tokens: 5, seconds: .nan))
    XCTAssertEqual(try XCTUnwrap(speed.tokensPerSecond), 10, accuracy: 1e-9)
  }

  func testAMillionShortStepsStaySmall() throws {
    var speed = SlidingSpeed(window: 30)
    for index in 1...20_000 { speed.add(Samples.step(index, tokens: 10, seconds: 0.001)) }
    XCTAssertEqual(try XCTUnwrap(speed.tokensPerSecond), 10_000, accuracy: 1e-6)
  }
}
