import Compute
import Quantization

/// One layer: attention, norm, feed-forward, norm, each sublayer added to the stream.
final class EncoderLayer {
  let index: Int
  let linears: PerCase<LinearRole, QuantizedLinear>
  let inputs: PerCase<ActivationSite, InputQuantizer>
  let attention: SelfAttention
  let attentionNorm: ResidualNorm
  let feedForward: FeedForward
  let outputNorm: ResidualNorm

  /// - Parameters:
  ///   - trains: whether the backward pass will be asked for.
  ///   - source: what the stream holds before the layer.
  ///   - products: attention's, which all layers share.
  init(
    _ index: Int, dimensions d: EncoderDimensions, layout: ParameterLayout, rules: SiteRules, scheme: Scheme,
    precision: Precision, trains: Bool, source: StreamSource, products: AttentionProducts
  ) throws {
    self.index = index
    let linears = try PerCase {
      try QuantizedLinear(
        $0, layer: index, layout: layout, rules: rules, scheme: scheme, precision: precision, trains: trains)
    }
    let inputs = PerCase {
      InputQuantizer($0, layer: index, dimensions: d, layout: layout, rules: rules, scheme: scheme)
    }
    (self.linears, self.inputs) = (linears, inputs)
    attention = SelfAttention(
      layer: index, dimensions: d, projections: [linears[.query], linears[.key], linears[.value]],
      output: linears[.attentionOutput], input: inputs[.attentionInput], context: inputs[.context], source: source,
      products: products)
    let places = ChunkSumPlaces(d)
    let middle = Norm(
      ParameterNames.attentionNorm(index), index: 2 * index + 1, layout: layout, epsilon: d.layerNormEpsilon)
    attentionNorm = ResidualNorm(
      norm: middle, dropoutSite: DropoutSite.attentionOutput(index),
      sums: (places.attentionNormWeight, places.attentionNormBias, places.biases[.attentionOutput]))
    feedForward = FeedForward(
      layer: index, intermediate: linears[.intermediate], output: linears[.output], input: inputs[.feedForwardInput],
      activated: inputs[.activated], source: StreamSource(norm: middle, dropoutSite: nil))
    outputNorm = ResidualNorm(
      norm: Norm(ParameterNames.outputNorm(index), index: 2 * index + 2, layout: layout, epsilon: d.layerNormEpsilon),
      dropoutSite: DropoutSite.output(index),
      sums: (places.outputNormWeight, places.outputNormBias, places.biases[.output]))
  }

  // MARK: - Backward

  /// From dStream after the layer to attention's dContext: what is local to a row, of all rows or of those that are read.
  func backwardRows(_ pass: SlicePass, into store: GradientStore) {
    pass.clearChunkSums()
    pass.forEachChunk { rows, scratch in
      outputNorm.backward(rows: rows, pass, into: scratch.chunkRows.pointer, scratch)
      feedForward.backward(rows: rows, pass, scratch)
      attentionNorm.backward(rows: rows, pass, into: scratch.chunkRows.pointer, scratch)
      attention.backwardOutput(rows: rows, pass, scratch)
      clearPadding(rows, [.output, .intermediate, .attentionOutput], pass)
    }
    outputNorm.addGradients(pass, into: store)
    attentionNorm.addGradients(pass, into: store)
    for role in [LinearRole.output, .intermediate, .attentionOutput] {
      linears[role].addBiasGradient(pass, into: store)
    }
    for site in [ActivationSite.context, .feedForwardInput, .activated] {
      inputs[site].addStepGradients(pass, into: store)
    }
  }

  /// From dQ, dK and dV to dStream before the layer.
  /// - Parameter queries: `pass`, or those of its rows that have queries.
  func backwardProjections(_ pass: SlicePass, queries: SlicePass, into store: GradientStore) {
    guard queries !== pass else { return backwardProjections(SelfAttention.all, pass, of: pass, into: store) }
    backwardProjections(SelfAttention.queries, queries, of: pass, into: store)
    queries.scatterGradient(to: pass, width: inputs[.attentionInput].width)
    backwardProjections(SelfAttention.keysAndValues, pass, of: pass, into: store)
  }

  private func backwardProjections(
    _ parts: SelfAttention.Parts, _ pass: SlicePass, of whole: SlicePass, into store: GradientStore
  ) {
    let projections = attention.projections[parts]
    pass.clearChunkSums()
    pass.forEachChunk { rows, scratch in
      attention.backwardProjections(parts, rows: rows, pass, of: whole, scratch)
      clearPadding(rows, projections.map(\.role), pass)
    }
    for projection in projections { projection.addBiasGradient(pass, into: store) }
    inputs[.attentionInput].addStepGradients(pass, into: store)
  }

  /// Zeroes the rows of dY between the slice's end and its last chunk's: they stand in sums over tokens.
  private func clearPadding(_ rows: Range<Int>, _ roles: [LinearRole], _ pass: SlicePass) {
    let end = rows.lowerBound + RowChunk.length
    guard rows.upperBound == pass.slice.tokenCount, rows.upperBound < end else { return }
    for role in roles { pass.workspace.dOutputs[role].clear(rows.upperBound..<end) }
  }

