import Compute
import Foundation
import TestSupport
import XCTest

/// The vectorisable functions against the C library's in double precision.
final class ElementaryFunctionTests: XCTestCase {
  /// `count` floats from `range`, evenly spaced and then at random, ends included.
  private func samples(_ range: ClosedRange<Double>, count: Int = 200_000) -> [Float] {
    var numbers = SeededNumbers(seed: 17)
    let span = range.upperBound - range.lowerBound
    let even = (0...count).map { Float(range.lowerBound + span * Double($0) / Double(count)) }
    return even + (0..<count).map { _ in Float(range.lowerBound + span * numbers.uniform()) }
  }

  /// Distance in units in the last place of the float nearest to `exact`.
  private func ulps(_ found: Float, _ exact: Double) -> Double { abs(Double(found) - exact) / Double(Float(exact).ulp) }

  func testExpIsWithinTwoUnitsInTheLastPlace() {
    let worst = samples(-87...88).map { ulps(vectorExp($0), exp(Double($0))) }.max()!
    XCTAssertLessThanOrEqual(worst, 2)
  }

  func testExpIsOneAtZeroAndClampedOutsideItsRange() {
    XCTAssertEqual(vectorExp(0), 1)
    XCTAssertEqual(vectorExp(-0.0), 1)
    for x in [-88, -1000, -.infinity] as [Float] { XCTAssertEqual(vectorExp(x), vectorExp(-87)) }
    for x in [89, 1000, .infinity] as [Float] { XCTAssertEqual(vectorExp(x), vectorExp(88)) }
    XCTAssertTrue(vectorExp(-.infinity).isNormal && vectorExp(.infinity).isFinite)
  }

  func testErfIsWithinItsStatedErrorAndOdd() {
    for x in samples(-6...6) {
      XCTAssertEqual(Double(vectorErf(x)), erf(Double(x)), accuracy: 4e-7)
      XCTAssertEqual(vectorErf(-x), -vectorErf(x))
    }
    for x in [6, 1e10, .infinity] as [Float] { XCTAssertEqual(vectorErf(x), 1, accuracy: 4e-7) }
  }

  /// x·Φ(x): half of |x| times the error of erf (4e−7), plus a rounding of 1 + erf (1.2e−7 of at most 2) and of the argument
  /// (6e−8·x·erf′ ≤ 3e−8): 4e−7·|x| in all.
  func testGeluIsWithinTheErrorOfErf() {
    for x in samples(-12...12) {
      let exact = 0.5 * Double(x) * erfc(-Double(x) / 2.0.squareRoot())
      XCTAssertEqual(Double(gelu(x)), exact, accuracy: 4e-7 * abs(Double(x)) + 1e-30)
    }
    XCTAssertEqual(gelu(0), 0)
    XCTAssertEqual(gelu(1e6), 1e6, accuracy: 0.5)
  }

  /// Φ(x) + x·φ(x): half the error of erf, and the exponent's rounding, 6e−8·x²·xφ(x) ≤ 1e−7 at its largest (x² = 3).
  func testGeluDerivativeIsWithinTheErrorOfErf() {
    for x in samples(-12...12) {
      let d = Double(x)
      let exact = 0.5 * erfc(-d / 2.0.squareRoot()) + d * exp(-0.5 * d * d) / (2 * Double.pi).squareRoot()
      XCTAssertEqual(Double(geluDerivative(x)), exact, accuracy: 5e-7)
    }
  }

  func testGeluDerivativeIsTheSlopeOfGelu() {
    for x in stride(from: -5.0, through: 5.0, by: 0.37) {
      func plain(_ x: Double) -> Double { 0.5 * x * erfc(-x / 2.0.squareRoot()) }
      let slope = (plain(x + 1e-5) - plain(x - 1e-5)) / 2e-5
      // Central difference: third derivative (below 2) times 1e−10/6, and 1e−16·5/1e−5 of cancellation.
      XCTAssertEqual(Double(geluDerivative(Float(x))), slope, accuracy: 6e-7)
    }
  }

  func testNaNStaysNaN() {
    XCTAssertTrue(vectorExp(.nan).isNaN)
    XCTAssertTrue(vectorErf(.nan).isNaN)
    XCTAssertTrue(gelu(.nan).isNaN)
    XCTAssertTrue(geluDerivative(.nan).isNaN)
    XCTAssertTrue(roundedToEven(.nan).isNaN)
  }

  func testRoundingTiesGoToEven() {
    let pairs: [(Float, Float)] = [
      (0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (-2.5, -2), (0.49999997, 0), (0.50000006, 1),
      (4_194_303.5, 4_194_304),
    ]
    for (x, rounded) in pairs { XCTAssertEqual(roundedToEven(x), rounded, "\(x)") }
    for x in samples(-4_194_304...4_194_304, count: 20_000) {
      XCTAssertEqual(roundedToEven(x), x.rounded(.toNearestOrEven))
    }
  }
}
