import Compute
import TestSupport
import XCTest

/// Statistical tests with fixed seeds. Every bound is five standard deviations of what a fair generator gives, passed by all
/// but one seed in a million.
final class DropoutDrawsStatisticsTests: XCTestCase {
  private let width = 1024
  private let rowCount = 256

  /// `rowCount` rows of draws, one after the other, as numbers of mean 0 and variance 1.
  private func sample(
    seed: UInt64 = 1, step: UInt32 = 0, row: (UInt32) -> UInt32 = { $0 }, sequence: UInt32 = 0, site: UInt32 = 0
  ) -> [Double] {
    let dropout = DropoutDraws(seed: seed, step: step, rate: 0.1)
    return (0..<UInt32(rowCount)).flatMap { r in
      fill(dropout, width, row: row(r), sequence: sequence, site: site).map {
        (Double($0) - 32_767.5) / (65_536.0 * 65_536 / 12).squareRoot()
      }
    }
  }

  /// The correlation of independent draws has standard deviation 1/√n.
  private func assertUncorrelated(_ a: [Double], _ b: [Double], _ what: String, line: UInt = #line) {
    let n = min(a.count, b.count)
    var sum = 0.0
    for i in 0..<n { sum += a[i] * b[i] }
    XCTAssertEqual(sum / Double(n), 0, accuracy: 5 / Double(n).squareRoot(), what, line: line)
  }

  private func chiSquare(_ counts: [Int], expected: Double) -> Double {
    counts.reduce(0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
  }

  /// Chi-square with k − 1 degrees of freedom has mean k − 1 and variance 2(k − 1).
  private func assertUniform(_ counts: [Int], _ what: String, line: UInt = #line) {
    let freedom = Double(counts.count - 1)
    let expected = Double(counts.reduce(0, +)) / Double(counts.count)
    XCTAssertEqual(
      chiSquare(counts, expected: expected), freedom, accuracy: 5 * (2 * freedom).squareRoot(), what, line: line)
  }

  func testEveryValueOfSixteenBitsIsEquallyLikely() {
    let dropout = DropoutDraws(seed: 31, step: 9, rate: 0.1)
    var values = [Int](repeating: 0, count: 65_536)
    var low = [Int](repeating: 0, count: 256)
    var high = low
    for row in 0..<2048 as Range<UInt32> {
      for draw in fill(dropout, width, row: row, sequence: 4, site: 7) {
        values[Int(draw)] += 1
        low[Int(draw & 255)] += 1
        high[Int(draw >> 8)] += 1
      }
    }
    assertUniform(values, "all 65,536 values")
    assertUniform(low, "low byte")
    assertUniform(high, "high byte")
  }

  func testEveryPlaceOfARowIsDroppedEquallyOften() {
    let dropout = DropoutDraws(seed: 12, step: 1, rate: 0.1)
    let rows = 8192
    var dropped = [Int](repeating: 0, count: 256)
    for row in 0..<UInt32(rows) {
      let draws = fill(dropout, 256, row: row, sequence: 0, site: 1)
      for i in 0..<256 where draws[i] < dropout.threshold { dropped[i] += 1 }
    }
    let rate = Double(dropout.threshold) / 65_536
    let statistic = chiSquare(dropped, expected: rate * Double(rows)) / (1 - rate)
    XCTAssertEqual(statistic, 256, accuracy: 5 * 512.0.squareRoot())
  }

  func testNeighboursInARowAreIndependent() {
    let draws = sample()
    // Two halves of a word, two blocks, words of one block (a quarter of the row apart).
    for lag in [1, 2, 3, 4, 8, 16, width / 4, width / 2] {
      assertUncorrelated(draws, Array(draws.dropFirst(lag)), "lag \(lag)")
    }
  }

  func testRowsStepsSitesSequencesAndSeedsAreIndependent() {
    let base = sample()
    assertUncorrelated(base, sample(row: { $0 + 1 }), "next row")
    assertUncorrelated(base, sample(row: { $0 | 1 << 16 }), "next head")
    assertUncorrelated(base, sample(step: 1), "next step")
    assertUncorrelated(base, sample(site: 1), "next site")
    assertUncorrelated(base, sample(sequence: 1), "next sequence")
    assertUncorrelated(base, sample(seed: 2), "next seed")
    assertUncorrelated(base, sample(sequence: 1, site: 0), "sequence against site")
    assertUncorrelated(sample(sequence: 1), sample(site: 1), "sequence 1 against site 1")
  }

  /// Pairs of dropped elements, the mask itself: both dropped with probability rate².
  func testNeighbouringStepsDropIndependently() {
    var both = 0
    let (a, b) = (DropoutDraws(seed: 3, step: 10, rate: 0.1), DropoutDraws(seed: 3, step: 11, rate: 0.1))
    for row in 0..<512 as Range<UInt32> {
      let (first, second) = (
        fill(a, width, row: row, sequence: 0, site: 0), fill(b, width, row: row, sequence: 0, site: 0)
      )
      for i in 0..<width where first[i] < a.threshold && second[i] < b.threshold { both += 1 }
    }
    let rate = Double(a.threshold) / 65_536
    let (n, p) = (Double(512 * width), rate * rate)
    XCTAssertEqual(Double(both) / n, p, accuracy: 5 * (p * (1 - p) / n).squareRoot())
  }

  func testNoTwoCountersGiveTheSameDraws() {
    var seen = Set<[UInt16]>()
    var total = 0
    for step in 0..<4 as Range<UInt32> {
      let dropout = DropoutDraws(seed: 0, step: step, rate: 0.1)
      for row in [0, 1, 2, 511, 1 << 16, 11 << 16 | 511] as [UInt32] {
        for sequence in [0, 1, 95, 65_535] as [UInt32] {
          for site in [0, 1, 2, 36, 0xFFFF] as [UInt32] {
            seen.insert(Array(fill(dropout, 16, row: row, sequence: sequence, site: site)[..<16]))
            total += 1
          }
        }
      }
    }
    XCTAssertEqual(seen.count, total)
  }
}
