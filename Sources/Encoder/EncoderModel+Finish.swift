import Compute
import Quantization

extension EncoderModel {
  /// Passes the summed gradients of the weights through their quantizers, dŴ → dW, and adds their steps' gradients.
  ///
  /// Weights and steps are the same for every slice of a step and the gradient is linear in dŴ, so this is done once, on the
  /// sum over all slices and ranks. A step's gradient is a sum over its matrix, made piece by piece in a fixed order.
  /// - Parameters:
  ///   - owned: the parts of the block that hold sums here; nil: all. Shards of `ParameterLayout.shards`.
  ///   - combine: adds words up over the ranks, of which all but one have zero: afterwards the gradients of steps and offsets
  ///     are known everywhere.
  public func finishGradients(
    of store: GradientStore, owned: [Range<Int>]?, combine: (UnsafeMutableBufferPointer<Int64>) throws -> Void
  ) rethrows {
    try measure(.finish) {
      let weights = weightPieces
      let sums = passThroughQuantizers(weights, store, owned)
      let scalars = layout.parameters.filter { $0.kind == .stepSize || $0.kind == .offset }
      var words = sums.map { Int64(bitPattern: $0.bitPattern) }
      words += scalars.map { isOwned($0.start, owned) ? store.word(at: $0.start) : 0 }
      try words.withUnsafeMutableBufferPointer { try combine($0) }
      for (i, parameter) in scalars.enumerated() { store.setWord(words[weights.count + i], at: parameter.start) }
      addStepGradients(weights, words.prefix(weights.count).map { Double(bitPattern: UInt64(bitPattern: $0)) }, store)
    }
  }

  /// As above, with all sums here.
  public func finishGradients(of store: GradientStore) { finishGradients(of: store, owned: nil) { _ in } }

  private func isOwned(_ place: Int, _ owned: [Range<Int>]?) -> Bool { owned?.contains { $0.contains(place) } ?? true }

  /// The pieces of every weight that has a learned rule's quantizer, in the order of the layers.
  private var weightPieces: [(linear: PreparedLinear, range: Range<Int>)] {
    let learned = linears.joined().filter { $0.rule.hasStep }
    guard !learned.isEmpty else { return [] }
    let linearOfStart = Dictionary(uniqueKeysWithValues: learned.map { ($0.weight.start, $0) })
    return layout.pieces.compactMap { piece in linearOfStart[piece.parameter.start].map { ($0, piece.range) } }
  }

  /// dŴ → dW in the owned pieces; returns each piece's part of its step's gradient, zero where another rank has it.
  private func passThroughQuantizers(
    _ pieces: [(linear: PreparedLinear, range: Range<Int>)], _ store: GradientStore, _ owned: [Range<Int>]?
  ) -> [Double] {
    var sums = [Double](repeating: 0, count: pieces.count)
    let mine = pieces.indices.filter { isOwned(pieces[$0].range.lowerBound, owned) }
    sums.withUnsafeMutableBufferPointer { sums in
      Threads.forEach(mine.count) { i, thread in
        let (linear, range) = pieces[mine[i]]
        sums[mine[i]] = finish(linear, range, store, scratch: workspace.scratch[thread].rows.pointer)
      }
    }
    return sums
  }

  private func finish(
    _ linear: PreparedLinear, _ range: Range<Int>, _ store: GradientStore, scratch: UnsafeMutablePointer<Float>
  ) -> Double {
    guard let stepIndex = linear.stepIndex else { return 0 }
    let width = linear.inputs
    let quantizer = WeightQuantizer(rule: linear.rule, step: parameters[stepIndex], clipsGradient: scheme.clipsGradient)
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
    _ pieces: [(linear: PreparedLinear, range: Range<Int>)], _ sums: [Double], _ store: GradientStore
  ) {
    guard scheme.learnsSteps else { return }
    var at = 0
    while at < pieces.count {
      let linear = pieces[at].linear
      var sum = 0.0
      while at < pieces.count, pieces[at].linear === linear {
        sum += sums[at]
        at += 1
      }
      let factor = StepInitialisation.gradientFactor(count: linear.weight.count, rule: linear.rule)
      if let stepIndex = linear.stepIndex { store.add(Float(sum) * factor, at: stepIndex) }
    }
  }

