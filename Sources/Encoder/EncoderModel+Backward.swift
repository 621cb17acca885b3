import Compute
import Quantization

// The backward pass of a layer, the forward's stages in reverse: what is local to a row runs chunk by chunk, attention head by
// head, and the weight gradients, which sum over all tokens, in tiles (EncoderModel+WeightGradients.swift).

extension EncoderModel {
  /// Adds the gradients of the encoder's parameters to `store`, from the stream's gradient that the head left behind.
  /// - Parameter finished: called with each part of the block as its last gradient of this slice is in the store.
  public func backward(into store: GradientStore, finished: (Range<Int>) -> Void = { _ in }) {
    for layer in (0..<dimensions.layerCount).reversed() {
      phases.measure(.backwardRows) { backwardRows(layer, store) }
      attentionBackward(layer)
      phases.measure(.backwardRows) { backwardHeads(layer, store) }
      phases.measure(.weightGradients) { weightGradients(layer, into: store) }
      finished(layout.layerRanges[layer])
    }
    phases.measure(.embeddings) { embeddingsBackward(into: store) }
    finished(layout.embeddingRange)
  }

  // MARK: - Row-local stages

  /// From the layer's output to attention's context: norm, feed-forward, norm, output projection.
  private func backwardRows(_ layer: Int, _ store: GradientStore) {
    clearPartials()
    forEachChunk { rows, scratch in
      backwardOutput(layer, rows, scratch)
      backwardWide(layer, rows, scratch)
      backwardAttentionOutput(layer, rows, scratch)
      clearPadding(rows, [workspace.dOutput, workspace.dWide, workspace.dAttentionOutput])
    }
    let p = BackwardPartials(dimensions)
    let (h, i) = (dimensions.hiddenSize, dimensions.intermediateSize)
    let prefix = "roberta.encoder.layer.\(layer)."
    combine(p.outputNormWeight, h, into: store, prefix + "output.LayerNorm.weight")
    combine(p.outputNormBias, h, into: store, prefix + "output.LayerNorm.bias")
    combine(p.outputBias, h, into: store, prefix + "output.dense.bias")
    combine(p.wideBias, i, into: store, prefix + "intermediate.dense.bias")
    combine(p.attentionNormWeight, h, into: store, prefix + "attention.output.LayerNorm.weight")
    combine(p.attentionNormBias, h, into: store, prefix + "attention.output.LayerNorm.bias")
    combine(p.attentionOutputBias, h, into: store, prefix + "attention.output.dense.bias")
    for site in 1...3 { combineSite(layer, site, into: store) }
  }

  /// dStream → norm → dropout → dOutput; dX̂ = dOutput·Ŵ → quantizer and GELU → dWide, left in `scratch.wide`.
  private func backwardOutput(_ layer: Int, _ rows: Range<Int>, _ scratch: Workspace.ThreadScratch) {
    let i = dimensions.intermediateSize
    let p = BackwardPartials(dimensions)
    let sums = chunkPartials(rows)
    normBackward(
      rows, norm: 2 * layer + 2, dWeight: sums + p.outputNormWeight,
      dBias: sums + p.outputNormBias)
    let gradient = scratch.other.pointer
    branchGradient(rows, site: DropoutSite.output(layer), into: gradient, bias: sums + p.outputBias, scratch)
    keep(gradient, layer: layer, site: 3, rows: rows, in: workspace.dOutput)
    let linear = linears[layer][5]
    let input = backwardOperand(linear, gradient, rows, scratch)
    let quantizer = quantizer(layer: layer, site: 3)
    let terms = SiteTerms(scratch, dimensions)
    let before = workspace.layers[layer].preActivation.pointer
    let (activated, derivative) = (scratch.rows.pointer, scratch.rows.pointer + linear.inputPanel)
    let panel = linear.inputPanel
    terms.clear(i)
    for column in 0..<linear.inputPanelCount {
      let first = column * panel
      runInputPanel(linear, input, column, rows.count, scratch)
      for r in 0..<rows.count {
        let row = inputRow(linear, column, r, rows.count, scratch)
        geluRow(before + (rows.lowerBound + r) * i + first, into: activated, derivative: derivative, panel)
        quantizer.backward(row, x: activated, stepTerms: terms.step + first, offsetTerms: terms.offset + first, panel)
        multiplyRow(
          row, by: derivative, into: scratch.wide.pointer + r * i + first, sum: sums + p.wideBias + first, panel)
      }
    }
    terms.sum(into: sums + p.sites + 6, count: i)
  }

