import Quantization
import XCTest

final class StepInitialisationTests: XCTestCase {
  /// 2·mean|x|/√p: mean 3, p = 7 gives 2.2677868; p = 1 gives 6.
  func testStepsStartAtTwiceTheMeanOverTheRootOfP() {
    XCTAssertEqual(
      StepInitialisation.step(absoluteSum: 30, count: 10, rule: .lsq(bits: 4)), 2.267_786_8,
      accuracy: 1e-6)
    XCTAssertEqual(StepInitialisation.step(absoluteSum: 30, count: 10, rule: .lsq(bits: 2)), 6)
  }

  /// 2·mean|x|/√(p + ½): mean 3, p = 1 gives 4.8989795.
  func testStepsOfTheSymmetricGridCountHalfALevelMore() {
    XCTAssertEqual(
      StepInitialisation.step(absoluteSum: 30, count: 10, rule: .lsq(bits: 2, grid: .symmetric)), 4.898_979_5,
      accuracy: 1e-6)
  }

  func testStepsHaveAFloor() {
    XCTAssertEqual(StepInitialisation.step(absoluteSum: 0, count: 10, rule: .lsq(bits: 4)), 1e-8)
    XCTAssertEqual(StepInitialisation.step(absoluteSum: 0, count: 0, rule: .lsq(bits: 4)), 1e-8)
    let constant = StepInitialisation.stepAndOffset(minimum: 2, maximum: 2, rule: .lsq(bits: 4, offset: .real))
    XCTAssertEqual(constant.step, 1e-8)
    XCTAssertEqual(constant.offset, 2)
  }

  /// s = (max − min)/(p − n), β = min − n·s: the smallest value falls on n and the largest on p.
  func testOffsetsPutTheExtremesOnTheOutermostLevels() {
    for bits in [2, 4, 8] {
      let rule = QuantizerRule.lsq(bits: bits, offset: .real)
      let (step, offset) = StepInitialisation.stepAndOffset(minimum: -1.5, maximum: 4.25, rule: rule)
      XCTAssertEqual(step, 5.75 / Float((1 << bits) - 1), accuracy: 1e-6)
      XCTAssertEqual((-1.5 - offset) / step, rule.n, accuracy: 1e-4)
      XCTAssertEqual((4.25 - offset) / step, rule.p, accuracy: 1e-4)
    }
  }

  /// g = 1/√(N·p).
  func testGradientFactors() {
    XCTAssertEqual(StepInitialisation.gradientFactor(count: 100, rule: .lsq(bits: 2)), 0.1)
    XCTAssertEqual(
      StepInitialisation.gradientFactor(count: 768 * 3072, rule: .lsq(bits: 8)),
      Float(1 / (768.0 * 3072 * 127).squareRoot()))
  }
}
