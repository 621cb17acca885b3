import Measurement
import XCTest

final class GuardCostsTests: XCTestCase {
  /// Half a second every 20 steps of two seconds: 40 s become 40.5 s.
  func testACostIsAShareOfAStepAndOfTheStepsBetweenTwo() {
    let cost = GuardCosts.Cost(name: "comparing replicas, once", seconds: 0.5, everySteps: 20)
    XCTAssertEqual(cost.shareOfStep(2), 0.25)
    XCTAssertEqual(cost.shareOfRun(2), 40.5 / 40 - 1, accuracy: 1e-15)
    // Lost in the spread of the steps.
    XCTAssertEqual(GuardCosts.Cost(name: "", seconds: -0.5, everySteps: 1).shareOfRun(2), -0.25)
  }
}
