import Compute
import Quantization

extension EncoderModel {
  /// Every quantizer site as it stands: weights and tables whole, activations over the rows that the trace has.
  /// - Parameter record: of the last look; takes the codes of this one. Without it nothing is said of changes.
  public func siteStatistics(
    _ trace: borrowing ForwardTrace, since record: CodeRecord? = nil
  ) -> [SiteStatistics] {
    let pass = trace.currentPass()
    var found: [SiteStatistics] = []
    for (name, weight, step, quantizer) in embeddings.quantizers(pass.parameters) {
      found.append(weightStatistics(name, weight, stepSize(step), record, quantizer))
    }
    for layer in layers {
      for linear in layer.linears.values where linear.rule.isOn {
        let name = String(linear.weight.name.dropLast(".weight".count))
        let size = linear.step.map(stepSize) ?? linear.meanLevelScale
        found.append(
          weightStatistics(name, linear.weight, size, record) { linear.quantizer(row: $0, pass.parameters) })
      }
      let read = rows(of: layer, pass, trace.read)
      found += layer.inputs.values.filter(\.rule.isOn).map {
        activationStatistics(layer, $0, $0.site == .attentionInput ? pass : read)
      }
    }
    for matrix in quantizedHeadMatrices {
      let (name, rows) = (String(matrix.name.dropLast(".weight".count)), matrix.weight.shape[0])
      let size = (0..<rows).reduce(0.0) { $0 + Double(matrix.quantizer($1).step) } / Double(rows)
      found.append(weightStatistics(name, matrix.weight, Float(size), record, matrix.quantizer))
    }
    return found
  }

  private func weightStatistics(
    _ name: String, _ weight: ParameterInfo, _ stepSize: Float, _ record: CodeRecord?,
    _ quantizer: (_ row: Int) -> WeightQuantizer
  ) -> SiteStatistics {
    let (site, rule, width) = (name + ".weight_quantizer", quantizer(0).rule, weight.shape[1])
    let last = record?.codes(of: site, rule, count: weight.count)
    let tally = CodeTally.over(rows: weight.shape[0], width: width) { rows, _, tally in
      var codes = [UInt8](repeating: 0, count: width)
      for row in rows {
        let (x, quantizer) = (parameters.pointer + weight.start + row * width, quantizer(row))
        quantizer.unsignedCodes(x, into: &codes, width)
        tally.add(x, codes: codes, width)
        tally.clippedCount += quantizer.clippedCount(x, width)
        tally.belowCount += quantizer.clippedBelowCount(x, width)
        guard let place = last.map({ $0.place.pointer + row * width }) else { continue }
        tally.changedCount += (0..<width).reduce(0) { $0 + (codes[$1] == place[$1] ? 0 : 1) }
        place.update(from: codes, count: width)
      }
    }
    let changed = last?.isKnown == true ? Double(tally.changedCount) / Double(weight.count) : nil
    return SiteStatistics(
      site: site, stepSize: stepSize, rule: rule, tally,
      rows: .init(count: tally.rowCount, deadCount: tally.deadRowCount, changedShare: changed))
  }

  private func activationStatistics(_ layer: EncoderLayer, _ input: InputQuantizer, _ pass: SlicePass) -> SiteStatistics
  {
    let (quantizer, width) = (input.current(pass.parameters), input.width)
    let tally = CodeTally.over(rows: pass.slice.tokenCount, width: width) { tokens, thread, tally in
      let scratch = pass.workspace.scratch[thread]
      let row = scratch.rowTemporaries.pointer
      var codes = [UInt8](repeating: 0, count: width)
      for token in tokens {
        layer.writeInput(of: input.site, token: token, pass, into: row, scratch)
        tally.scaleSum += Double(quantizer.codes(row, into: &codes, width))
        tally.add(row, codes: codes, width)
        tally.clippedCount += quantizer.clippedCount(row, width)
        tally.belowCount += quantizer.clippedBelowCount(row, width)
      }
    }
    let step = input.rule.isPerToken ? Float(tally.scaleSum / Double(max(tally.rowCount, 1))) : quantizer.step
    return SiteStatistics(site: input.name, stepSize: step, rule: input.rule, tally)
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
