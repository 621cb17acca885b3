import Foundation
import Quantization
import TestSupport
import XCTest

final class StepSearchTests: XCTestCase {
  private func found(_ rule: QuantizerRule, _ x: [Float], offset: Float = 0) -> Float {
    let search = StepSearch(rule, largest: x.reduce(0) { max($0, abs($1 - offset)) }, offset: offset)
    var sums = [Double](repeating: 0, count: StepSearch.candidateCount)
    var scratch = [Float](repeating: .nan, count: x.count)
    search.addErrors(x, x.count, to: &sums, scratch: &scratch)
    return search.best(sums)
  }

  /// All candidates in double precision, by the definition.
  private func bestOfAll(_ rule: QuantizerRule, _ x: [Float], offset: Float) -> (step: Double, error: Double) {
    let (n, p, b) = (Double(rule.n), Double(rule.p), Double(offset))
    let largest = x.reduce(0) { max($0, abs(Double($1) - b)) }
    return (0..<200).map { k in
      let s = (0.01 + 1.19 * Double(k) / 199) * largest / -n
      let half = rule.grid == .symmetric ? 0.5 : 0
      let zeroPoint = (-b / s).rounded(.toNearestOrEven)
      let error = x.reduce(0.0) { sum, x in
        let v = rule.offset == .integer ? Double(x) / s + zeroPoint : (Double(x) - b) / s - half
        let level = min(max(v, n), p).rounded(.toNearestOrEven)
        let value = rule.offset == .integer ? (level - zeroPoint) * s : (level + half) * s + b
        return sum + (value - Double(x)) * (value - Double(x))
      }
      return (s, error)
    }.min { $0.1 < $1.1 }!
  }

  /// Another candidate may win by rounding alone: the errors are compared, and nearly always it is the same.
  func testTheStepIsTheCandidateWithTheLeastError() {
    var same = 0
    let rules = [2, 3, 4, 8].flatMap { bits in
      [
        QuantizerRule.lsq(bits: bits), .lsq(bits: bits, offset: .real), .lsq(bits: bits, offset: .integer),
        .lsq(bits: bits, grid: .symmetric),
      ]
    }
    for (seed, rule) in rules.enumerated() {
      var numbers = SeededNumbers(seed: UInt64(seed))
      let x = numbers.normals(257, spread: 3)
      let offset: Float = rule.hasOffset ? 0.7 : 0
      let best = bestOfAll(rule, x, offset: offset)
      let step = Double(found(rule, x, offset: offset))
      if abs(step - best.step) < 1e-5 * best.step { same += 1 }
    }
    XCTAssertGreaterThanOrEqual(same, rules.count - 1)
  }

  /// A grid of 2 bits on ±1: on the standard grid s = 1 hits −1 and 1 exactly, on the symmetric one s = 2/3 or 2 does.
  func testAGridThatFitsIsFound() {
    let x = (0..<64).map { Float($0 % 2 == 0 ? 1 : -1) }
    let standard = found(.lsq(bits: 2), x)
    // Candidates end at 1.2·max|x|/|n| = 0.6: p·s and n·s straddle ±1, and the least error of both is at the end.
    XCTAssertEqual(standard, 0.6, accuracy: 1e-6)
    XCTAssertEqual(found(.lsq(bits: 2, grid: .symmetric), x), 0.6, accuracy: 1e-6)
  }

  func testZerosTakeTheFloor() {
    XCTAssertEqual(found(.lsq(bits: 4), [0, 0, 0]), StepInitialisation.smallestStep)
    XCTAssertEqual(found(.lsq(bits: 4), []), StepInitialisation.smallestStep)
  }
}
