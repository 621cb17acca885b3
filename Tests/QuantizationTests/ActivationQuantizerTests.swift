import Quantization
import TestSupport
import XCTest

final class ActivationQuantizerTests: XCTestCase {
  private let counts = [0, 1, 15, 16, 17, 33, 1000]

  private func levels(_ quantizer: ActivationQuantizer, _ x: [Float]) -> (levels: [Int], levelScale: Float) {
    var codes = [UInt8](repeating: 7, count: x.count + 1)
    let levelScale = quantizer.codes(x, into: &codes, x.count)
    XCTAssertEqual(codes[x.count], 7, "wrote past the row")
    return (codes.dropLast().map { Int($0) - 128 }, levelScale)
  }

  private func values(_ quantizer: ActivationQuantizer, _ x: [Float]) -> [Float] {
    var codes = [UInt8](repeating: 0, count: x.count)
    let levelScale = quantizer.codes(x, into: &codes, x.count)
    var values = [Float](repeating: 0, count: x.count)
    quantizer.values(codes, levelScale: levelScale, into: &values, x.count)
    return values
  }

  private struct Gradients { var dX, step, offset: [Float] }
  private func backward(_ quantizer: ActivationQuantizer, _ x: [Float], _ dY: [Float]) -> Gradients {
    var g = Gradients(dX: dY, step: .init(repeating: 0, count: x.count), offset: .init(repeating: 0, count: x.count))
    quantizer.backward(&g.dX, x: x, stepTerms: &g.step, offsetTerms: &g.offset, x.count)
    return g
  }

  // MARK: - LSQ

  /// With a step of 1/4, v is exact.
  func testTiesRoundToEven() {
    let quantizer = ActivationQuantizer(rule: .lsq(bits: 4), step: 0.25)
    let v: [Float] = [0, 0.5, 1.5, 2.5, 3.5, -0.5, -1.5, -2.5, 0.75, -0.75, 1.25]
    let (found, worth) = levels(quantizer, v.map { $0 * 0.25 })
    XCTAssertEqual(found, [0, 0, 2, 2, 4, 0, -2, -2, 1, -1, 1])
    XCTAssertEqual(worth, 0.25)
  }

  func testValuesClipAtBothBounds() {
    for (bits, n, p) in [(2, -2, 1), (4, -8, 7), (8, -128, 127)] {
      let quantizer = ActivationQuantizer(rule: .lsq(bits: bits), step: 0.5)
      let v = [
        Float(n), Float(n) - 0.4, Float(n) - 1000, -.infinity, Float(p), Float(p) + 0.4, Float(p) + 1000, .infinity,
      ]
      XCTAssertEqual(levels(quantizer, v.map { $0 * 0.5 }).levels, [n, n, n, n, p, p, p, p])
      let x = v.map { $0 * 0.5 }
      XCTAssertEqual(values(quantizer, x), [n, n, n, n, p, p, p, p].map { Float($0) * 0.5 })
    }
  }

  func testLevelsAndValuesAgreeWithTheDefinition() {
    for count in counts {
      var numbers = SeededNumbers(seed: UInt64(count))
      let x = numbers.normals(count, spread: 2)
      for (bits, step) in [(2, 0.5), (4, 0.25), (6, 0.125), (8, 0.03125)] as [(Int, Float)] {
        let quantizer = ActivationQuantizer(rule: .lsq(bits: bits), step: step)
        let (n, p) = (-Double(1 << (bits - 1)), Double(1 << (bits - 1)) - 1)
        // A step that is a power of two: x/s is exact, so the levels must be equal, not near.
        let wanted = x.map { min(max(Double($0) / Double(step), n), p).rounded(.toNearestOrEven) }
        XCTAssertEqual(levels(quantizer, x).levels, wanted.map { Int($0) })
        XCTAssertEqual(values(quantizer, x), wanted.map { Float($0) * step })
        let outside = x.filter { Double($0) / Double(step) < n || Double($0) / Double(step) > p }.count
        XCTAssertEqual(quantizer.clippedCount(x, count), outside)
      }
    }
  }