  /// dX̂ = dWide·Ŵ → quantizer → + dStream.
  private func backwardWide(_ layer: Int, _ rows: Range<Int>, _ scratch: Workspace.ThreadScratch) {
    let p = BackwardPartials(dimensions)
    let linear = linears[layer][4]
    let gradient = scratch.wide.pointer
    keep(gradient, layer: layer, site: 2, rows: rows, in: workspace.dWide)
    let input = backwardOperand(linear, gradient, rows, scratch)
    inputGradient(
      linear, input, layer: layer, site: 2, rows: rows, sums: chunkPartials(rows) + p.sites + 4, scratch,
      x: { token, first, count in
        streamRow(norm: 2 * layer + 1, token: token, from: first, into: scratch.rows.pointer, count)
        return UnsafePointer(scratch.rows.pointer)
      },
      emit: { token, first, row, count in
        addRow(row, to: workspace.dStream.pointer + token * dimensions.hiddenSize + first, count)
      })
  }

  /// dStream → norm → dropout → dAttentionOutput; dX̂ = dAttentionOutput·Ŵ → quantizer → dContext.
  private func backwardAttentionOutput(_ layer: Int, _ rows: Range<Int>, _ scratch: Workspace.ThreadScratch) {
    let h = dimensions.hiddenSize
    let p = BackwardPartials(dimensions)
    let sums = chunkPartials(rows)
    normBackward(
      rows, norm: 2 * layer + 1, dWeight: sums + p.attentionNormWeight, dBias: sums + p.attentionNormBias)
    let gradient = scratch.other.pointer
    branchGradient(
      rows, site: DropoutSite.attentionOutput(layer), into: gradient, bias: sums + p.attentionOutputBias, scratch)
    keep(gradient, layer: layer, site: 1, rows: rows, in: workspace.dAttentionOutput)
    let linear = linears[layer][3]
    let input = backwardOperand(linear, gradient, rows, scratch)
    let context = workspace.layers[layer].context.pointer
    inputGradient(
      linear, input, layer: layer, site: 1, rows: rows, sums: sums + p.sites + 2, scratch,
      x: { token, first, _ in UnsafePointer(context + token * h + first) },
      emit: { token, first, row, count in
        (workspace.dContext.pointer + token * h + first).update(from: row, count: count)
      })
  }

  /// From dHeads to the layer's input: dX̂ = dQ·Ŵq + dK·Ŵk + dV·Ŵv → quantizer → + dStream.
  private func backwardHeads(_ layer: Int, _ store: GradientStore) {
    let h = dimensions.hiddenSize
    let p = BackwardPartials(dimensions)
    clearPartials()
    forEachChunk { rows, scratch in
      inputGradientOfHeads(layer, rows, chunkPartials(rows), scratch)
      clearPadding(rows, workspace.dHeads)
    }
    let prefix = "roberta.encoder.layer.\(layer)."
    for (part, name) in ["query", "key", "value"].enumerated() {
      combine(p.headsBias + part * h, h, into: store, prefix + "attention.self.\(name).bias")
    }
    combineSite(layer, 0, into: store)
  }

