import Compute
import Encoder
import Quantization
import TestSupport
import Training
import XCTest

final class AdamWTests: XCTestCase {
  private let rate = 1e-3

  /// A layout with every kind of parameter; the word table is longer than one segment of the optimizer's work.
  private func layout() throws -> ParameterLayout {
    ParameterLayout(
      dimensions: EncoderDimensions(
        vocabularySize: 1100, hiddenSize: 16, layerCount: 1, headCount: 2, intermediateSize: 24, positionCount: 12),
      scheme: try Scheme(parsing: "LSQplus_E4W4A4"), head: .maskedLanguageModel(tied: true))
  }

  /// Parameters of size one (steps positive) and one gradient a step.
  private func parameters(_ layout: ParameterLayout) -> AlignedBuffer<Float> {
    let buffer = AlignedBuffer<Float>(layout.elementCount)
    var numbers = SeededNumbers(seed: 1)
    for parameter in layout.parameters {
      for i in parameter.range { buffer[i] = parameter.kind == .stepSize ? 0.5 : Float(numbers.normal()) }
    }
    return buffer
  }

  private func gradients(_ layout: ParameterLayout, step: Int, spread: Double = 1) -> [Float] {
    var numbers = SeededNumbers(seed: UInt64(100 + step))
    var gradient = [Float](repeating: 0, count: layout.elementCount)
    for parameter in layout.parameters { for i in parameter.range { gradient[i] = Float(spread * numbers.normal()) } }
    return gradient
  }

  private func store(_ gradient: [Float], _ kind: GradientStore.Kind = .float32) -> GradientStore {
    let store = GradientStore(kind: kind, count: gradient.count)
    store.add(gradient, at: 0, gradient.count)
    return store
  }

  /// The formula of the class's comment, element by element, in double precision.
  private struct PlainAdamW {
    var w, m, v: [Double]
    var step = 0.0
    let settings: AdamWSettings

    init(_ w: [Float], _ settings: AdamWSettings) {
      self.settings = settings
      self.w = w.map(Double.init)
      m = self.w.map { _ in 0 }
      v = m
    }

    /// m̂/(√v̂ + ε) of element `i`.
    private mutating func direction(_ i: Int, _ g: Double) -> Double {
      m[i] = settings.beta1 * m[i] + (1 - settings.beta1) * g
      v[i] = settings.beta2 * v[i] + (1 - settings.beta2) * g * g
      let (first, second) = (m[i] / (1 - pow(settings.beta1, step)), v[i] / (1 - pow(settings.beta2, step)))
      return first / (second.squareRoot() + settings.epsilon)
    }

    mutating func update(_ gradient: [Float], _ layout: ParameterLayout, rates: LearningRates, clip: Double) {
      step += 1
      let old = w
      for parameter in layout.parameters {
        for i in parameter.range {
          let g = Double(gradient[i]) * clip
          let isStep = parameter.kind == .stepSize
          guard settings.stepRule == .log, isStep || parameter.kind == .offset else {
            let rate = isStep || parameter.kind == .offset ? rates.steps : rates.parameters
            w[i] *= 1 - rate * (parameter.decays ? settings.weightDecay : 0)
            w[i] -= rate * direction(i, g)
            if isStep { w[i] = max(w[i], 1e-8) }
            continue
          }
          if isStep {
            w[i] = max(exp(log(old[i]) - rates.steps * direction(i, g * old[i])), 1e-8)
          } else {
            // LSQplus_E4W4A4 has 15 steps between its lowest and its highest level.
            let s = layout[parameter.name.replacingOccurrences(of: ".offset", with: ".step")]!.start
            w[i] = (old[i] / old[s] - rates.steps * 15 * direction(i, g * old[s])) * w[s]
          }
        }
      }
    }
  }

  private func settings(_ rule: StepRule) -> AdamWSettings {
    var settings = AdamWSettings()
    settings.stepRule = rule
    return settings
  }

