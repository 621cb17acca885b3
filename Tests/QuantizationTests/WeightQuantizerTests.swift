import Quantization
import TestSupport
import XCTest

final class WeightQuantizerTests: XCTestCase {
  private let counts = [0, 1, 15, 16, 17, 33, 1000]

  private func levels(_ quantizer: WeightQuantizer, _ weights: [Float]) -> [Float] {
    var levels = [Float](repeating: 99, count: weights.count + 1)
    quantizer.levels(weights, into: &levels, weights.count)
    XCTAssertEqual(levels[weights.count], 99)
    return levels.dropLast()
  }

  private func backward(_ quantizer: WeightQuantizer, _ weights: [Float], _ dY: [Float]) -> (dW: [Float], step: Float) {
    var dW = dY
    var scratch = [Float](repeating: .nan, count: weights.count)
    let step = quantizer.backward(&dW, weights: weights, scratch: &scratch, weights.count)
    return (dW, step)
  }

  func testCodesLevelsAndValuesAreTheSameGrid() {
    for count in counts {
      var numbers = SeededNumbers(seed: UInt64(count) + 9)
      let weights = numbers.normals(count)
      for (rule, step) in [
        (.lsq(bits: 2), 0.5), (.lsq(bits: 4), 0.125),
        (.lsq(bits: 8), 0.015625),
        (.absoluteMean(), 0.5),
      ] as [(QuantizerRule, Float)] {
        let quantizer = WeightQuantizer(rule: rule, step: step)
        let wanted = weights.map {
          min(max(Double($0) / Double(step), Double(rule.n)), Double(rule.p)).rounded(.toNearestOrEven)
        }
        XCTAssertEqual(levels(quantizer, weights), wanted.map { Float($0) })
        var sums = [Float](repeating: 1, count: count + 1)
        quantizer.addValues(weights, to: &sums, count)
        XCTAssertEqual(sums, wanted.map { 1 + Float($0) * step } + [1])
        let outside = weights.filter { $0 / step < rule.n || $0 / step > rule.p }.count
        XCTAssertEqual(quantizer.clippedCount(weights, count), outside)
      }
    }
  }

  func testTiesRoundToEvenAndClipAtBothBounds() {
    let quantizer = WeightQuantizer(rule: .lsq(bits: 8), step: 2)
    XCTAssertEqual(
      levels(quantizer, [1, 3, 5, -1, -3, 255, 256, 1e9, -256, -257, -1e9]),
      [0, 2, 2, 0, -2, 127, 127, 127, -128, -128, -128])
  }

  func testWithoutARuleWeightsPassUnchanged() {
    let quantizer = WeightQuantizer(rule: .none)
    XCTAssertEqual(levels(quantizer, [0.3, -7.25]), [0.3, -7.25])
    var sums: [Float] = [1, 1]
    quantizer.addValues([0.5, -2], to: &sums, 2)
    XCTAssertEqual(sums, [1.5, -1])
    let (dW, step) = backward(quantizer, [0.3, -7], [1, 2])
    XCTAssertEqual(dW, [1, 2])
    XCTAssertEqual(step, 0)
    XCTAssertEqual(quantizer.clippedCount([1, 2], 2), 0)
  }

  func testGradientAtTheBoundsPassesAndBeyondThemIsClipped() {
    let quantizer = WeightQuantizer(rule: .lsq(bits: 2), step: 0.25)
    let (dW, step) = backward(quantizer, [-0.5, 0.25, -0.51, 0.26, 0.0625], [1, 2, 4, 8, 16])
    XCTAssertEqual(dW, [1, 2, 0, 0, 16])
    // 4·n + 8·p + 16·(0 − 0.25).
    XCTAssertEqual(step, -8 + 8 - 4)
    let (passed, sameStep) = backward(
      WeightQuantizer(rule: .lsq(bits: 2), step: 0.25, clipsGradient: false),
      [-0.5, 0.25, -0.51, 0.26, 0.0625], [1, 2, 4, 8, 16])
    XCTAssertEqual(passed, [1, 2, 4, 8, 16])
    XCTAssertEqual(sameStep, step)
  }

