import Compute
import Encoder
import Foundation
import Quantization

/// AdamW's constants (docs/numerics.md, "Loss and gradient over the global batch").
public struct AdamWSettings: Sendable {
  public var beta1 = 0.9
  public var beta2 = 0.98
  public var epsilon = 1e-8
  public var weightDecay = 0.01
  public var largestGradientNorm = 1.0
  public var stepRule = StepRule.log

  public init() {}
}

/// The rates of one update.
public struct LearningRates: Sendable, Equatable {
  /// Of weights, tables, biases and norms.
  public var parameters: Double
  /// Of step sizes and offsets: under `StepRule.log` the relative change of a step.
  public var steps: Double

  public init(parameters: Double, steps: Double) { (self.parameters, self.steps) = (parameters, steps) }

  /// One rate for all.
  public init(_ rate: Double) { self.init(parameters: rate, steps: rate) }
}

/// AdamW with decoupled decay, over the one block that holds all parameters.
///
/// m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², w ← w·(1 − η·decay) − η·m̂/(√v̂ + ε), both moments bias-corrected; decay on matrices
/// and tables only; step sizes are held at 1e−8 or more. Loshchilov and Hutter 2019.
///
/// Under `StepRule.log`, g of a step is s·∂L/∂s and s ← s·exp(−η_s·m̂/(√v̂ + ε)); g of an offset is s·∂L/∂β and
/// β/s ← β/s − η_s·(p − n)·m̂/(√v̂ + ε), with the new step in the new β.
public final class AdamW {
  public let settings: AdamWSettings
  /// First and second moments of the owned ranges, one after the other: of all parameters, they lie as the parameters do.
  public let first: AlignedBuffer<Float>
  public let second: AlignedBuffer<Float>
  /// The parts of the parameters' block that this optimizer updates, ascending.
  public let owned: [Range<Int>]
  /// Updates made so far.
  public var stepCount = 0

  /// A segment of one parameter that one task works on.
  private struct Segment {
    let start: Int
    let count: Int
    /// Where its moments lie.
    let moments: Int
    let decays: Bool
    let kind: ParameterInfo.Kind
    /// p − n of an offset's grid.
    let levelSpan: Float
    /// Where the step lies whose size the gradient is multiplied by: steps and offsets under the logarithmic rule.
    let scalingStep: Int?

    var isStepOrOffset: Bool { kind == .stepSize || kind == .offset }
    var floor: Float { kind == .stepSize ? StepInitialisation.smallestStep : -.infinity }
  }

  /// What is the same for all elements of an update.
  private struct Update {
    let rates: LearningRates
    let clip: Float
    let correction1: Float
    let correction2: Float
  }

  private let segments: [Segment]
  /// Each own segment's number among those of the layout.
  private let numbers: [Int]
  private let allSegmentsCount: Int

  /// Zero moments for a layout.
  /// - Parameter owned: the shards of the block (`ParameterLayout.shards`) that are this optimizer's; nil: the whole block.
  public init(layout: ParameterLayout, settings: AdamWSettings, owned: [Range<Int>]? = nil) {
    self.settings = settings
    let owned = (owned ?? [0..<layout.elementCount]).filter { !$0.isEmpty }.sorted { $0.lowerBound < $1.lowerBound }
    self.owned = owned
    let count = owned.reduce(0) { $0 + $1.count }
    (first, second) = (AlignedBuffer(count), AlignedBuffer(count))
    let all = layout.segments
    allSegmentsCount = all.count
    let places = all.map { AdamW.momentsPlace(of: $0.range.lowerBound, in: owned) }
    numbers = all.indices.filter { places[$0] != nil }
    segments = numbers.map { AdamW.segment($0, of: all, moments: places[$0]!, rule: settings.stepRule) }
  }