  private func inputGradientOfHeads(
    _ layer: Int, _ rows: Range<Int>, _ sums: UnsafeMutablePointer<Float>, _ scratch: Workspace.ThreadScratch
  ) {
    let h = dimensions.hiddenSize
    let p = BackwardPartials(dimensions)
    let panel = linears[layer][0].inputPanel
    let quantizer = quantizer(layer: layer, site: 0)
    let terms = SiteTerms(scratch, dimensions)
    terms.clear(h)
    let backward = linears[layer][0].precision.backward
    let operandsFirst = backward == .int16
    if operandsFirst {
      for part in 0..<3 { _ = headsOperand(layer, part, rows, sums, isFirst: true, scratch) }
    }
    for column in 0..<linears[layer][0].inputPanelCount {
      for part in 0..<3 {
        // Limbs of all three lie side by side; floats are gathered again for each panel.
        let input =
          operandsFirst
          ? limbOperand(part, scratch) : headsOperand(layer, part, rows, sums, isFirst: column == 0, scratch)
        runInputPanel(linears[layer][part], input, column, rows.count, scratch, adding: part > 0)
        if backward == .int16 {
          joinInputPanel(linears[layer][part], column, rows.count, scratch, part: part, adding: part > 0)
        }
      }
      for token in rows {
        let row = scratch.sums.pointer + (token - rows.lowerBound) * panel
        let first = column * panel
        if quantizer.rule.hasStep {
          let x = layerInput(layer, token: token, from: first, panel, scratch)
          quantizer.backward(row, x: x, stepTerms: terms.step + first, offsetTerms: terms.offset + first, panel)
        }
        addRow(row, to: workspace.dStream.pointer + token * h + first, panel)
      }
    }
    terms.sum(into: sums + p.sites, count: h)
  }

  /// dQ, dK or dV of a chunk as a left operand; the first time also its sum into the bias and what the weight's gradient reads.
  private func headsOperand(
    _ layer: Int, _ part: Int, _ rows: Range<Int>, _ sums: UnsafeMutablePointer<Float>, isFirst: Bool,
    _ scratch: Workspace.ThreadScratch
  ) -> UnsafeRawPointer {
    let h = dimensions.hiddenSize
    let p = BackwardPartials(dimensions)
    let gathered = scratch.other.pointer
    for token in rows {
      let row = gathered + (token - rows.lowerBound) * h
      workspace.dHeads[part].read(token: token, into: row)
      if isFirst { addRow(row, to: sums + p.headsBias + part * h, h) }
    }
    // Attention left dQ, dK and dV in float32, as they are.
    if isFirst, linears[layer][part].precision.backward == .bfloat16 || foldsWorths(layer, site: 0) {
      keep(gathered, layer: layer, site: 0, rows: rows, in: workspace.dHeads[part])
    }
    return backwardOperand(linears[layer][part], gathered, rows, scratch, part: part)
  }

  // MARK: - Pieces

  /// One panel of dX̂ = dY·Ŵ (or, `adding`, dX̂ += dY·Ŵ) for a chunk: floats in `scratch.sums`, or the limbs' sums.
  private func runInputPanel(
    _ linear: PreparedLinear, _ input: UnsafeRawPointer, _ column: Int, _ rowCount: Int,
    _ scratch: Workspace.ThreadScratch, adding: Bool = false
  ) {
    let products = adding ? linear.backwardAccumulating : linear.backwardProducts
    let sums: UnsafeMutableRawPointer =
      linear.precision.backward == .int16 ? .init(scratch.limbSums.pointer) : .init(scratch.sums.pointer)
    products.run(
      rows: rowCount, input, linear.backwardPanel(column), into: sums, scratch: scratch.product.pointer)
  }

  /// Row `r` of the panel that was run, its limbs joined now, while it goes into the first-level cache anyway.
  private func inputRow(
    _ linear: PreparedLinear, _ column: Int, _ r: Int, _ rowCount: Int, _ scratch: Workspace.ThreadScratch
  ) -> UnsafeMutablePointer<Float> {
    let panel = linear.inputPanel
    guard linear.precision.backward == .int16 else { return scratch.sums.pointer + r * panel }
    joinInputRow(linear, column, r, rowCount, scratch, part: 0, into: scratch.sums.pointer, adding: false)
    return scratch.sums.pointer
  }

  /// Joins the limbs' sums of all rows of the panel that was run into `scratch.sums`.
  private func joinInputPanel(
    _ linear: PreparedLinear, _ column: Int, _ rowCount: Int, _ scratch: Workspace.ThreadScratch, part: Int,
    adding: Bool
  ) {
    for r in 0..<rowCount {
      joinInputRow(
        linear, column, r, rowCount, scratch, part: part, into: scratch.sums.pointer + r * linear.inputPanel,
        adding: adding)
    }
  }

