import Reports
import XCTest

/// Student's t against closed forms and against scipy's figures.
final class StudentTTests: XCTestCase {
  /// ν = 1 is Cauchy's distribution, ν = 2 has P(|T| > t) = 1 − t/√(2 + t²), ν = 4 a polynomial in the same.
  func testTailsOfFewDegreesAreTheClosedForms() {
    for t in [0.001, 0.1, 0.5, 1, 2, 4.3, 12.7, 100, 1e4] {
      let one = 1 - 2 / Double.pi * atan(t)
      let two = 2 / ((2 + t * t).squareRoot() * ((2 + t * t).squareRoot() + t))
      XCTAssertEqual(StudentT(degreesOfFreedom: 1).twoSidedTail(t) / one, 1, accuracy: 1e-8, "\(t)")
      XCTAssertEqual(StudentT(degreesOfFreedom: 2).twoSidedTail(t) / two, 1, accuracy: 1e-10, "\(t)")
      let sine = t / (4 + t * t).squareRoot()
      let four = 1 - sine * (1 + 2 / (4 + t * t))
      XCTAssertEqual(StudentT(degreesOfFreedom: 4).twoSidedTail(t), four, accuracy: 1e-12, "\(t)")
    }
  }

  /// scipy 1.17.1: `stats.t.ppf(1 - tail / 2, nu)`.
  func testQuantilesAreScipys() {
    let cases: [(nu: Double, tail: Double, t: Double)] = [
      (1, 0.1, 6.313751514675044),
      (1, 0.05, 12.706204736174705),
      (1, 0.01, 63.65674116287158),
      (1, 0.0005, 1273.239282935764),
      (2, 0.1, 2.9199855803537256),
      (2, 0.05, 4.302652729749464),
      (2, 0.01, 9.924843200918293),
      (2, 0.0005, 44.70458729293067),
      (2.5, 0.1, 2.5582186141359364),
      (2.5, 0.05, 3.5746548420036834),
      (2.5, 0.01, 7.163728138948786),
      (2.5, 0.0005, 24.14765446082668),
      (3, 0.1, 2.353363434801824),
      (3, 0.05, 3.1824463052837086),
      (3, 0.01, 5.840909309733357),
      (3, 0.0005, 16.3263346098025),
      (5, 0.1, 2.015048373333024),
      (5, 0.05, 2.5705818356363155),
      (5, 0.01, 4.032142983555229),
      (5, 0.0005, 7.975653419040797),
      (8, 0.1, 1.859548037530898),
      (8, 0.05, 2.3060041352041662),
      (8, 0.01, 3.3553873313333953),
      (8, 0.0005, 5.617410807227156),
      (30, 0.1, 1.6972608865939574),
      (30, 0.05, 2.042272456301238),
      (30, 0.01, 2.749995653567226),
      (30, 0.0005, 3.9016426777433773),
      (120, 0.1, 1.6576508993552357),
      (120, 0.05, 1.9799304050824411),
      (120, 0.01, 2.617421145106866),
      (120, 0.0005, 3.578253529063627),
      (1000, 0.1, 1.6463788172854648),
      (1000, 0.05, 1.9623390808264085),
      (1000, 0.01, 2.580754698065951),
      (1000, 0.0005, 3.492203337445859),
    ]
    for (nu, tail, t) in cases {
      let own = StudentT(degreesOfFreedom: nu).quantile(twoSidedTail: tail)
      XCTAssertEqual(own / t, 1, accuracy: 1e-9, "ν \(nu), tail \(tail): \(own)")
    }
  }

  /// scipy 1.17.1: `special.betainc(a, b, x)`.
  func testTheIncompleteBetaFunctionIsScipys() {
    let cases: [(a: Double, b: Double, x: Double, value: Double)] = [
      (0.5, 0.5, 0.3, 0.36901011956554536),
      (1, 0.5, 0.9, 0.6837722339831621),
      (2.5, 0.5, 0.01, 3.4075027649461746e-06),
      (10, 0.5, 0.999, 0.8888967091248604),
      (3, 4, 0.25, 0.16943359375),
      (50, 0.5, 0.95, 0.02387270549699076),
      (500, 0.5, 0.9999, 0.7518836295709816),
      (0.5, 20, 0.001, 0.15758381398363844),
      (7.25, 1.75, 0.6, 0.07344406847706901),
    ]
    for (a, b, x, value) in cases {
      XCTAssertEqual(incompleteBeta(x, a, b) / value, 1, accuracy: 1e-10, "I_\(x)(\(a), \(b))")
    }
    XCTAssertEqual(incompleteBeta(0, 2, 3), 0)
    XCTAssertEqual(incompleteBeta(1, 2, 3), 1)
  }

  func testQuantileIsTheInverseOfTheTail() {
    for nu in [1, 1.5, 2, 3.7, 10, 55, 1e4] {
      for tail in [1e-8, 1e-4, 0.01, 0.05, 0.3, 0.9] {
        let t = StudentT(degreesOfFreedom: nu)
        XCTAssertEqual(t.twoSidedTail(t.quantile(twoSidedTail: tail)) / tail, 1, accuracy: 1e-9, "ν \(nu)")
      }
    }
    XCTAssertEqual(StudentT(degreesOfFreedom: 3).quantile(twoSidedTail: 1), 0)
    XCTAssertEqual(StudentT(degreesOfFreedom: 3).twoSidedTail(.infinity), 0)
    XCTAssertTrue(StudentT(degreesOfFreedom: 3).twoSidedTail(.nan).isNaN)
  }
}
