import Compute
import Quantization

extension EncoderModel {
  /// Clipped shares and step sizes of every site on a slice, for the logs: over the rows that the trace has. Where each row of a
  /// weight has a step, or γ, it is their mean.
  public func siteStatistics(
    _ trace: borrowing ForwardTrace
  ) -> [(site: String, stepSize: Float, clippedShare: Double)] {
    let pass = trace.currentPass()
    var found: [(site: String, stepSize: Float, clippedShare: Double)] = []
    for (name, weight, step, quantizer) in embeddings.quantizers(pass.parameters) {
      found.append((name + ".weight_quantizer", stepSize(step), clippedShare(of: weight, quantizer)))
    }
    for layer in layers {
      for linear in layer.linears.values where linear.rule.isOn {
        let name = String(linear.weight.name.dropLast(".weight".count)) + ".weight_quantizer"
        let size = linear.step.map(stepSize) ?? linear.meanLevelScale
        let share = clippedShare(of: linear.weight) { linear.quantizer(row: $0, pass.parameters) }
        found.append((name, size, share))
      }
      let read = rows(of: layer, pass, trace.read)
      found += layer.inputs.values.filter { $0.rule.hasStep }.map {
        activationStatistics(layer, $0, $0.site == .attentionInput ? pass : read)
      }
    }
    return found
  }

  private func clippedShare(of weight: ParameterInfo, _ quantizer: (_ row: Int) -> WeightQuantizer) -> Double {
    let width = weight.shape[1]
    let clipped = (0..<weight.shape[0]).reduce(0) {
      $0 + quantizer($1).clippedCount(parameters.pointer + weight.start + $1 * width, width)
    }
    return Double(clipped) / Double(weight.count)
  }

  private func activationStatistics(
    _ layer: EncoderLayer, _ input: InputQuantizer, _ pass: SlicePass
  ) -> (site: String, stepSize: Float, clippedShare: Double) {
    let quantizer = input.current(pass.parameters)
    let scratch = pass.workspace.scratch[0]
    let row = scratch.rowTemporaries.pointer
    var clipped = 0
    for token in 0..<pass.slice.tokenCount {
      layer.writeInput(of: input.site, token: token, pass, into: row, scratch)
      clipped += quantizer.clippedCount(row, input.width)
    }
    let total = max(pass.slice.tokenCount * input.width, 1)
    return (input.name, quantizer.step, Double(clipped) / Double(total))
  }

  /// The first tensor of a forward pass that holds a NaN or an infinity, by its place in the model.
  public func firstNonFiniteSite(_ trace: borrowing ForwardTrace) -> String? {
    let pass = trace.currentPass()
    let (h, workspace) = (dimensions.hiddenSize, pass.workspace)
    func isBad(_ buffer: AlignedBuffer<Float>, _ rows: SlicePass, _ width: Int) -> Bool {
      !absoluteSum(buffer.pointer, rows.slice.tokenCount * width).isFinite
    }
    if isBad(workspace.norms[0].normalised, pass, h) { return "roberta.embeddings" }
    for layer in layers {
      let (name, index, rows) = (ParameterNames.layer(layer.index), layer.index, rows(of: layer, pass, trace.read))
      if isBad(workspace.layers[index].context, rows, h) { return name + ".attention.self" }
      if isBad(workspace.norms[2 * index + 1].normalised, rows, h) { return name + ".attention.output" }
      if isBad(workspace.layers[index].preActivation, rows, dimensions.intermediateSize) {
        return name + ".intermediate"
      }
      if isBad(workspace.norms[2 * index + 2].normalised, rows, h) { return name + ".output" }
    }
    return nil
  }
}