  /// Any other step: x/s is rounded, so that a level differs from the exact one at a tie only; the value is then as near.
  func testValuesAreTheNearestOfTheGridForAnyStep() {
    var numbers = SeededNumbers(seed: 77)
    for _ in 0..<50 {
      let step = Float(0.01 + numbers.uniform())
      let quantizer = ActivationQuantizer(rule: .lsq(bits: 6), step: step)
      let x = numbers.normals(100, spread: 10 * Double(step))
      for (x, value) in zip(x, values(quantizer, x)) where abs(x / step) < 31 {
        XCTAssertLessThanOrEqual(abs(Double(x) - Double(value)), 0.5 * Double(step) * (1 + 64 * 0x1p-23))
      }
    }
  }

  /// Esser et al., eq. 3 and 5: at exactly n and p the gradient still passes and the step's term is round(v) − v = 0.
  func testGradientAtTheBoundsPassesAndBeyondThemIsClipped() {
    let quantizer = ActivationQuantizer(rule: .lsq(bits: 4), step: 0.5)
    let v: [Float] = [-8, 7, (-8 as Float).nextDown, (7 as Float).nextUp, -9, 8, 0.25, 2.75]
    let dY: [Float] = [1, 2, 3, 4, 5, 6, 7, 8]
    let g = backward(quantizer, v.map { $0 * 0.5 }, dY)
    XCTAssertEqual(g.dX, [1, 2, 0, 0, 0, 0, 7, 8])
    // dY·n below, dY·p above, dY·(round(v) − v) inside.
    XCTAssertEqual(g.step, [0, 0, -24, 28, -40, 42, -1.75, 2])
    XCTAssertEqual(g.offset, [Float](repeating: 0, count: 8))
  }

  func testStepTermsAreAddedToWhatIsThere() {
    let quantizer = ActivationQuantizer(rule: .lsq(bits: 2, offset: .real), step: 1)
    var dX: [Float] = [1, 1]
    var (step, offset) = ([10, 20] as [Float], [30, 40] as [Float])
    quantizer.backward(&dX, x: [5, 0.25], stepTerms: &step, offsetTerms: &offset, 2)
    XCTAssertEqual(step, [11, 19.75])
    XCTAssertEqual(offset, [31, 40])
  }

  func testWithoutClippingTheGradientPassesStraightThrough() {
    let quantizer = ActivationQuantizer(rule: .lsq(bits: 2), step: 1, clipsGradient: false)
    let g = backward(quantizer, [5, -7, 0.25], [1, 2, 4])
    XCTAssertEqual(g.dX, [1, 2, 4])
    XCTAssertEqual(g.step, [1, -4, -1])
  }

  func testNaNReachesTheStepsGradient() {
    let quantizer = ActivationQuantizer(rule: .lsq(bits: 4), step: 0.5)
    XCTAssertTrue(backward(quantizer, [.nan], [1]).step[0].isNaN)
  }

  // MARK: - LSQ+

  func testAnOffsetMovesTheGrid() {
    let quantizer = ActivationQuantizer(rule: .lsq(bits: 2, offset: .real), step: 0.5, offset: 3)
    let x: [Float] = [3, 3.25, 3.75, 2, 1.9, 0, 3.5, 3.6, 9]
    XCTAssertEqual(levels(quantizer, x).levels, [0, 0, 1, -2, -2, -2, 1, 1, 1])
    XCTAssertEqual(values(quantizer, x), [3, 3, 3.5, 2, 2, 2, 3.5, 3.5, 3.5])
    let g = backward(quantizer, x, [Float](repeating: 2, count: x.count))
    // v = 0, 0.5, 1.5, −2, −2.2, −6, 1, 1.2, 12.
    XCTAssertEqual(g.dX, [2, 2, 0, 2, 0, 0, 2, 0, 0])
    XCTAssertEqual(g.offset, [0, 0, 2, 0, 2, 2, 0, 2, 2])
    XCTAssertEqual(g.step, [0, -1, 2, 0, -4, -4, 0, 2, 2])
    XCTAssertEqual(quantizer.clippedCount(x, x.count), 5)
  }