  private static func segment(_ index: Int, of all: [ParameterSegment], moments: Int, rule: StepRule) -> Segment {
    let (segment, parameter) = (all[index], all[index].parameter)
    let scalingStep: Int? =
      switch (rule, parameter.kind) {
      case (.log, .stepSize): segment.range.lowerBound
      case (.log, .offset): all[index - 1].range.lowerBound  // right behind its step (`ParameterLayout`)
      default: nil
      }
    return Segment(
      start: segment.range.lowerBound, count: segment.range.count, moments: moments, decays: parameter.decays,
      kind: parameter.kind, levelSpan: parameter.levelSpan, scalingStep: scalingStep)
  }

  /// Where the moments of the parameter at `place` lie; nil where it is not owned.
  public func momentsPlace(of place: Int) -> Int? { AdamW.momentsPlace(of: place, in: owned) }

  private static func momentsPlace(of place: Int, in owned: [Range<Int>]) -> Int? {
    var before = 0
    for range in owned {
      if range.contains(place) { return before + place - range.lowerBound }
      before += range.count
    }
    return nil
  }

  /// The squared norm of the summed gradient of what this optimizer moves: segments in a fixed order, whatever the number of
  /// threads and owners.
  /// - Parameters:
  ///   - parameters: where the gradient was taken: steps scale their own under the logarithmic rule.
  ///   - combine: adds words up over the ranks, of which all but one have zero: a word a segment, with its sum's bits.
  public func squaredNorm(
    of gradients: GradientStore, at parameters: AlignedBuffer<Float>,
    combine: (UnsafeMutableBufferPointer<Int64>) throws -> Void
  ) rethrows -> Double {
    var words = [Int64](repeating: 0, count: allSegmentsCount)
    try words.withUnsafeMutableBufferPointer { words in
      Threads.forEach(segments.count) { i, _ in
        let segment = segments[i]
        words[numbers[i]] = Int64(bitPattern: squaredNorm(of: segment, in: gradients, parameters).bitPattern)
      }
      try combine(words)
    }
    return words.reduce(0.0) { $0 + Double(bitPattern: UInt64(bitPattern: $1)) }
  }

  /// As above, of an optimizer that has all segments.
  public func squaredNorm(of gradients: GradientStore, at parameters: AlignedBuffer<Float>) -> Double {
    squaredNorm(of: gradients, at: parameters) { _ in }
  }

  private func squaredNorm(of segment: Segment, in gradients: GradientStore, _ parameters: AlignedBuffer<Float>)
    -> Double
  {
    var sum = 0.0
    guard segment.scalingStep == nil else {
      for i in 0..<segment.count {
        let gradient = Double(scaledGradient(segment, i, gradients, parameters))
        sum += gradient * gradient
      }
      return sum
    }
    forEachBlock(of: segment, in: gradients) { gradient, block in
      sum += Double(rowDot(gradient, gradient, block.count))
    }
    return sum
  }

  /// s·∂L/∂s of a step, or s·∂L/∂β of an offset: the gradient to ln s, or to β/s.
  private func scaledGradient(
    _ segment: Segment, _ i: Int, _ gradients: GradientStore, _ parameters: AlignedBuffer<Float>
  ) -> Float {
    gradients.value(at: segment.start + i) * parameters[segment.scalingStep! + i]
  }

  /// min(1, c/(norm + 1e−6)).
  public func clipFactor(norm: Double) -> Double { min(1, settings.largestGradientNorm / (norm + 1e-6)) }

  /// One update of the owned parameters.
  /// - Parameter clip: what the gradient is multiplied by first.
  public func update(
    _ parameters: AlignedBuffer<Float>, with gradients: GradientStore, rates: LearningRates, clip: Double
  ) {
    stepCount += 1
    let update = Update(
      rates: rates, clip: Float(clip), correction1: Float(1 / (1 - pow(settings.beta1, Double(stepCount)))),
      correction2: Float(1 / (1 - pow(settings.beta2, Double(stepCount)))))
    Threads.forEach(segments.count) { i, _ in
      let segment = segments[i]
      guard segment.scalingStep == nil else {
        // An offset moves with its step, which is the segment before it.
        if segment.kind == .stepSize { moveSite(segment, offset: offset(after: i), parameters, gradients, update) }
        return
      }
      forEachBlock(of: segment, in: gradients) { gradient, block in
        move(segment, block, parameters.pointer + segment.start, gradient, update)
      }
    }
  }

