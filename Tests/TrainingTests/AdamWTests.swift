import Compute
import Encoder
import Quantization
import TestSupport
import Training
import XCTest

final class AdamWTests: XCTestCase {
  private let rate = 1e-3

  /// A layout with every kind of parameter; the word table is longer than one piece of the optimizer's work.
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
    let settings = AdamWSettings()

    init(_ w: [Float]) {
      self.w = w.map(Double.init)
      m = self.w.map { _ in 0 }
      v = m
    }

    mutating func update(_ gradient: [Float], _ layout: ParameterLayout, rate: Double, clip: Double) {
      step += 1
      for parameter in layout.parameters {
        for i in parameter.range {
          let g = Double(gradient[i]) * clip
          m[i] = settings.beta1 * m[i] + (1 - settings.beta1) * g
          v[i] = settings.beta2 * v[i] + (1 - settings.beta2) * g * g
          let (first, second) = (m[i] / (1 - pow(settings.beta1, step)), v[i] / (1 - pow(settings.beta2, step)))
          w[i] *= 1 - rate * (parameter.decays ? settings.weightDecay : 0)
          w[i] -= rate * first / (second.squareRoot() + settings.epsilon)
          if parameter.kind == .stepSize { w[i] = max(w[i], 1e-8) }
        }
      }
    }
  }

  /// Each update rounds w (of size one) by 2^−24 and the change (of size 1e−3) by a few units of 2^−24 relative; after ten of
  /// them 1e−6·max(1, |w|) is left.
  func testSeveralStepsAgreeWithTheFormulaInDoubles() throws {
    let layout = try layout()
    for kind in [GradientStore.Kind.float32, .fixedPoint] {
      let w = parameters(layout)
      var plain = PlainAdamW(Array(w.elements))
      let optimizer = AdamW(layout: layout, settings: AdamWSettings())
      for step in 0..<10 {
        let gradient = gradients(layout, step: step)
        let clip = 1 / Double(step + 1)
        optimizer.update(w, with: store(gradient, kind), rate: rate, clip: clip)
        plain.update(gradient, layout, rate: rate, clip: clip)
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
    for _ in 0..<20 { optimizer.update(w, with: store(gradient), rate: rate, clip: 1) }
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
    optimizer.update(w, with: store(nothing), rate: 0.1, clip: 1)
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
    let optimizer = AdamW(layout: layout, settings: AdamWSettings())
    let up = [Float](repeating: 1, count: layout.elementCount)
    optimizer.update(w, with: store(up), rate: 10, clip: 1)
    for parameter in layout.parameters where parameter.kind == .stepSize { XCTAssertEqual(w[parameter.start], 1e-8) }
    let offset = layout.parameters.first { $0.kind == .offset }!
    XCTAssertLessThan(w[offset.start], -5)
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
    let exact = gradient.reduce(0) { $0 + Double($1) * Double($1) }
    let optimizer = AdamW(layout: layout, settings: AdamWSettings())
    for kind in [GradientStore.Kind.float32, .fixedPoint] {
      XCTAssertEqual(optimizer.squaredNorm(of: store(gradient, kind)), exact, accuracy: 70 * 0x1p-24 * exact)
    }
  }

  func testANaNReachesTheNorm() throws {
    let layout = try layout()
    for parameter in [layout.parameters[0], layout.parameters.last!] {
      var gradient = gradients(layout, step: 3)
      gradient[parameter.range.upperBound - 1] = .nan
      XCTAssertTrue(AdamW(layout: layout, settings: AdamWSettings()).squaredNorm(of: store(gradient)).isNaN)
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
          norm += optimizer.squaredNorm(of: gradient)
          optimizer.update(w, with: gradient, rate: rate, clip: 0.7)
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
        optimizer.update(whole, with: gradient, rate: rate, clip: 1)
        for part in parts { part.update(shared, with: gradient, rate: rate, clip: 1) }
      }
      XCTAssertTrue(whole.elements.map(\.bitPattern) == shared.elements.map(\.bitPattern), "\(count) ranks")
    }
  }

  /// The norm from the shards' words, added up as ranks do, has the bits of the norm made alone.
  func testTheNormOfShardsHasTheSameBits() throws {
    let layout = try layout()
    for kind in [GradientStore.Kind.float32, .fixedPoint] {
      let gradient = store(gradients(layout, step: 1), kind)
      let alone = AdamW(layout: layout, settings: AdamWSettings()).squaredNorm(of: gradient)
      let shards = layout.shards(count: 3)
      var total: [Int64] = []
      var norm = 0.0
      for rank in 0..<3 {
        let part = AdamW(layout: layout, settings: AdamWSettings(), owned: shards.map { $0[rank] })
        norm = part.squaredNorm(of: gradient) { words in
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
    for step in 0..<4 { first.update(through, with: store(gradients(layout, step: step)), rate: rate, clip: 1) }
    for step in 0..<2 { early.update(resumed, with: store(gradients(layout, step: step)), rate: rate, clip: 1) }
    let late = AdamW(layout: layout, settings: AdamWSettings())
    late.first.pointer.update(from: early.first.pointer, count: early.first.count)
    late.second.pointer.update(from: early.second.pointer, count: early.second.count)
    late.stepCount = early.stepCount
    for step in 2..<4 { late.update(resumed, with: store(gradients(layout, step: step)), rate: rate, clip: 1) }
    XCTAssertTrue(through.elements.map(\.bitPattern) == resumed.elements.map(\.bitPattern))
  }
}