  /// The gradients of step, offset and input against central differences of the surrogate of `qat_reference.py`: rounding
  /// residuals frozen, (clip((x − b)/s) + r)·s + b, with s = g·step + (1 − g)·step₀ and b alike. The kernel rounds float32
  /// terms; sums of 300 of them are good to 1e−5 of their magnitude.
  func testGradientsAgreeWithFiniteDifferencesOfTheSurrogate() {
    for (bits, kind) in [2, 4, 8].flatMap({ bits in ActivationOffset.allCases.map { (bits, $0) } }) {
      var numbers = SeededNumbers(seed: UInt64(bits * 2 + (kind == .none ? 0 : 1)))
      let rule = QuantizerRule.lsq(bits: bits, offset: kind)
      let hasOffset = rule.hasOffset
      let step = 3.1 / Float(1 << (bits - 1))
      let offset: Float = kind == .none ? 0 : kind == .real ? 0.3 : 1.3 * step
      // Off the bounds, where the surrogate has a kink.
      let x = numbers.normals(300, spread: 2).filter { x in
        let v = kind == .integer ? x / step - 1 : (x - offset) / step
        return abs(v - rule.n) > 0.01 && abs(v - rule.p) > 0.01
      }
      let dY = numbers.normals(x.count)
      let surrogate = Surrogate(
        rule: rule, step: Double(step), offset: Double(offset), x: x.map(Double.init), features: x.count)
      let found = backward(ActivationQuantizer(rule: rule, step: step, offset: offset), x, dY)
      let factor = StepInitialisation.gradientFactor(count: x.count, rule: rule)
      let d = dY.map(Double.init)
      let magnitude = d.reduce(0) { $0 + abs($1) } * Double(-rule.n * factor)
      XCTAssertEqual(
        Double(found.step.reduce(0, +) * factor), surrogate.slope(d) { $0.step += $1 }, accuracy: 1e-5 * magnitude)
      if hasOffset {
        XCTAssertEqual(
          Double(found.offset.reduce(0, +) * factor), surrogate.slope(d) { $0.offset += $1 }, accuracy: 1e-5 * magnitude
        )
      }
      for i in stride(from: 0, to: x.count, by: 7) {
        XCTAssertEqual(Double(found.dX[i]), surrogate.slope(d) { $0.x[i] += $1 }, accuracy: 1e-6 * max(1, abs(d[i])))
      }
    }
  }

  /// β = 3 is six steps of ½: z = −6; β = 3.2 is 6.4 of them, and rounds to the same.
  func testAWholeOffsetMovesTheGridByWholeSteps() {
    for offset in [3, 3.2] as [Float] {
      let quantizer = ActivationQuantizer(rule: .lsq(bits: 2, offset: .integer), step: 0.5, offset: offset)
      let x: [Float] = [3, 3.25, 3.75, 2, 1.9, 0, 3.5, 3.6, 9]
      XCTAssertEqual(levels(quantizer, x).levels, [0, 0, 1, -2, -2, -2, 1, 1, 1])
      XCTAssertEqual(values(quantizer, x), [3, 3, 3.5, 2, 2, 2, 3.5, 3.5, 3.5])
      XCTAssertEqual(quantizer.zeroValue, 3)
      let g = backward(quantizer, x, [Float](repeating: 2, count: x.count))
      XCTAssertEqual(g.dX, [2, 2, 0, 2, 0, 0, 2, 0, 0])
      XCTAssertEqual(g.offset, [0, 0, 2, 0, 2, 2, 0, 2, 2])
      // Outside 2·(n − z) = 8 and 2·(p − z) = 14.
      XCTAssertEqual(g.step, [0, -1, 14, 0, 8, 8, 0, 14, 14])
      XCTAssertEqual(quantizer.clippedCount(x, x.count), 5)
    }
  }

