import Compute
import Foundation
import TestSupport
import XCTest

final class SoftmaxTests: XCTestCase {
  private let counts = [1, 2, 15, 16, 17, 33, 512]

  private func probabilities(_ scores: [Double], scale: Double) -> [Double] {
    let top = scores.max()! * scale
    let powers = scores.map { exp(scale * $0 - top) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }

  /// A power is good to 2 units in the last place plus 2^−24·|scale·s|, here at most 30·2^−24; the sum adds rounding of its own:
  /// 5e−6 relative.
  func testProbabilitiesAndLogSumAgreeWithTheDefinition() {
    let scale = 0.176_776_7
    for count in counts {
      var numbers = SeededNumbers(seed: UInt64(count))
      let scores = numbers.normals(count, spread: 20)
      var row = scores
      let (inverseSum, logSum) = Softmax.exponentials(&row, count, scale: Float(scale))
      let exact = probabilities(scores.map(Double.init), scale: Double(Float(scale)))
      for j in 0..<count { XCTAssertEqual(Double(row[j] * inverseSum), exact[j], accuracy: 5e-6 * exact[j] + 1e-30) }
      let top = Double(scores.max()!) * Double(Float(scale))
      let exactLog = top + log(scores.reduce(0) { $0 + exp(Double(Float(scale)) * Double($1) - top) })
      XCTAssertEqual(Double(logSum), exactLog, accuracy: 2e-6 * max(1, abs(exactLog)))
    }
  }

  func testHugeScoresNeitherOverflowNorVanish() {
    var row: [Float] = [30_000, 29_999, -30_000, 0]
    let (inverseSum, logSum) = Softmax.exponentials(&row, 4, scale: 1)
    XCTAssertEqual(row[0] * inverseSum, 1 / (1 + exp(-1)), accuracy: 1e-6)
    XCTAssertEqual(row[1] * inverseSum, 1 / (1 + exp(1)), accuracy: 1e-6)
    // Powers are held at e^−87.
    XCTAssertLessThan(row[2], 1e-37)
    XCTAssertTrue(logSum.isFinite)
  }

  func testBackwardAgreesWithFiniteDifferences() { checkBackward(dropping: false) }
  func testBackwardThroughDropoutAgreesWithFiniteDifferences() { checkBackward(dropping: true) }

  /// The gradient to the scores against central differences in double precision of L = Σ c·P̃, P̃ = kept·P.
  private func checkBackward(dropping: Bool) {
    let scale: Float = 0.25
    let dropout = DropoutDraws(seed: 4, step: 2, rate: 0.3)
    for count in counts {
      var numbers = SeededNumbers(seed: UInt64(count) + 50)
      let scores = numbers.normals(count, spread: 4)
      let c = numbers.normals(count)
      var draws = [UInt16](repeating: 0, count: DropoutDraws.room(count))
      dropout.fill(&draws, count: count, row: 3, sequence: 1, site: 4)
      let kept = (0..<count).map { !dropping ? 1 : draws[$0] >= dropout.threshold ? Double(dropout.scale) : 0 }
      let exact = probabilities(scores.map(Double.init), scale: Double(scale))
      let dot = (0..<count).reduce(0) { $0 + exact[$1] * kept[$1] * Double(c[$1]) }

      var forward = scores
      let (_, logSum) = Softmax.exponentials(&forward, count, scale: scale)
      var row = scores
      var gradient = c
      draws.withUnsafeBufferPointer { draws in
        Softmax.backward(
          &row, &gradient, count, scale: scale, logSum: logSum, dot: Float(dot),
          dropout: dropping ? (draws.baseAddress!, dropout.threshold, dropout.scale) : nil)
      }
      for j in stride(from: 0, to: count, by: max(1, count / 20)) {
        func loss(_ shift: Double) -> Double {
          var moved = scores.map(Double.init)
          moved[j] += shift
          let p = probabilities(moved, scale: Double(scale))
          return (0..<count).reduce(0) { $0 + p[$1] * kept[$1] * Double(c[$1]) }
        }
        // Difference: 1e−10; kernel: a few roundings of numbers of size one, times P.
        XCTAssertEqual(Double(gradient[j]), (loss(1e-5) - loss(-1e-5)) / 2e-5, accuracy: 3e-6)
        XCTAssertEqual(Double(row[j]), exact[j] * kept[j], accuracy: 5e-6 * exact[j] * kept[j] + 1e-30)
      }
    }
  }
}
