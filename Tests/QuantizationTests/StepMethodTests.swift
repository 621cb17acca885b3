import Foundation
import Quantization
import TestSupport
import XCTest

/// Steps that cover a range, and the ranks that a percentile's range is made of.
final class StepMethodTests: XCTestCase {
  private func step(_ low: Float, _ high: Float, _ rule: QuantizerRule) -> (step: Float, offset: Float) {
    StepInitialisation.stepAndOffset(covering: low, high, rule: rule)
  }

  /// 4 bits: −8 … 7. Powers of two make the quotients exact.
  func testTheStepIsTheLeastThatClipsNothing() {
    XCTAssertEqual(step(-1, 3.5, .lsq(bits: 4)).step, 0.5, "the upper end decides")
    XCTAssertEqual(step(-8, 3.5, .lsq(bits: 4)).step, 1, "the lower end decides")
    XCTAssertEqual(step(0.5, 3.5, .lsq(bits: 4)).step, 0.5, "all above zero")
    XCTAssertEqual(step(-4, -2, .lsq(bits: 4)).step, 0.5, "all below zero")
    XCTAssertEqual(step(-1, 1, .lsq(bits: 2)).step, 1, "−2 … 1")
    XCTAssertEqual(step(-3, 1.5, .lsq(bits: 2, grid: .symmetric)).step, 2, "±½ s, ±1½ s")
    XCTAssertEqual(step(0, 0, .lsq(bits: 4)).step, StepInitialisation.smallestStep)
    for offset in [ActivationOffset.real, .integer] {
      let found = step(-1, 6.5, .lsq(bits: 4, offset: offset))
      XCTAssertEqual(found.step, 0.5)
      XCTAssertEqual(found.offset, -1 + 8 * 0.5)
    }
  }

  /// Nothing is clipped with it, and something with any step a thousandth smaller.
  func testASmallerStepWouldClip() {
    for (seed, bits) in [2, 3, 4, 8].enumerated() {
      var numbers = SeededNumbers(seed: UInt64(seed))
      for grid in WeightGrid.allCases {
        let rule = QuantizerRule.lsq(bits: bits, grid: grid)
        let x = numbers.normals(301, spread: 2)
        let least = step(x.min() ?? 0, x.max() ?? 0, rule).step
        XCTAssertLessThanOrEqual(WeightQuantizer(rule: rule, step: least * 1.000_001).clippedCount(x, x.count), 0)
        XCTAssertGreaterThan(WeightQuantizer(rule: rule, step: least * 0.999).clippedCount(x, x.count), 0)
      }
    }
  }

  // MARK: - Percentiles

  private func ranked(_ x: [Float], in pieces: Int, _ low: Int, _ high: Int) -> (low: Float, high: Float) {
    var ranks = ValueRanks()
    let length = (x.count + pieces - 1) / pieces
    let starts = Array(stride(from: 0, to: x.count, by: length))
    for start in starts {
      x[start..<min(start + length, x.count)].withUnsafeBufferPointer { ranks.add($0.baseAddress!, $0.count) }
    }
    ranks.look(for: low, high)
    for start in starts.reversed() {
      x[start..<min(start + length, x.count)].withUnsafeBufferPointer { ranks.addAgain($0.baseAddress!, $0.count) }
    }
    return ranks.values(of: low, high)
  }

  func testRanksAreThoseOfSorting() {
    var numbers = SeededNumbers(seed: 3)
    let sets: [[Float]] = [
      numbers.normals(5_003, spread: 2), numbers.normals(1_000, spread: 1e-30), [7], [1, -1], [0, -0.0, 0],
      numbers.normals(400).map { $0.rounded() },
      [-.infinity, 1e38, -1e38, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, 0, .infinity],
      numbers.normals(2_000).map { 1 + $0 * 1e-6 },
    ]
    for x in sets {
      let sorted = x.sorted()
      for _ in 0..<20 {
        let ranks = [numbers.below(x.count), numbers.below(x.count)].sorted()
        for pieces in [1, 3] {
          let found = ranked(x, in: pieces, ranks[0], ranks[1])
          XCTAssertEqual(found.low, sorted[ranks[0]], "\(x.count) values")
          XCTAssertEqual(found.high, sorted[ranks[1]], "\(x.count) values")
        }
      }
    }
  }

  /// 50,000 values are counted, 1,000 sorted: both are what sorting gives.
  func testAPercentileLeavesOutItsShareAtEachEnd() {
    var numbers = SeededNumbers(seed: 4)
    for count in [1_000, 50_000] {
      let x = numbers.normals(count)
      let sorted = x.sorted()
      for (percentile, each) in [(100.0, 0), (99.9, count / 2_000), (99, count / 200), (90, count / 20)] {
        XCTAssertEqual(PercentileRange.leftOut(percentile, of: count), count == 1_000 && percentile == 99.9 ? 0 : each)
        let k = PercentileRange.leftOut(percentile, of: count)
        let range = PercentileRange.of(x, count, percentile)
        XCTAssertEqual(range.low, sorted[k])
        XCTAssertEqual(range.high, sorted[count - 1 - k])
      }
    }
    XCTAssertEqual(PercentileRange.leftOut(60, of: 2), 0)
    XCTAssertEqual(PercentileRange.leftOut(51, of: 3), 1)
    XCTAssertTrue(PercentileRange.of([], 0, 99) == (0, 0))
  }

  // MARK: - Least squared error

  private func squaredError(_ rule: QuantizerRule, step: Float, _ x: [Float]) -> Double {
    var values = [Float](repeating: 0, count: x.count)
    WeightQuantizer(rule: rule, step: step).addValues(x, to: &values, x.count)
    return zip(x, values).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
  }

  /// One value in two hundred is ten times as large: a step that covers it is coarse for all the others.
  func testOnHeavyTailsLeastSquaredErrorBeatsTheRange() {
    var numbers = SeededNumbers(seed: 5)
    let x = numbers.normals(4_000).enumerated().map { $0 % 200 == 0 ? 10 * $1 : $1 }
    for bits in [2, 3, 4] {
      let rule = QuantizerRule.lsq(bits: bits)
      let search = StepSearch(rule, largest: x.reduce(0) { max($0, abs($1)) })
      var sums = [Double](repeating: 0, count: StepSearch.candidateCount)
      var scratch = [Float](repeating: 0, count: x.count)
      search.addErrors(x, x.count, to: &sums, scratch: &scratch)
      let covering = squaredError(rule, step: step(x.min() ?? 0, x.max() ?? 0, rule).step, x)
      XCTAssertLessThan(squaredError(rule, step: search.best(sums), x), 0.9 * covering, "\(bits) bits")
      let range = PercentileRange.of(x, x.count, 99)
      XCTAssertLessThan(squaredError(rule, step: step(range.low, range.high, rule).step, x), covering, "\(bits) bits")
    }
  }
}