  /// GELU's values just below zero, where z = n: outside, however small.
  func testTinyValuesBesideABoundAreNotTakenIn() {
    let quantizer = ActivationQuantizer(rule: .lsq(bits: 2, offset: .integer), step: 0.5, offset: 1)
    let x: [Float] = [-1e-9, 0, 1e-9, 1.5, 1.500001]
    XCTAssertEqual(levels(quantizer, x).levels, [-2, -2, -2, 1, 1])
    XCTAssertEqual(backward(quantizer, x, [1, 1, 1, 1, 1]).dX, [0, 1, 1, 1, 0])
  }

  /// round(x/s + z): with an odd z the even level is another than x/s has.
  func testTiesOfWholeOffsetsRoundToTheEvenLevel() {
    let quantizer = ActivationQuantizer(rule: .lsq(bits: 4, offset: .integer), step: 0.5, offset: -0.5)
    XCTAssertEqual(levels(quantizer, [0.25, 0.75, -0.25, 0.5]).levels, [2, 2, 0, 2])
  }

  /// A step at its floor: z keeps to what sums hold exactly, and codes stay codes.
  func testAZeroPointBeyondBoundsIsHeld() {
    for offset in [1e6, -1e6] as [Float] {
      let quantizer = ActivationQuantizer(rule: .lsq(bits: 8, offset: .integer), step: 1e-8, offset: offset)
      XCTAssertTrue(levels(quantizer, [-1, 0, 1e-8, 1]).levels.allSatisfy { $0 == -128 || $0 == 127 })
    }
  }

  // MARK: - BitNet

  func testTheLargestOfATokenTakesTheHighestLevel() {
    let quantizer = ActivationQuantizer(rule: .absoluteMaximum(bits: 6))
    for count in counts where count > 0 {
      var numbers = SeededNumbers(seed: UInt64(count))
      let x = numbers.normals(count, spread: 3)
      let largest = x.map { abs($0) }.max()!
      let scale = 31 / max(Double(largest), 1e-5)
      let (found, worth) = levels(quantizer, x)
      XCTAssertEqual(found.map { abs($0) }.max(), 31)
      XCTAssertEqual(Double(worth), 1 / scale, accuracy: 2e-7 / scale)
      for (x, level) in zip(x, found) {
        // float32 x·scale is within 2^−22 of the exact product's 31: a level differs at a tie only.
        XCTAssertLessThanOrEqual(abs(Double(x) * scale - Double(level)), 0.5 + 31 * 0x1p-22)
      }
    }
  }

  func testAZeroTokenStaysZero() {
    let quantizer = ActivationQuantizer(rule: .absoluteMaximum(bits: 8))
    XCTAssertEqual(levels(quantizer, [0, 0, 0]).levels, [0, 0, 0])
    // Below 1e−5 the scale stays at p/1e−5.
    XCTAssertEqual(levels(quantizer, [5e-6, -2.5e-6, 0]).levels, [64, -32, 0])
    XCTAssertEqual(values(quantizer, [0, 0]), [0, 0])
  }

  func testBitNetPassesStraightThrough() {
    let g = backward(ActivationQuantizer(rule: .absoluteMaximum(bits: 6)), [1, -2, 100], [1, 2, 3])
    XCTAssertEqual(g.dX, [1, 2, 3])
    XCTAssertEqual(g.step, [0, 0, 0])
    XCTAssertEqual(g.offset, [0, 0, 0])
    XCTAssertEqual(ActivationQuantizer(rule: .absoluteMaximum(bits: 6)).clippedCount([1, 100], 2), 0)
  }
}