  private func joinInputRow(
    _ linear: PreparedLinear, _ column: Int, _ r: Int, _ rowCount: Int, _ scratch: Workspace.ThreadScratch, part: Int,
    into row: UnsafeMutablePointer<Float>, adding: Bool
  ) {
    let (panel, sums) = (linear.inputPanel, scratch.limbSums.pointer)
    SplitInt16.join(
      low: sums + r * panel, high: sums + (rowCount + r) * panel, compensation: linear.inputShift.pointer + column * panel,
      scale: scratch.limbScales.pointer[part * RowProducts.chunk + r], into: row, panel, adding: adding)
  }

  /// dX̂ of one linear for some rows, through the site's quantizer; `emit` takes each row of each panel.
  /// - Parameter x: some columns of the site's input of a token: token, first column, count.
  private func inputGradient(
    _ linear: PreparedLinear, _ input: UnsafeRawPointer, layer: Int, site: Int, rows: Range<Int>,
    sums: UnsafeMutablePointer<Float>, _ scratch: Workspace.ThreadScratch,
    x: (Int, Int, Int) -> UnsafePointer<Float>, emit: (Int, Int, UnsafePointer<Float>, Int) -> Void
  ) {
    let panel = linear.inputPanel
    let quantizer = quantizer(layer: layer, site: site)
    let terms = SiteTerms(scratch, dimensions)
    terms.clear(linear.inputs)
    for column in 0..<linear.inputPanelCount {
      let first = column * panel
      runInputPanel(linear, input, column, rows.count, scratch)
      for token in rows {
        let row = inputRow(linear, column, token - rows.lowerBound, rows.count, scratch)
        if quantizer.rule.hasStep {
          quantizer.backward(
            row, x: x(token, first, panel), stepTerms: terms.step + first, offsetTerms: terms.offset + first, panel)
        }
        emit(token, first, row, panel)
      }
    }
    terms.sum(into: sums, count: linear.inputs)
  }

  /// Passes dStream's rows through a norm, in place.
  private func normBackward(
    _ rows: Range<Int>, norm: Int, dWeight: UnsafeMutablePointer<Float>, dBias: UnsafeMutablePointer<Float>
  ) {
    let h = dimensions.hiddenSize
    let weight = normWeight(norm)
    let trace = workspace.norms[norm]
    for token in rows {
      LayerNorm.backward(
        workspace.dStream.pointer + token * h, normalised: trace.normalised.pointer + token * h,
        inverse: trace.inverse.pointer[token], weight: weight, dWeight: dWeight, dBias: dBias, h)
    }
  }

  /// The branch's share of the stream's gradient for a chunk: through its dropout into `gradient`, its sum into the bias.
  private func branchGradient(
    _ rows: Range<Int>, site: UInt32, into gradient: UnsafeMutablePointer<Float>, bias: UnsafeMutablePointer<Float>,
    _ scratch: Workspace.ThreadScratch
  ) {
    let h = dimensions.hiddenSize
    for token in rows {
      let row = gradient + (token - rows.lowerBound) * h
      row.update(from: workspace.dStream.pointer + token * h, count: h)
      drop(row, token: token, site: site, scratch)
      addRow(row, to: bias, h)
    }
  }

  /// dY as the left operand of dY·Ŵ: itself, or rounded to bfloat16 or to limbs with what a level is worth folded in.
  /// - Parameter part: which of the operands that lie side by side, where limbs are kept.
  private func backwardOperand(
    _ linear: PreparedLinear, _ gradient: UnsafePointer<Float>, _ rows: Range<Int>, _ scratch: Workspace.ThreadScratch,
    part: Int = 0
  ) -> UnsafeRawPointer {
    let (count, width) = (rows.count, linear.outputs)
    switch linear.precision.backward {
    case .float: return UnsafeRawPointer(gradient)
    case .bfloat16:
      let half = scratch.half.pointer
      for r in 0..<count { roundScaled(gradient + r * width, by: linear.worth.pointer, into: half + r * width, width) }
      return UnsafeRawPointer(half)
    case .int16:
      let place = limbPlace(part, scratch)
      for r in 0..<count {
        scratch.limbScales.pointer[part * RowProducts.chunk + r] = SplitInt16.split(
          gradient + r * width, times: linear.worth.pointer, low: place + r * width, high: place + (count + r) * width,
          width)
      }
      return UnsafeRawPointer(place)
    }
  }