  private func offset(after index: Int) -> Segment? {
    index + 1 < segments.count && segments[index + 1].kind == .offset ? segments[index + 1] : nil
  }

  /// Elements that are worked on at once: what is made of them stays in the first-level cache.
  private static let block = 1024

  /// Calls `body(gradient, block)` for each block of a segment, in order, with the block's gradient as floats.
  private func forEachBlock(
    of segment: Segment, in gradients: GradientStore, _ body: (UnsafePointer<Float>, Range<Int>) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: AdamW.block) { scratch in
      for start in stride(from: 0, to: segment.count, by: AdamW.block) {
        let block = start..<min(start + AdamW.block, segment.count)
        if let floats = gradients.floats {
          body(floats.pointer + segment.start + start, block)
        } else {
          gradients.read(segment.start + start..<segment.start + block.upperBound, into: scratch.baseAddress!)
          body(scratch.baseAddress!, block)
        }
      }
    }
  }

  private func move(
    _ segment: Segment, _ block: Range<Int>, _ parameters: UnsafeMutablePointer<Float>,
    _ gradient: UnsafePointer<Float>,
    _ update: Update
  ) {
    let w = parameters + block.lowerBound
    let m = first.pointer + segment.moments + block.lowerBound
    let v = second.pointer + segment.moments + block.lowerBound
    let (beta1, beta2) = (Float(settings.beta1), Float(settings.beta2))
    let (rest1, rest2) = (Float(1 - settings.beta1), Float(1 - settings.beta2))
    let epsilon = Float(settings.epsilon)
    let (clip, correction1, correction2) = (update.clip, update.correction1, update.correction2)
    let rate = Float(segment.isStepOrOffset ? update.rates.steps : update.rates.parameters)
    let keep = Float(1 - (segment.decays ? Double(rate) * settings.weightDecay : 0))
    let floor = segment.floor
    for i in 0..<block.count {
      let g = gradient[i] * clip
      m[i] = (m[i] * beta1).addingProduct(rest1, g)
      v[i] = (v[i] * beta2).addingProduct(rest2 * g, g)
    }
    for i in 0..<block.count {
      let denominator = (v[i] * correction2).squareRoot() + epsilon
      let updated = w[i] * keep - rate * (m[i] * correction1) / denominator
      w[i] = max(updated, floor)
    }
  }

  /// Moves steps, and the offsets that go with them, by the logarithmic rule.
  private func moveSite(
    _ step: Segment, offset: Segment?, _ parameters: AlignedBuffer<Float>, _ gradients: GradientStore, _ update: Update
  ) {
    for i in 0..<step.count {
      let size = Double(parameters[step.start + i])
      let towards = direction(step, i, scaledGradient(step, i, gradients, parameters), update)
      let moved = max(Float(size * exp(-update.rates.steps * towards)), step.floor)
      if let offset {
        let towards = direction(offset, i, scaledGradient(offset, i, gradients, parameters), update)
        let change = update.rates.steps * Double(offset.levelSpan) * towards * size
        // β/s moves, and the new s makes it β again: as a ratio, so that without a change β keeps its bits.
        parameters[offset.start + i] = Float((Double(parameters[offset.start + i]) - change) * (Double(moved) / size))
      }
      parameters[step.start + i] = moved
    }
  }

  /// m̂/(√v̂ + ε) of one element, whose moments take the gradient in.
  private func direction(_ segment: Segment, _ i: Int, _ gradient: Float, _ update: Update) -> Double {
    let g = gradient * update.clip
    let place = segment.moments + i
    first[place] = (first[place] * Float(settings.beta1)).addingProduct(Float(1 - settings.beta1), g)
    second[place] = (second[place] * Float(settings.beta2)).addingProduct(Float(1 - settings.beta2) * g, g)
    let denominator = Double(second[place] * update.correction2).squareRoot() + settings.epsilon
    return Double(first[place] * update.correction1) / denominator
  }
}