  /// Each update rounds w (of size one) by 2^−24 and the change (of size 1e−3) by a few units of 2^−24 relative; after ten of
  /// them 1e−6·max(1, |w|) is left.
  func testSeveralStepsAgreeWithTheFormulaInDoubles() throws {
    let layout = try layout()
    for (kind, rule) in [
      (GradientStore.Kind.float32, StepRule.log), (.float32, .linear), (.fixedPoint, .log), (.fixedPoint, .linear),
    ] {
      let w = parameters(layout)
      var plain = PlainAdamW(Array(w.elements), settings(rule))
      let optimizer = AdamW(layout: layout, settings: settings(rule))
      for step in 0..<10 {
        let gradient = gradients(layout, step: step)
        let clip = 1 / Double(step + 1)
        let rates = LearningRates(parameters: rate, steps: 3e-3)
        optimizer.update(w, with: store(gradient, kind), rates: rates, clip: clip)
        plain.update(gradient, layout, rates: rates, clip: clip)
      }
      XCTAssertEqual(optimizer.stepCount, 10)
      for parameter in layout.parameters {
        for i in parameter.range {
          XCTAssertEqual(Double(w[i]), plain.w[i], accuracy: 1e-6 * max(1, abs(plain.w[i])), parameter.name)
          XCTAssertEqual(Double(optimizer.first[i]), plain.m[i], accuracy: 1e-6)
          XCTAssertEqual(Double(optimizer.second[i]), plain.v[i], accuracy: 1e-6)
        }
      }
    }
  }

  /// With a constant gradient both corrected moments are that gradient and its square, so every step moves by
  /// rate·g/(|g| + ε), whatever the betas.
  func testAConstantGradientMovesEveryElementByTheRate() throws {
    let layout = try layout()
    let w = parameters(layout)
    let start = Array(w.elements)
    let optimizer = AdamW(layout: layout, settings: AdamWSettings())
    let gradient = gradients(layout, step: 0, spread: 0.01)
    for _ in 0..<20 { optimizer.update(w, with: store(gradient), rates: LearningRates(rate), clip: 1) }
    for parameter in layout.parameters where parameter.kind == .vector || parameter.kind == .normWeight {
      for i in parameter.range {
        let g = Double(gradient[i])
        XCTAssertEqual(Double(w[i]), Double(start[i]) - 20 * rate * g / (abs(g) + 1e-8), accuracy: 5e-6, parameter.name)
      }
    }
  }

  func testOnlyMatricesAndTablesDecay() throws {
    let layout = try layout()
    let w = parameters(layout)
    let start = Array(w.elements)
    let optimizer = AdamW(layout: layout, settings: AdamWSettings())
    let nothing = [Float](repeating: 0, count: layout.elementCount)
    optimizer.update(w, with: store(nothing), rates: LearningRates(0.1), clip: 1)
    for parameter in layout.parameters {
      for i in parameter.range {
        let wanted = parameter.kind == .matrix || parameter.kind == .table ? start[i] * (1 - 0.1 * 0.01) : start[i]
        XCTAssertEqual(w[i], wanted, accuracy: abs(wanted) * 0x1p-23, parameter.name)
      }
    }
  }

  func testStepsStopAtTheirFloorAndOffsetsDoNot() throws {
    let layout = try layout()
    let w = parameters(layout)
    let optimizer = AdamW(layout: layout, settings: settings(.linear))
    let up = [Float](repeating: 1, count: layout.elementCount)
    optimizer.update(w, with: store(up), rates: LearningRates(10), clip: 1)
    for parameter in layout.parameters where parameter.kind == .stepSize { XCTAssertEqual(w[parameter.start], 1e-8) }
    let offset = layout.parameters.first { $0.kind == .offset }!
    XCTAssertLessThan(w[offset.start], -5)
  }