  private func limbPlace(_ part: Int, _ scratch: Workspace.ThreadScratch) -> UnsafeMutablePointer<UInt8> {
    scratch.limbs.pointer + part * 2 * RowProducts.chunk * dimensions.hiddenSize
  }
  private func limbOperand(_ part: Int, _ scratch: Workspace.ThreadScratch) -> UnsafeRawPointer {
    UnsafeRawPointer(limbPlace(part, scratch))
  }

  /// Whether dŴ's product reads levels whose worth differs from token to token: the worth is then folded into dY.
  private func foldsWorths(_ layer: Int, site: Int) -> Bool {
    backwardKind(layer, site: site).usesLevels && rules.sites[layer][site].isPerToken
  }

  /// The backward products of the matrices that a site feeds, which are of one kind.
  func backwardKind(_ layer: Int, site: Int) -> Precision.Backward {
    linears[layer][SiteRules.linears(ofSite: site).lowerBound].precision.backward
  }

  /// Keeps a chunk's dY for the weight gradient's product, in bfloat16 where that runs in it; per-token worths of the
  /// activations are folded in where the product reads levels.
  private func keep(
    _ gradient: UnsafePointer<Float>, layer: Int, site: Int, rows: Range<Int>, in tiled: TiledGradient
  ) {
    let worths = workspace.layers[layer].worths[site].pointer
    let (backward, foldsWorths) = (backwardKind(layer, site: site), foldsWorths(layer, site: site))
    for token in rows {
      let row = gradient + (token - rows.lowerBound) * tiled.width
      let factor: Float = foldsWorths ? worths[token] : 1
      switch backward {
      case .bfloat16: tiled.writeHalf(row, times: factor, token: token)
      case .int16 where foldsWorths: tiled.write(row, times: factor, token: token)
      case .int16, .float: tiled.write(row, token: token, count: tiled.width)
      }
    }
  }

  /// The input of `layer`: the norm before it, and the embeddings' dropout before the first.
  func layerInput(
    _ layer: Int, token: Int, into row: UnsafeMutablePointer<Float>, _ scratch: Workspace.ThreadScratch
  ) {
    streamRow(norm: 2 * layer, token: token, into: row)
    if layer == 0 { drop(row, token: token, site: DropoutSite.embeddings, scratch) }
  }

  /// `count` columns of it from `first`, in the row scratch.
  private func layerInput(
    _ layer: Int, token: Int, from first: Int, _ count: Int, _ scratch: Workspace.ThreadScratch
  ) -> UnsafePointer<Float> {
    let row = scratch.rows.pointer
    if layer > 0 {
      streamRow(norm: 2 * layer, token: token, from: first, into: row, count)
      return UnsafePointer(row)
    }
    // Draws are made for whole rows.
    layerInput(layer, token: token, into: row, scratch)
    return UnsafePointer(row + first)
  }

  /// The output row of a norm, made again from its normalised row.
  func streamRow(norm: Int, token: Int, into row: UnsafeMutablePointer<Float>) {
    streamRow(norm: norm, token: token, from: 0, into: row, dimensions.hiddenSize)
  }

  /// `count` columns of it from `first`.
  private func streamRow(norm: Int, token: Int, from first: Int, into row: UnsafeMutablePointer<Float>, _ count: Int) {
    LayerNorm.scale(
      workspace.norms[norm].normalised.pointer + token * dimensions.hiddenSize + first,
      weight: normWeight(norm) + first,
      bias: normBias(norm) + first, into: row, count)
  }

  /// Zeroes the rows between the slice's end and its last chunk's: they stand in sums over tokens.
  private func clearPadding(_ rows: Range<Int>, _ gradients: [TiledGradient]) {
    let end = rows.lowerBound + RowProducts.chunk
    guard rows.upperBound == slice.tokenCount, rows.upperBound < end else { return }
    for gradient in gradients { gradient.clear(rows.upperBound..<end) }
  }

  // MARK: - Sums over chunks

