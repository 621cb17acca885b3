import Quantization
import TestSupport
import XCTest

final class WeightQuantizerTests: XCTestCase {
  private let counts = [0, 1, 15, 16, 17, 33, 1000]

  private func codes(_ quantizer: WeightQuantizer, _ weights: [Float]) -> [Int] {
    var codes = [Int8](repeating: 99, count: weights.count + 1)
    quantizer.codes(weights, into: &codes, weights.count)
    XCTAssertEqual(codes[weights.count], 99, "wrote past the row")
    return codes.dropLast().map { Int($0) }
  }

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
        (.lsq(bits: 2, offset: false), 0.5), (.lsq(bits: 4, offset: false), 0.125),
        (.lsq(bits: 8, offset: false), 0.015625),
        (.absoluteMean, 0.5),
      ] as [(QuantizerRule, Float)] {
        let quantizer = WeightQuantizer(rule: rule, step: step)
        let wanted = weights.map {
          min(max(Double($0) / Double(step), Double(rule.n)), Double(rule.p)).rounded(.toNearestOrEven)
        }
        XCTAssertEqual(codes(quantizer, weights), wanted.map { Int($0) })
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
    let quantizer = WeightQuantizer(rule: .lsq(bits: 8, offset: false), step: 2)
    XCTAssertEqual(
      codes(quantizer, [1, 3, 5, -1, -3, 255, 256, 1e9, -256, -257, -1e9]),
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
    let quantizer = WeightQuantizer(rule: .lsq(bits: 2, offset: false), step: 0.25)
    let (dW, step) = backward(quantizer, [-0.5, 0.25, -0.51, 0.26, 0.0625], [1, 2, 4, 8, 16])
    XCTAssertEqual(dW, [1, 2, 0, 0, 16])
    // 4·n + 8·p + 16·(0 − 0.25).
    XCTAssertEqual(step, -8 + 8 - 4)
    let (passed, sameStep) = backward(
      WeightQuantizer(rule: .lsq(bits: 2, offset: false), step: 0.25, clipsGradient: false),
      [-0.5, 0.25, -0.51, 0.26, 0.0625], [1, 2, 4, 8, 16])
    XCTAssertEqual(passed, [1, 2, 4, 8, 16])
    XCTAssertEqual(sameStep, step)
  }

  /// As for activations: kernel sums of float32 terms against the frozen-rounding surrogate.
  func testStepGradientAgreesWithFiniteDifferencesOfTheSurrogate() {
    for bits in [2, 4, 6, 8] {
      let rule = QuantizerRule.lsq(bits: bits, offset: false)
      var numbers = SeededNumbers(seed: UInt64(bits))
      let step = 2.7 / Float(1 << (bits - 1))
      let weights = numbers.normals(500).filter { abs($0 / step - rule.n) > 0.01 && abs($0 / step - rule.p) > 0.01 }
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

  func testTernaryWeightsOfBitNet() {
    // mean|W| = 1: half of it and less is 0 (a tie goes to even), more is ±1.
    let weights: [Float] = [0.5, -0.5, 0.51, -0.51, 1, -3, 0.98, 1]
    let gamma = WeightQuantizer.gamma(absoluteSum: weights.reduce(0) { $0 + abs(Double($1)) }, count: weights.count)
    XCTAssertEqual(gamma, 1)
    let quantizer = WeightQuantizer(rule: .absoluteMean, step: gamma)
    XCTAssertEqual(codes(quantizer, weights), [0, 0, 1, -1, 1, -1, 1, 1])
    let (dW, step) = backward(quantizer, weights, [1, 2, 3, 4, 5, 6, 7, 8])
    XCTAssertEqual(dW, [1, 2, 3, 4, 5, 6, 7, 8])
    XCTAssertEqual(step, 0)
  }

  func testGammaHasAFloor() {
    XCTAssertEqual(WeightQuantizer.gamma(absoluteSum: 0, count: 10), 1e-5)
    XCTAssertEqual(WeightQuantizer.gamma(absoluteSum: 5, count: 10), 0.5)
    XCTAssertEqual(codes(WeightQuantizer(rule: .absoluteMean, step: 1e-5), [0, 0]), [0, 0])
  }
}