  /// With a constant gradient of one sign AdamW moves by its rate at every update: a step of 1e−3 dies within two updates under
  /// the linear rule at 1e−3, and falls by 2 % in twenty under the logarithmic one (a little less, as its gradient falls too).
  func testASmallStepOutlivesTheLogarithmicRuleAndNotTheLinearOne() throws {
    let layout = try layout()
    let gradient = store([Float](repeating: 0.5, count: layout.elementCount))
    let step = layout.parameters.first { $0.kind == .stepSize }!
    for (rule, wanted) in [(StepRule.linear, 1e-8), (.log, 1e-3 * exp(-20 * 1e-3))] {
      let w = parameters(layout)
      w[step.start] = 1e-3
      let optimizer = AdamW(layout: layout, settings: settings(rule))
      for _ in 0..<20 { optimizer.update(w, with: gradient, rates: LearningRates(rate), clip: 1) }
      XCTAssertEqual(Double(w[step.start]), wanted, accuracy: 1e-4 * wanted, "\(rule)")
    }
  }

  /// Steps that are not learned have no gradient: neither they nor their offsets may drift by a rounding.
  func testWithoutAGradientStepsAndOffsetsKeepTheirBits() throws {
    let layout = try layout()
    let w = parameters(layout)
    let start = Array(w.elements)
    let optimizer = AdamW(layout: layout, settings: settings(.log))
    let nothing = store([Float](repeating: 0, count: layout.elementCount))
    for _ in 0..<3 { optimizer.update(w, with: nothing, rates: LearningRates(rate), clip: 1) }
    for parameter in layout.parameters where parameter.kind == .stepSize || parameter.kind == .offset {
      XCTAssertEqual(w[parameter.start], start[parameter.start], parameter.name)
    }
  }

  func testTheClipFactor() throws {
    let optimizer = AdamW(layout: try layout(), settings: AdamWSettings())
    XCTAssertEqual(optimizer.clipFactor(norm: 0), 1)
    XCTAssertEqual(optimizer.clipFactor(norm: 0.5), 1)
    XCTAssertEqual(optimizer.clipFactor(norm: 4), 1 / (4 + 1e-6))
    XCTAssertEqual(optimizer.clipFactor(norm: 1), 1 / (1 + 1e-6))
    var settings = AdamWSettings()
    settings.largestGradientNorm = 3
    XCTAssertEqual(AdamW(layout: try layout(), settings: settings).clipFactor(norm: 4), 3 / (4 + 1e-6))
  }

  /// Sums of squares in float32 blocks of 1,024: 70 roundings a term at most, of numbers that are all positive.
  func testTheNormCountsEveryParameterOnce() throws {
    let layout = try layout()
    let gradient = gradients(layout, step: 3)
    let w = parameters(layout)
    for rule in [StepRule.log, .linear] {
      // Under the logarithmic rule the gradient to ln s, and to β/s, is s times as large; all steps are ½.
      let exact = layout.parameters.reduce(0.0) { sum, parameter in
        let isScaled = rule == .log && (parameter.kind == .stepSize || parameter.kind == .offset)
        return sum + parameter.range.reduce(0.0) { $0 + pow(Double(gradient[$1]) * (isScaled ? 0.5 : 1), 2) }
      }
      let optimizer = AdamW(layout: layout, settings: settings(rule))
      for kind in [GradientStore.Kind.float32, .fixedPoint] {
        XCTAssertEqual(optimizer.squaredNorm(of: store(gradient, kind), at: w), exact, accuracy: 70 * 0x1p-24 * exact)
      }
    }
  }

  func testANaNReachesTheNorm() throws {
    let layout = try layout()
    for parameter in [layout.parameters[0], layout.parameters.last!] {
      var gradient = gradients(layout, step: 3)
      gradient[parameter.range.upperBound - 1] = .nan
      XCTAssertTrue(AdamW(layout: layout, settings: AdamWSettings()).squaredNorm(of: store(gradient), at: parameters(layout)).isNaN)
    }
  }