  /// Clipped shares and step sizes of every site on the slice in the workspace, for the logs.
  public func siteStatistics() -> [(site: String, stepSize: Float, clippedShare: Double)] {
    var found: [(site: String, stepSize: Float, clippedShare: Double)] = []
    for table in EmbeddingTable.allCases where quantizer(of: table).rule.hasStep {
      found.append(weightStatistics(table.name, quantizer(of: table)))
    }
    for layer in 0..<dimensions.layerCount {
      for linear in linears[layer] where linear.rule.isOn {
        let step = linear.worth.pointer[0]
        let name = String(linear.weight.name.dropLast(".weight".count))
        found.append(weightStatistics(name, WeightQuantizer(rule: linear.rule, step: step)))
      }
      found += (0..<4).filter { rules.sites[layer][$0].hasStep }.map { activationStatistics(layer, $0) }
    }
    return found
  }

  private func weightStatistics(_ name: String, _ quantizer: WeightQuantizer) -> (
    site: String, stepSize: Float, clippedShare: Double
  ) {
    let info = layout.required(name + ".weight")
    let clipped = quantizer.clippedCount(parameters.pointer + info.start, info.count)
    return (name + ".weight_quantizer", quantizer.step, Double(clipped) / Double(info.count))
  }

  private func activationStatistics(_ layer: Int, _ site: Int) -> (site: String, stepSize: Float, clippedShare: Double)
  {
    let quantizer = quantizer(layer: layer, site: site)
    let width = site == 3 ? dimensions.intermediateSize : dimensions.hiddenSize
    let trace = workspace.layers[layer]
    let row = workspace.scratch[0].rows.pointer
    var clipped = 0
    for token in 0..<slice.tokenCount {
      switch site {
      case 0: layerInput(layer, token: token, into: row, workspace.scratch[0])
      case 1: row.update(from: trace.context.pointer + token * width, count: width)
      case 2: streamRow(norm: 2 * layer + 1, token: token, into: row)
      default: geluRow(trace.preActivation.pointer + token * width, into: row, width)
      }
      clipped += quantizer.clippedCount(row, width)
    }
    let total = max(slice.tokenCount * width, 1)
    return (siteName(layer: layer, site: site), quantizer.step, Double(clipped) / Double(total))
  }
}

// MARK: - Shared steps (an option of the published code)

extension EncoderModel {
  /// Step parameters that are one and the same under `scheme.sharesSteps`: weights (the head's too), activations, tables.
  private var sharedStepGroups: [[ParameterInfo]] {
    guard scheme.sharesSteps else { return [] }
    let parameters = layout.parameters
    let suffixes = [".step", ".offset"]
    let groups: [(ParameterInfo) -> Bool] = [
      { $0.name.contains("weight_quantizer") && !$0.name.contains(".embeddings.") },
      { $0.name.contains("input_quantizer") },
      { $0.name.contains("weight_quantizer") && $0.name.contains(".embeddings.") },
    ]
    return groups.flatMap { isMember in
      suffixes.map { suffix in parameters.filter { isMember($0) && $0.name.hasSuffix(suffix) } }
    }.filter { $0.count > 1 }
  }

  /// Gives every member of a group the first one's value: "set once from the first tensor seen".
  public func shareSteps() {
    for group in sharedStepGroups {
      for parameter in group.dropFirst() { parameters[parameter.start] = parameters[group[0].start] }
    }
  }

  /// Gives every member of a group the sum of their gradients, so that they stay equal.
  public func tieSharedSteps(of store: GradientStore) {
    for group in sharedStepGroups {
      let sum = group.reduce(Float(0)) { $0 + store.value(at: $1.start) }
      for parameter in group {
        withUnsafePointer(to: sum) { store.write($0, to: parameter.start..<parameter.start + 1) }
      }
    }
  }

  // MARK: - Numbers gone wrong

  /// The first tensor of the present forward pass that holds a NaN or an infinity, by its place in the model.
  public func firstNonFiniteSite() -> String? {
    let h = dimensions.hiddenSize
    func isBad(_ buffer: AlignedBuffer<Float>, _ width: Int) -> Bool {
      !absoluteSum(buffer.pointer, slice.tokenCount * width).isFinite
    }
    if isBad(workspace.norms[0].normalised, h) { return "roberta.embeddings" }
    for layer in 0..<dimensions.layerCount {
      let name = "roberta.encoder.layer.\(layer)"
      if isBad(workspace.layers[layer].context, h) { return name + ".attention.self" }
      if isBad(workspace.norms[2 * layer + 1].normalised, h) { return name + ".attention.output" }
      if isBad(workspace.layers[layer].preActivation, dimensions.intermediateSize) { return name + ".intermediate" }
      if isBad(workspace.norms[2 * layer + 2].normalised, h) { return name + ".output" }
    }
    return nil
  }
}