  func clearPartials() {
    let count = (slice.tokenCount + RowProducts.chunk - 1) / RowProducts.chunk * workspace.partialWidth
    workspace.partials.pointer.update(repeating: 0, count: count)
  }

  func chunkPartials(_ rows: Range<Int>) -> UnsafeMutablePointer<Float> {
    workspace.partials.pointer + rows.lowerBound / RowProducts.chunk * workspace.partialWidth
  }

  /// Sums `count` columns over the chunks, in order.
  func combined(_ column: Int, _ count: Int) -> [Float] {
    var sum = [Float](repeating: 0, count: count)
    let chunks = (slice.tokenCount + RowProducts.chunk - 1) / RowProducts.chunk
    sum.withUnsafeMutableBufferPointer { sum in
      for chunk in 0..<chunks {
        addRow(workspace.partials.pointer + chunk * workspace.partialWidth + column, to: sum.baseAddress!, count)
      }
    }
    return sum
  }

  func combine(_ column: Int, _ count: Int, into store: GradientStore, _ name: String) {
    let sum = combined(column, count)
    if name.hasSuffix(".bias") { sliceBiases[name] = sum }
    sum.withUnsafeBufferPointer { store.add($0.baseAddress!, at: layout.required(name).start, count) }
  }

  private func combineSite(_ layer: Int, _ site: Int, into store: GradientStore) {
    let name = siteName(layer: layer, site: site)
    guard scheme.learnsSteps, let step = layout[name + ".step"] else { return }
    let width = site == 3 ? dimensions.intermediateSize : dimensions.hiddenSize
    let factor = StepInitialisation.gradientFactor(count: width, rule: rules.sites[layer][site])
    let sums = combined(BackwardPartials(dimensions).sites + 2 * site, 2)
    store.add(sums[0] * factor, at: step.start)
    if let offset = layout[name + ".offset"] { store.add(sums[1] * factor, at: offset.start) }
  }
}

/// The terms of a site's step and offset gradients, one a column, summed over a chunk's rows.
struct SiteTerms {
  let step: UnsafeMutablePointer<Float>
  let offset: UnsafeMutablePointer<Float>

  /// Uses the second half of the thread's row scratch (four rows of the widest tensor).
  init(_ scratch: Workspace.ThreadScratch, _ d: EncoderDimensions) {
    let width = max(d.hiddenSize, d.intermediateSize)
    step = scratch.rows.pointer + 2 * width
    offset = step + width
  }

  func clear(_ count: Int) {
    step.update(repeating: 0, count: count)
    offset.update(repeating: 0, count: count)
  }

  func sum(into sums: UnsafeMutablePointer<Float>, count: Int) {
    sums[0] = rowSum(step, count)
    sums[1] = rowSum(offset, count)
  }
}

/// y = GELU(x) and its derivative over one row: they share the error function, most of the work.
func geluRow(
  _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, derivative: UnsafeMutablePointer<Float>, _ count: Int
) {
  for i in 0..<count {
    let both = geluAndDerivative(x[i])
    y[i] = both.value
    derivative[i] = both.derivative
  }
}

/// products = x·factors and sum += products, element by element.
func multiplyRow(
  _ x: UnsafePointer<Float>, by factors: UnsafePointer<Float>, into products: UnsafeMutablePointer<Float>,
  sum: UnsafeMutablePointer<Float>, _ count: Int
) {
  for i in 0..<count {
    let product = x[i] * factors[i]
    products[i] = product
    sum[i] += product
  }
}

/// dBefore = dAfter·GELU′(before) over one row.
func geluBackwardRow(
  _ dAfter: UnsafePointer<Float>, before: UnsafePointer<Float>, into dBefore: UnsafeMutablePointer<Float>, _ count: Int
) {
  for i in 0..<count { dBefore[i] = dAfter[i] * geluDerivative(before[i]) }
}

/// destination = bfloat16(source·factors), element by element.
func roundScaled(
  _ source: UnsafePointer<Float>, by factors: UnsafePointer<Float>, into destination: UnsafeMutablePointer<UInt16>,
  _ count: Int
) {
  for i in 0..<count { destination[i] = bfloat16Bits(source[i] * factors[i]) }
}