  /// As for activations: kernel sums of float32 terms against the frozen-rounding surrogate.
  func testStepGradientAgreesWithFiniteDifferencesOfTheSurrogate() {
    for (bits, grid) in [2, 4, 6, 8].flatMap({ bits in WeightGrid.allCases.map { (bits, $0) } }) {
      let rule = QuantizerRule.lsq(bits: bits, grid: grid)
      var numbers = SeededNumbers(seed: UInt64(bits))
      let step = 2.7 / Float(1 << (bits - 1))
      let half: Float = grid == .symmetric ? 0.5 : 0
      let weights = numbers.normals(500).filter {
        abs($0 / step - half - rule.n) > 0.01 && abs($0 / step - half - rule.p) > 0.01
      }
      let dY = numbers.normals(weights.count)
      let surrogate = Surrogate(rule: rule, step: Double(step), x: weights.map(Double.init), features: weights.count)
      let (dW, sum) = backward(WeightQuantizer(rule: rule, step: step), weights, dY)
      let d = dY.map(Double.init)
      let factor = Double(StepInitialisation.gradientFactor(count: weights.count, rule: rule))
      let magnitude = d.reduce(0) { $0 + abs($1) } * Double(-rule.n) * factor
      XCTAssertEqual(Double(sum) * factor, surrogate.slope(d) { $0.step += $1 }, accuracy: 1e-5 * magnitude)
      for i in stride(from: 0, to: weights.count, by: 11) {
        XCTAssertEqual(Double(dW[i]), surrogate.slope(d) { $0.x[i] += $1 }, accuracy: 1e-6 * max(1, abs(d[i])))
      }
    }
  }

  // MARK: - The symmetric grid

  /// 2 bits: ±½s and ±1½s, as codes ±1 and ±3 of half a step; no level at zero, and ties to the even u.
  func testTheSymmetricGridHasNoLevelAtZero() {
    let quantizer = WeightQuantizer(rule: .lsq(bits: 2, grid: .symmetric), step: 0.5)
    XCTAssertEqual(quantizer.levelScale, 0.25)
    // u = x/s − ½ = −½ and ½ at ±0 and s, −1½ and 1½ beyond.
    let weights: [Float] = [0.01, -0.01, 0, 0.49, 0.51, -0.49, -0.51, 9, -9]
    XCTAssertEqual(levels(quantizer, weights), [1, -1, 1, 1, 3, -1, -3, 3, -3])
    var sums = [Float](repeating: 1, count: weights.count)
    quantizer.addValues(weights, to: &sums, weights.count)
    XCTAssertEqual(sums, [1.25, 0.75, 1.25, 1.25, 1.75, 0.75, 0.25, 1.75, 0.25])
  }

  /// Passes where n ≤ u ≤ p, −¾ ≤ x ≤ ¾ here; to s value/s − x/s inside, n + ½ and p + ½ outside.
  func testGradientsOnTheSymmetricGrid() {
    let quantizer = WeightQuantizer(rule: .lsq(bits: 2, grid: .symmetric), step: 0.5)
    let weights: [Float] = [-0.75, 0.75, -0.76, 0.76, 0.125]
    let (dW, step) = backward(quantizer, weights, [1, 2, 4, 8, 16])
    XCTAssertEqual(dW, [1, 2, 0, 0, 16])
    // 1·(−1½ + 1½), 2·(1½ − 1½), 4·(n + ½), 8·(p + ½), 16·(½ − ¼).
    XCTAssertEqual(step, -6 + 12 + 4)
    XCTAssertEqual(quantizer.clippedCount(weights, weights.count), 2)
  }

  func testCodesOfTheSymmetricGridFit8BitsUpToSevenBits() {
    for bits in 2...8 {
      let rule = QuantizerRule.lsq(bits: bits, grid: .symmetric)
      let largest = Float(1 << bits) - 1
      XCTAssertEqual(levels(WeightQuantizer(rule: rule, step: 1), [1e6, -1e6]), [largest, -largest])
      XCTAssertEqual(rule.hasCodes, largest <= 127)
    }
  }

  func testTernaryWeightsOfBitNet() {
    // mean|W| = 1: half of it and less is 0 (a tie goes to even), more is ±1.
    let weights: [Float] = [0.5, -0.5, 0.51, -0.51, 1, -3, 0.98, 1]
    let gamma = WeightQuantizer.gamma(absoluteSum: weights.reduce(0) { $0 + abs(Double($1)) }, count: weights.count)
    XCTAssertEqual(gamma, 1)
    let quantizer = WeightQuantizer(rule: .absoluteMean(), step: gamma)
    XCTAssertEqual(levels(quantizer, weights), [0, 0, 1, -1, 1, -1, 1, 1])
    let (dW, step) = backward(quantizer, weights, [1, 2, 3, 4, 5, 6, 7, 8])
    XCTAssertEqual(dW, [1, 2, 3, 4, 5, 6, 7, 8])
    XCTAssertEqual(step, 0)
  }

  func testGammaHasAFloor() {
    XCTAssertEqual(WeightQuantizer.gamma(absoluteSum: 0, count: 10), 1e-5)
    XCTAssertEqual(WeightQuantizer.gamma(absoluteSum: 5, count: 10), 0.5)
    XCTAssertEqual(levels(WeightQuantizer(rule: .absoluteMean(), step: 1e-5), [0, 0]), [0, 0])
  }
}
