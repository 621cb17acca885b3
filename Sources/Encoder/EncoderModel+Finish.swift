import Compute
import Quantization

extension EncoderModel {
  /// Passes the summed gradients of one layer's weights through their quantizers, dŴ → dW, and adds their steps' gradients.
  ///
  /// Weights and steps are the same for every slice of a step and the gradient is linear in dŴ, so this is done once, on the
  /// sum over all slices and ranks. Every rank does the same sums in the same order.
  public func finishGradients(layer: Int, of store: GradientStore) {
    guard case .lsq = scheme.weights else { return }
    phases.measure(.finish) {
      for linear in linears[layer] { finish(linear, store) }
    }
  }

  private func finish(_ linear: PreparedLinear, _ store: GradientStore) {
    let rowsATask = 32
    let width = linear.inputs
    guard let stepIndex = linear.stepIndex else { return }
    let quantizer = WeightQuantizer(rule: linear.rule, step: parameters[stepIndex], clipsGradient: scheme.clipsGradient)
    var sums = [Double](repeating: 0, count: (linear.outputs + rowsATask - 1) / rowsATask)
    sums.withUnsafeMutableBufferPointer { sums in
      Threads.forEachRange(linear.outputs, length: rowsATask) { range, thread in
        let scratch = workspace.scratch[thread].rows.pointer
        let gradient = scratch + width
        var sum = 0.0
        for row in range {
          let place = linear.weight.start + row * width
          store.read(place..<place + width, into: gradient)
          sum += Double(quantizer.backward(gradient, weights: parameters.pointer + place, scratch: scratch, width))
          store.write(gradient, to: place..<place + width)
        }
        sums[range.lowerBound / rowsATask] = sum
      }
    }
    guard scheme.learnsSteps else { return }
    let factor = StepInitialisation.gradientFactor(count: linear.weight.count, rule: linear.rule)
    store.add(Float(sums.reduce(0, +)) * factor, at: stepIndex)
  }

  /// Clipped shares and step sizes of every site on the slice in the workspace, for the logs.
  public func siteStatistics() -> [(site: String, stepSize: Float, clippedShare: Double)] {
    var found: [(site: String, stepSize: Float, clippedShare: Double)] = []
    for table in EmbeddingTable.allCases where scheme.embeddings.hasStep {
      found.append(weightStatistics(table.name, quantizer(of: table)))
    }
    for layer in 0..<dimensions.layerCount {
      for linear in linears[layer] where linear.rule.isOn {
        let step = linear.worth.pointer[0]
        let name = String(linear.weight.name.dropLast(".weight".count))
        found.append(weightStatistics(name, WeightQuantizer(rule: linear.rule, step: step)))
      }
      if scheme.activations.hasStep { found += (0..<4).map { activationStatistics(layer, $0) } }
    }
    return found
  }

  private func weightStatistics(_ name: String, _ quantizer: WeightQuantizer) -> (site: String, stepSize: Float, clippedShare: Double) {
    let info = layout.required(name + ".weight")
    let clipped = quantizer.clippedCount(parameters.pointer + info.start, info.count)
    return (name + ".weight_quantizer", quantizer.step, Double(clipped) / Double(info.count))
  }

  private func activationStatistics(_ layer: Int, _ site: Int) -> (site: String, stepSize: Float, clippedShare: Double) {
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