  func testNormAndUpdateAreTheSameBitsOnTwoThreads() throws {
    let layout = try layout()
    for kind in [GradientStore.Kind.float32, .fixedPoint] {
      func run(_ threads: Int) -> (Double, [UInt32]) {
        Threads.use(threads)
        defer { Threads.use(1) }
        let w = parameters(layout)
        let optimizer = AdamW(layout: layout, settings: AdamWSettings())
        var norm = 0.0
        for step in 0..<3 {
          let gradient = store(gradients(layout, step: step), kind)
          norm += optimizer.squaredNorm(of: gradient, at: w)
          optimizer.update(w, with: gradient, rates: LearningRates(rate), clip: 0.7)
        }
        return (norm, w.elements.map(\.bitPattern))
      }
      let (one, two) = (run(1), run(2))
      XCTAssertEqual(one.0, two.0)
      XCTAssertTrue(one.1 == two.1)
    }
  }

  /// Ranks that update their shards alone make together what one makes with all.
  func testShardsUpdatedApartGiveTheSameBits() throws {
    let layout = try layout()
    for count in 1...4 {
      let (whole, shared) = (parameters(layout), parameters(layout))
      let optimizer = AdamW(layout: layout, settings: AdamWSettings())
      let shards = layout.shards(count: count)
      let parts = (0..<count).map { rank in
        AdamW(layout: layout, settings: AdamWSettings(), owned: shards.map { $0[rank] })
      }
      XCTAssertEqual(
        parts.reduce(0) { $0 + $1.first.count }, layout.elementCount, "\(count) ranks hold all moments once")
      for step in 0..<3 {
        let gradient = store(gradients(layout, step: step))
        optimizer.update(whole, with: gradient, rates: LearningRates(rate), clip: 1)
        for part in parts { part.update(shared, with: gradient, rates: LearningRates(rate), clip: 1) }
      }
      XCTAssertTrue(whole.elements.map(\.bitPattern) == shared.elements.map(\.bitPattern), "\(count) ranks")
    }
  }

  /// The norm from the shards' words, added up as ranks do, has the bits of the norm made alone.
  func testTheNormOfShardsHasTheSameBits() throws {
    let layout = try layout()
    let w = parameters(layout)
    for kind in [GradientStore.Kind.float32, .fixedPoint] {
      let gradient = store(gradients(layout, step: 1), kind)
      let alone = AdamW(layout: layout, settings: AdamWSettings()).squaredNorm(of: gradient, at: w)
      let shards = layout.shards(count: 3)
      var total: [Int64] = []
      var norm = 0.0
      for rank in 0..<3 {
        let part = AdamW(layout: layout, settings: AdamWSettings(), owned: shards.map { $0[rank] })
        norm = part.squaredNorm(of: gradient, at: w) { words in
          if total.isEmpty { total = [Int64](repeating: 0, count: words.count) }
          for i in words.indices {
            total[i] += words[i]
            words[i] = total[i]
          }
        }
      }
      XCTAssertEqual(norm.bitPattern, alone.bitPattern)
    }
  }

  func testContinuingFromSavedMomentsGivesTheSameBits() throws {
    let layout = try layout()
    let (through, resumed) = (parameters(layout), parameters(layout))
    let first = AdamW(layout: layout, settings: AdamWSettings())
    let early = AdamW(layout: layout, settings: AdamWSettings())
    for step in 0..<4 { first.update(through, with: store(gradients(layout, step: step)), rates: LearningRates(rate), clip: 1) }
    for step in 0..<2 { early.update(resumed, with: store(gradients(layout, step: step)), rates: LearningRates(rate), clip: 1) }
    let late = AdamW(layout: layout, settings: AdamWSettings())
    late.first.pointer.update(from: early.first.pointer, count: early.first.count)
    late.second.pointer.update(from: early.second.pointer, count: early.second.count)
    late.stepCount = early.stepCount
    for step in 2..<4 { late.update(resumed, with: store(gradients(layout, step: step)), rates: LearningRates(rate), clip: 1) }
    XCTAssertTrue(through.elements.map(\.bitPattern) == resumed.elements.map(\.bitPattern))
  }
}