  /// dŴ = dYᵀ·X̂ of the six linears. Their loops run as one: a single matrix has too few tiles for many threads.
  /// - Parameter queries: `pass`, or those of its rows that have queries.
  func weightGradients(_ pass: SlicePass, queries: SlicePass, into store: GradientStore) {
    let scratch = pass.workspace.productScratch
    let readings = readings(pass, queries)
    let packing = readings.compactMap { $0.panels.packing($0.rows, scratch: scratch) }
    let linears = readings.flatMap { reading in reading.roles.map { (self.linears[$0], reading.panels) } }
    let splitting = readings.flatMap { reading in
      reading.roles.compactMap { self.linears[$0].splitting(reading.panels, reading.pass) }
    }
    Threads.forEach(packing + splitting)
    Threads.forEach(linears.map { linear, x in linear.weightGradient(x, inputs[linear.role.input], pass, into: store) })
  }

  // MARK: - What a site reads

  /// X̂ of a site and the linears that read it.
  private struct Reading {
    let roles: [LinearRole]
    let panels: InputPanels
    let rows: InputRows
    /// Of these rows.
    let pass: SlicePass
  }

  /// The sites' inputs, the largest first. Where queries are of some rows alone, they read theirs apart from keys and values.
  private func readings(_ pass: SlicePass, _ queries: SlicePass) -> [Reading] {
    let (whole, workspace) = (pass, pass.workspace)
    func reading(_ site: ActivationSite, _ roles: [LinearRole], _ pass: SlicePass) -> Reading? {
      // Without a block of tokens no product would replace what an earlier slice left in the tiles.
      guard pass.slice.tokenCount > 0 else { return nil }
      let room = roles == [.query] ? workspace.packedLabelledInput : workspace.packedInputs[site]
      let trace = roles == [.query] ? workspace.labelledInput : workspace.layers[index].sites[site]
      return Reading(
        roles: roles,
        panels: InputPanels(for: linears[roles[0]].matrix, tokenCount: pass.slice.tokenCount, in: room),
        rows: inputRows(site, trace, pass, of: site == .attentionInput ? whole : pass), pass: pass)
    }
    let sites: [ActivationSite] = [.activated, .feedForwardInput, .context]
    let afterAttention = sites.map { reading($0, $0.linears, queries) }
    let projections =
      queries === pass
      ? [reading(.attentionInput, [.query, .key, .value], pass)]
      : [reading(.attentionInput, [.key, .value], pass), reading(.attentionInput, [.query], queries)]
    return (afterAttention + projections).compactMap { $0 }
  }

  /// X̂ of a site: values of its codes, or its levels, where it is quantized.
  /// - Parameter whole: the pass in whose terms the unquantized input was kept.
  private func inputRows(
    _ site: ActivationSite, _ trace: Workspace.SiteTrace, _ pass: SlicePass, of whole: SlicePass
  ) -> InputRows {
    let (codes, scales) = (trace.codes.pointer, trace.levelScales.pointer)
    let (input, quantizer) = (inputs[site], inputs[site].current(pass.parameters))
    return InputRows(codes: codes) { [self] token, levels, row, thread in
      guard input.rule.isOn else {
        let kept = pass === whole ? token : pass.slice.tokenOfSlice(token)
        return writeInput(of: site, token: kept, whole, into: row, pass.workspace.scratch[thread])
      }
      if levels {
        ActivationQuantizer(rule: .none).values(codes + token * input.width, levelScale: 1, into: row, input.width)
      } else {
        quantizer.values(codes + token * input.width, levelScale: scales[token], into: row, input.width)
      }
    }
  }

  /// The unquantized input of a site, made again or read.
  func writeInput(
    of site: ActivationSite, token: Int, _ pass: SlicePass, into row: UnsafeMutablePointer<Float>,
    _ scratch: ThreadScratch
  ) {
    let width = inputs[site].width
    let trace = pass.workspace.layers[index]
    switch site {
    case .attentionInput: attention.source.row(token: token, pass, into: row, scratch)
    case .context: row.update(from: trace.context.pointer + token * width, count: width)
    case .feedForwardInput: feedForward.source.row(token: token, pass, into: row, scratch)
    case .activated: geluRow(trace.preActivation.pointer + token * width, into: row, width)
    }
  }

  /// The input of a site while the forward pass stands before it: the stream itself, rather than made again.
  func writePresentInput(
    of site: ActivationSite, token: Int, _ pass: SlicePass, into row: UnsafeMutablePointer<Float>
  ) {
    let width = inputs[site].width
    let trace = pass.workspace.layers[index]
    switch site {
    case .attentionInput, .feedForwardInput:
      row.update(from: pass.stream + token * width, count: width)
    case .context: row.update(from: trace.context.pointer + token * width, count: width)
    case .activated: geluRow(trace.preActivation.pointer + token * width, into: row, width)
    }
  }
}
