import Reports
import TestSupport
import XCTest

/// Means, their intervals over seeds, and Holm's procedure.
final class MeanIntervalTests: XCTestCase {
  /// t(2) at 95 % is 4.302653, s of 1, 2, 3 is 1.
  func testThreeValuesGiveTheTextbookInterval() throws {
    let interval = try XCTUnwrap(MeanInterval(groups: [[1], [2], [3]]))
    XCTAssertEqual(interval.mean, 2)
    XCTAssertEqual(try XCTUnwrap(interval.halfWidth), 4.302652729749464 / 3.0.squareRoot(), accuracy: 1e-12)
    XCTAssertEqual(interval.groupCount, 3)
  }

  func testRunsOfOneTrunkAreOneValue() throws {
    let grouped = try XCTUnwrap(MeanInterval(groups: [[1, 3], [4], []]))
    XCTAssertEqual(grouped.mean, 3)
    XCTAssertEqual(grouped.groupCount, 2)
    // t(1) at 95 % is 12.7062, s/√2 of 2 and 4 is 1.
    XCTAssertEqual(try XCTUnwrap(grouped.halfWidth), 12.706204736432095, accuracy: 1e-9)
  }

  func testOneValueHasNoIntervalAndNoneIsNothing() throws {
    let one = try XCTUnwrap(MeanInterval(groups: [[0.7, 0.9]]))
    XCTAssertNil(one.halfWidth)
    XCTAssertEqual(one.upperEnd, 0.8, accuracy: 1e-15)
    XCTAssertNil(MeanInterval(groups: [[], []]))
  }

  /// 20,000 made studies of 2 to 10 seeds: the 95 % interval holds the truth in 94.4 to 95.6 %, four standard errors.
  func testTheIntervalHoldsTheTruthInNinetyFiveOfAHundred() throws {
    var random = SeededNumbers(seed: 11)
    for seeds in [2, 3, 5, 10] {
      var held = 0
      for _ in 0..<20_000 {
        let values = (0..<seeds).map { _ in [0.7 + 0.02 * random.normal()] }
        let interval = try XCTUnwrap(MeanInterval(groups: values))
        if abs(interval.mean - 0.7) <= interval.halfWidth ?? 0 { held += 1 }
      }
      XCTAssertEqual(Double(held) / 20_000, 0.95, accuracy: 0.0062, "\(seeds) seeds")
    }
  }

  /// R: `p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")` and `p.adjust(c(0.5, 0.6), "holm")`.
  func testHolmIsThatOfR() {
    for (values, adjusted) in [
      ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]), ([0.5, 0.6], [1.0, 1.0]), ([0.2], [0.2]), ([], []),
    ] {
      let own = holmAdjusted(values)
      XCTAssertEqual(own.count, adjusted.count)
      for (a, b) in zip(own, adjusted) { XCTAssertEqual(a, b, accuracy: 1e-15) }
    }
  }

  /// The procedure as it is told: reject the smallest p while p ≤ level/(m − j).
  func testHolmRejectsWhatTheProcedureRejects() {
    var random = SeededNumbers(seed: 3)
    for _ in 0..<500 {
      let values = (0..<8).map { _ in random.uniform() * random.uniform() * 0.2 }
      let adjusted = holmAdjusted(values)
      var rejected: Set<Int> = []
      for (rank, index) in values.indices.sorted(by: { values[$0] < values[$1] }).enumerated() {
        guard values[index] * Double(8 - rank) <= 0.05 else { break }
        rejected.insert(index)
      }
      XCTAssertEqual(Set(values.indices.filter { adjusted[$0] <= 0.05 }), rejected)
    }
  }
}
