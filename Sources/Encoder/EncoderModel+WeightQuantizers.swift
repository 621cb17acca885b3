import Compute
import Quantization

extension EncoderModel {
  /// A segment of a learned linear's weights, and the places of what its rows give their steps: one a row where each has a
  /// step, else one.
  private struct WeightPiece {
    let linear: QuantizedLinear
    let range: Range<Int>
    let sums: Range<Int>
  }

  /// Passes the summed gradients of the weights through their quantizers, dŴ → dW, and adds their steps' gradients.
  ///
  /// Weights and steps are the same for every slice of a step and the gradient is linear in dŴ, so this is done once, on the
  /// sum over all slices and ranks. A step's gradient is a sum over its matrix, made segment by segment in a fixed order.
  /// - Parameters:
  ///   - owned: the parts of the block that hold sums here; nil: all. Shards of `ParameterLayout.shards`.
  ///   - sumOverRanks: adds words up over the ranks, of which all but one have zero: afterwards the gradients of steps and
  ///     offsets are known everywhere. Nothing is missing where all sums are here.
  public func backwardThroughWeightQuantizers(
    _ store: GradientStore, owned: [Range<Int>]?, sumOverRanks: (UnsafeMutableBufferPointer<Int64>) throws -> Void
  ) rethrows {
    try measure(.finish) {
      let weights = weightPieces
      var sums = passThroughQuantizers(weights, store, owned)
      if let owned { try complete(&sums, store, owned, sumOverRanks) }
      addStepGradients(weights, sums, store)
    }
  }

  /// Adds up over the ranks what each has of `sums`, and gives all of them the gradients of steps and offsets so far.
  private func complete(
    _ sums: inout [Double], _ store: GradientStore, _ owned: [Range<Int>],
    _ sumOverRanks: (UnsafeMutableBufferPointer<Int64>) throws -> Void
  ) rethrows {
    let places = layout.segments.filter { $0.parameter.kind == .stepSize || $0.parameter.kind == .offset }.flatMap {
      segment in
      let isOwned = isOwned(segment.range.lowerBound, owned)
      return segment.range.map { (place: $0, isOwned: isOwned) }
    }
    var words = sums.map { Int64(bitPattern: $0.bitPattern) }
    words += places.map { $0.isOwned ? store.word(at: $0.place) : 0 }
    try words.withUnsafeMutableBufferPointer { try sumOverRanks($0) }
    for (word, place) in zip(words.dropFirst(sums.count), places) { store.setWord(word, at: place.place) }
    for i in sums.indices { sums[i] = Double(bitPattern: UInt64(bitPattern: words[i])) }
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
    var end = 0
    return layout.segments.compactMap { segment in
      guard let linear = linearOfStart[segment.parameter.start] else { return nil }
      let start = end
      end += linear.rule.isPerRow ? segment.range.count / linear.matrix.inputs : 1
      return WeightPiece(linear: linear, range: segment.range, sums: start..<end)
    }
  }

  /// dŴ → dW in the owned segments; returns what each gives its step, or its rows' steps, zero where another rank has it.
  private func passThroughQuantizers(
    _ segments: [WeightPiece], _ store: GradientStore, _ owned: [Range<Int>]?
  ) -> [Double] {
    var sums = [Double](repeating: 0, count: segments.last?.sums.upperBound ?? 0)
    let mine = segments.indices.filter { isOwned(segments[$0].range.lowerBound, owned) }
    sums.withUnsafeMutableBufferPointer { sums in
      Threads.forEach(mine.count) { i, thread in
        passThroughQuantizer(
          segments[mine[i]], store, into: sums, scratch: workspace.scratch[thread].rowTemporaries.pointer)
      }
    }
    return sums
  }

  private func passThroughQuantizer(
    _ piece: WeightPiece, _ store: GradientStore, into sums: UnsafeMutableBufferPointer<Double>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let (linear, width) = (piece.linear, piece.linear.matrix.inputs)
    let gradient = scratch + width
    var at = piece.sums.lowerBound
    for place in stride(from: piece.range.lowerBound, to: piece.range.upperBound, by: width) {
      let quantizer = linear.quantizer(row: (place - linear.weight.start) / width, parameters.pointer)
      store.read(place..<place + width, into: gradient)
      sums[at] += Double(quantizer.backward(gradient, weights: parameters.pointer + place, scratch: scratch, width))
      store.write(gradient, to: place..<place + width)
      if linear.rule.isPerRow { at += 1 }
    }
  }

  private func addStepGradients(
    _ segments: [WeightPiece], _ sums: [Double], _ store: GradientStore
  ) {
    guard scheme.learnsSteps else { return }
    var at = 0
    while at < segments.count {
      let (linear, first) = (segments[at].linear, segments[at].sums.lowerBound)
      while at < segments.count, segments[at].linear === linear { at += 1 }
      guard let step = linear.step else { continue }
      let mine = sums[first..<segments[at - 1].sums.upperBound]
      let factor = StepInitialisation.gradientFactor(count: linear.weight.count / step.count, rule: linear.rule)
      // A step of a whole matrix takes all sums, each of many takes its row's.
      let gradients = step.count == 1 ? [Float(mine.reduce(0, +)) * factor] : mine.map { Float($0) * factor }
      store.add(gradients, at: step.start, step.count)
    }
  }
}
