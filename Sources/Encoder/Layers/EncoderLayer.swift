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
  ///   - source: what the stream holds before the layer.
  ///   - products: attention's, which all layers share.
  init(
    _ index: Int, dimensions d: EncoderDimensions, layout: ParameterLayout, rules: SiteRules, scheme: Scheme,
    precision: Precision, source: StreamSource, products: AttentionProducts
  ) throws {
    self.index = index
    let linears = try PerCase {
      try QuantizedLinear($0, layer: index, layout: layout, rules: rules, scheme: scheme, precision: precision)
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

  /// From dStream after the layer to attention's dContext: what is local to a row.
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
  func backwardProjections(_ pass: SlicePass, into store: GradientStore) {
    pass.clearChunkSums()
    pass.forEachChunk { rows, scratch in
      attention.backwardProjections(rows: rows, pass, scratch)
      clearPadding(rows, [.query, .key, .value], pass)
    }
    for projection in attention.projections { projection.addBiasGradient(pass, into: store) }
    inputs[.attentionInput].addStepGradients(pass, into: store)
  }

  /// Zeroes the rows of dY between the slice's end and its last chunk's: they stand in sums over tokens.
  private func clearPadding(_ rows: Range<Int>, _ roles: [LinearRole], _ pass: SlicePass) {
    let end = rows.lowerBound + RowChunk.length
    guard rows.upperBound == pass.slice.tokenCount, rows.upperBound < end else { return }
    for role in roles { pass.workspace.dOutputs[role].clear(rows.upperBound..<end) }
  }

  /// dŴ = dYᵀ·X̂ of the six linears. Their loops run as one: a single matrix has too few tiles for many threads.
  func weightGradients(_ pass: SlicePass, into store: GradientStore) {
    // Without a block of tokens no product would replace what an earlier slice left in the tiles.
    guard pass.slice.tokenCount > 0 else { return }
    let scratch = pass.workspace.productScratch
    let x = PerCase<ActivationSite, InputPanels> { site in
      InputPanels(
        for: linears[site.linears[0]].matrix, tokenCount: pass.slice.tokenCount, in: pass.workspace.packedInputs[site])
    }
    let roles: [LinearRole] = [.output, .intermediate, .attentionOutput, .query, .key, .value]
    let packing = ActivationSite.allCases.compactMap { x[$0].packing(inputRows($0, pass), scratch: scratch) }
    let splitting = roles.compactMap {
      linears[$0].matrix.splitting(pass.workspace.dOutputs[$0], x[$0.input], scratch: scratch)
    }
    Threads.forEach(packing + splitting)
    Threads.forEach(roles.map { linears[$0].weightGradient(x[$0.input], inputs[$0.input], pass, into: store) })
  }

  // MARK: - What a site reads

  /// X̂ of a site: values of its codes, or its levels, where it is quantized.
  private func inputRows(_ site: ActivationSite, _ pass: SlicePass) -> InputRows {
    let trace = pass.workspace.layers[index].sites[site]
    let (codes, scales) = (trace.codes.pointer, trace.levelScales.pointer)
    let (input, quantizer) = (inputs[site], inputs[site].current(pass.parameters))
    return InputRows(codes: codes) { [self] token, levels, row, thread in
      guard input.rule.isOn else {
        return writeInput(of: site, token: token, pass, into: row, pass.workspace.scratch[thread])
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
      row.update(from: pass.workspace.stream.pointer + token * width, count: width)
    case .context: row.update(from: trace.context.pointer + token * width, count: width)
    case .activated: geluRow(trace.preActivation.pointer + token * width, into: row, width)
    }
  }
}
