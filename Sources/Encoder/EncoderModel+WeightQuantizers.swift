import Compute
import Quantization

extension EncoderModel {
  /// A segment of a learned linear's weights.
  private typealias WeightPiece = (linear: QuantizedLinear, range: Range<Int>)

  /// Passes the summed gradients of the weights through their quantizers, dŴ → dW, and adds their steps' gradients.
  ///
  /// Weights and steps are the same for every slice of a step and the gradient is linear in dŴ, so this is done once, on the
  /// sum over all slices and ranks. A step's gradient is a sum over its matrix, made segment by segment in a fixed order.
  /// - Parameters:
  ///   - owned: the parts of the block that hold sums here; nil: all. Shards of `ParameterLayout.shards`.
  ///   - sumOverRanks: adds words up over the ranks, of which all but one have zero: afterwards the gradients of steps and
  ///     offsets are known everywhere.
  public func backwardThroughWeightQuantizers(
    _ store: GradientStore, owned: [Range<Int>]?, sumOverRanks: (UnsafeMutableBufferPointer<Int64>) throws -> Void
  ) rethrows {
    try measure(.finish) {
      let weights = weightPieces
      let sums = passThroughQuantizers(weights, store, owned)
      let scalars = layout.parameters.filter { $0.kind == .stepSize || $0.kind == .offset }
      var words = sums.map { Int64(bitPattern: $0.bitPattern) }
      words += scalars.map { isOwned($0.start, owned) ? store.word(at: $0.start) : 0 }
      try words.withUnsafeMutableBufferPointer { try sumOverRanks($0) }
      for (i, parameter) in scalars.enumerated() { store.setWord(words[weights.count + i], at: parameter.start) }
      addStepGradients(weights, words.prefix(weights.count).map { Double(bitPattern: UInt64(bitPattern: $0)) }, store)
    }
  }

  /// As above, with all sums here.
  public func backwardThroughWeightQuantizers(_ store: GradientStore) {
    backwardThroughWeightQuantizers(store, owned: nil) { _ in }
  }

  private func isOwned(_ place: Int, _ owned: [Range<Int>]?) -> Bool { owned?.contains { $0.contains(place) } ?? true }

  /// The segments of every weight that has a learned rule's quantizer, in the order of the layers.
  private var weightPieces: [WeightPiece] {
    let learned = layers.flatMap(\.linears.values).filter { $0.rule.hasStep }
    guard !learned.isEmpty else { return [] }
    let linearOfStart = Dictionary(uniqueKeysWithValues: learned.map { ($0.weight.start, $0) })
    return layout.segments.compactMap { segment in linearOfStart[segment.parameter.start].map { ($0, segment.range) } }
  }

  /// dŴ → dW in the owned segments; returns each segment's part of its step's gradient, zero where another rank has it.
  private func passThroughQuantizers(
    _ segments: [WeightPiece], _ store: GradientStore, _ owned: [Range<Int>]?
  ) -> [Double] {
    var sums = [Double](repeating: 0, count: segments.count)
    let mine = segments.indices.filter { isOwned(segments[$0].range.lowerBound, owned) }
    sums.withUnsafeMutableBufferPointer { sums in
      Threads.forEach(mine.count) { i, thread in
        let (linear, range) = segments[mine[i]]
        sums[mine[i]] = passThroughQuantizer(
          linear, range, store, scratch: workspace.scratch[thread].rowTemporaries.pointer)
      }
    }
    return sums
  }

  private func passThroughQuantizer(
    _ linear: QuantizedLinear, _ range: Range<Int>, _ store: GradientStore, scratch: UnsafeMutablePointer<Float>
  ) -> Double {
    guard let step = linear.step else { return 0 }
    let width = linear.matrix.inputs
    let quantizer = WeightQuantizer(
      rule: linear.rule, step: parameters[step.start], clipsGradient: scheme.clipsGradient)
    let gradient = scratch + width
    var sum = 0.0
    for place in stride(from: range.lowerBound, to: range.upperBound, by: width) {
      store.read(place..<place + width, into: gradient)
      sum += Double(quantizer.backward(gradient, weights: parameters.pointer + place, scratch: scratch, width))
      store.write(gradient, to: place..<place + width)
    }
    return sum
  }

  private func addStepGradients(
    _ segments: [WeightPiece], _ sums: [Double], _ store: GradientStore
  ) {
    guard scheme.learnsSteps else { return }
    var at = 0
    while at < segments.count {
      let linear = segments[at].linear
      var sum = 0.0
      while at < segments.count, segments[at].linear === linear {
        sum += sums[at]
        at += 1
      }
      let factor = StepInitialisation.gradientFactor(count: linear.weight.count, rule: linear.rule)
      if let step = linear.step { store.add(Float(sum) * factor, at: step.start) }
    }
  }
}
