import Compute
import Quantization

// Letters: T tokens of the slice, H hidden, I intermediate.

extension EncoderModel {
  /// The encoder's forward pass over one slice; leaves in the workspace what `backward` and the heads read.
  public func forward(_ input: SliceInput) throws {
    try check(input)
    try reserve(tokens: input.tokenCount)
    slice = PlacedSlice(input)
    hiddenStates = []
    phases.measure(.embeddings) { embed() }
    keepHiddenState()
    for layer in 0..<dimensions.layerCount {
      if layer == 0 {
        measureIfAsked(layer: 0, site: 0)
        phases.measure(.forwardRows) { forEachChunk { quantizeAndProjectHeads(0, $0, $1) } }
      }
      try attentionForward(layer)
      forwardRows(layer)
      keepHiddenState()
    }
  }

  /// Everything of a layer after attention is local to a row, so a chunk of rows goes through all of it, and through the next
  /// layer's projections, while it is in the cache. Only the first measurement of steps needs whole tensors in between.
  private func forwardRows(_ layer: Int) {
    let last = layer + 1 == dimensions.layerCount
    let start = monotonicSeconds()
    if measurement == nil {
      forEachChunk { rows, scratch in
        projectAttentionOutput(layer, rows, scratch)
        projectWide(layer, rows, scratch)
        projectOutput(layer, rows, scratch)
        if !last { quantizeAndProjectHeads(layer + 1, rows, scratch) }
      }
    } else {
      measureIfAsked(layer: layer, site: 1)
      forEachChunk { projectAttentionOutput(layer, $0, $1) }
      measureIfAsked(layer: layer, site: 2)
      forEachChunk { projectWide(layer, $0, $1) }
      measureIfAsked(layer: layer, site: 3)
      forEachChunk { projectOutput(layer, $0, $1) }
      if !last {
        measureIfAsked(layer: layer + 1, site: 0)
        forEachChunk { quantizeAndProjectHeads(layer + 1, $0, $1) }
      }
    }
    phases.add(.forwardRows, monotonicSeconds() - start)
  }

  /// Runs `body` on every chunk of the slice's rows.
  func forEachChunk(_ body: (Range<Int>, Workspace.ThreadScratch) -> Void) {
    Threads.forEachRange(slice.tokenCount, length: RowProducts.chunk) { rows, thread in
      body(rows, workspace.scratch[thread])
    }
  }

  private func check(_ input: SliceInput) throws {
    for id in input.ids where id < 0 || id >= dimensions.vocabularySize {
      throw EncoderError.tokenOutOfRange(id: id, vocabulary: dimensions.vocabularySize)
    }
    for length in input.lengths where length > dimensions.longestSequence {
      throw EncoderError.sequenceTooLong(tokens: length, longest: dimensions.longestSequence)
    }
  }

  private func keepHiddenState() {
    guard keepsHiddenStates else { return }
    hiddenStates.append(
      Array(UnsafeBufferPointer(start: workspace.stream.pointer, count: slice.tokenCount * dimensions.hiddenSize)))
  }

  // MARK: - Stages of a chunk

  /// Stream → codes of site 0 → query, key and value, by head.
  private func quantizeAndProjectHeads(_ layer: Int, _ rows: Range<Int>, _ scratch: Workspace.ThreadScratch) {
    let h = dimensions.hiddenSize
    quantize(layer: layer, site: 0, rows: rows, x: { self.workspace.stream.pointer + $0 * h })
    let trace = workspace.layers[layer]
    let (size, headRoom) = (dimensions.headSize, (workspace.capacity + 64) * dimensions.headSize)
    for part in 0..<3 {
      let base = trace.heads.pointer + part * dimensions.headCount * headRoom
      project(layer, part, site: 0, rows: rows, x: workspace.stream.pointer, pieces: size, scratch) { token, first in
        base + first / size * headRoom + token * size + first % size
      }
    }
  }

  /// Context → codes of site 1 → output projection → dropout → + stream → norm → stream.
  private func projectAttentionOutput(_ layer: Int, _ rows: Range<Int>, _ scratch: Workspace.ThreadScratch) {
    let h = dimensions.hiddenSize
    let context = workspace.layers[layer].context.pointer
    quantize(layer: layer, site: 1, rows: rows, x: { context + $0 * h })
    let base = scratch.other.pointer
    project(layer, 3, site: 1, rows: rows, x: context, scratch) { token, first in
      base + (token - rows.lowerBound) * h + first
    }
    addAndNormalise(
      base, rows, site: DropoutSite.attentionOutput(layer), norm: 2 * layer + 1, scratch)
  }

  /// Whether GELU and the codes of site 3 follow each row of the intermediate projection at once: a learned step is known
  /// beforehand, the scale of a token only after its last value.
  private func quantizesAsItProjects(_ layer: Int) -> Bool { rules.sites[layer][3].hasStep && measurement == nil }

  /// Stream → codes of site 2 → intermediate projection, kept before GELU; and on to the codes of site 3 where steps are known.
  private func projectWide(_ layer: Int, _ rows: Range<Int>, _ scratch: Workspace.ThreadScratch) {
    let (h, i) = (dimensions.hiddenSize, dimensions.intermediateSize)
    let (goesOn, quantizer) = (quantizesAsItProjects(layer), quantizer(layer: layer, site: 3))
    let codes = workspace.layers[layer].codes[3].pointer
    let worths = workspace.layers[layer].worths[3].pointer
    let activated = scratch.rows.pointer
    let stream = workspace.stream.pointer
    quantize(layer: layer, site: 2, rows: rows, x: { stream + $0 * h })
    let target = workspace.layers[layer].preActivation.pointer
    project(layer, 4, site: 2, rows: rows, x: stream, scratch) { token, first in
      target + token * i + first
    } then: { token, first, row, count in
      guard goesOn else { return }
      geluRow(row, into: activated, count)
      worths[token] = quantizer.codes(activated, into: codes + token * i + first, count)
    }
  }

  /// GELU → codes of site 3 → output projection → dropout → + stream → norm → stream.
  private func projectOutput(_ layer: Int, _ rows: Range<Int>, _ scratch: Workspace.ThreadScratch) {
    let (h, i) = (dimensions.hiddenSize, dimensions.intermediateSize)
    let before = workspace.layers[layer].preActivation.pointer
    let activated = scratch.wide.pointer
    if !quantizesAsItProjects(layer) {
      for token in rows { geluRow(before + token * i, into: activated + (token - rows.lowerBound) * i, i) }
      quantize(layer: layer, site: 3, rows: rows, x: { activated + ($0 - rows.lowerBound) * i })
    }
    let base = scratch.other.pointer
    project(layer, 5, site: 3, rows: rows, x: activated - rows.lowerBound * i, scratch) { token, first in
      base + (token - rows.lowerBound) * h + first
    }
    addAndNormalise(
      base, rows, site: DropoutSite.output(layer), norm: 2 * layer + 2, scratch)
  }

  /// stream = norm(dropout(update) + stream); the norm's trace is kept.
  private func addAndNormalise(
    _ update: UnsafeMutablePointer<Float>, _ rows: Range<Int>, site: UInt32, norm: Int,
    _ scratch: Workspace.ThreadScratch
  ) {
    let h = dimensions.hiddenSize
    for token in rows {
      let row = update + (token - rows.lowerBound) * h
      let stream = workspace.stream.pointer + token * h
      drop(row, token: token, site: site, scratch)
      addRow(stream, to: row, h)
      normalise(row, token: token, norm: norm, into: stream)
    }
  }

  /// Normalises one row into `stream` and keeps the normalised row and 1/σ.
  func normalise(
    _ row: UnsafePointer<Float>, token: Int, norm: Int, into stream: UnsafeMutablePointer<Float>
  ) {
    let h = dimensions.hiddenSize
    let trace = workspace.norms[norm]
    let (mean, inverse) = LayerNorm.statistics(row, h, epsilon: dimensions.layerNormEpsilon)
    let normalised = trace.normalised.pointer + token * h
    LayerNorm.normalise(row, mean: mean, inverse: inverse, into: normalised, h)
    LayerNorm.scale(normalised, weight: normWeight(norm), bias: normBias(norm), into: stream, h)
    trace.inverse.pointer[token] = inverse
  }

  /// Dropout of one row of the stream's width.
  func drop(_ row: UnsafeMutablePointer<Float>, token: Int, site: UInt32, _ scratch: Workspace.ThreadScratch) {
    guard !dropout.hidden.isOff else { return }
    let h = dimensions.hiddenSize
    dropout.hidden.fill(
      scratch.draws.pointer, count: h, row: UInt32(slice.placeOfToken[token]), sequence: slice.sequenceNumber(token),
      site: site)
    dropout.hidden.apply(scratch.draws.pointer, to: row, h)
  }

  // MARK: - Products of a chunk

  /// Writes the codes of one activation site for some rows; does nothing where activations are not quantized.
  private func quantize(layer: Int, site: Int, rows: Range<Int>, x: (Int) -> UnsafeMutablePointer<Float>) {
    guard rules.sites[layer][site].isOn else { return }
    let quantizer = quantizer(layer: layer, site: site)
    let width = site == 3 ? dimensions.intermediateSize : dimensions.hiddenSize
    let trace = workspace.layers[layer]
    let codes = trace.codes[site].pointer
    let worths = trace.worths[site].pointer
    for token in rows { worths[token] = quantizer.codes(x(token), into: codes + token * width, width) }
  }

  /// y = x̂·Ŵᵀ + b for some rows of linear `index`.
  /// - Parameters:
  ///   - x: the unquantized input, row t at x + t·inputs, used where activations are not quantized.
  ///   - pieces: outputs of a row that lie together, cut where a panel ends within one; nil: a whole panel's.
  ///   - place: where a row's piece goes, by token and first output.
  ///   - then: takes each piece where it lies: token, first output, piece, count.
  private func project(
    _ layer: Int, _ index: Int, site: Int, rows: Range<Int>, x: UnsafePointer<Float>, pieces: Int? = nil,
    _ scratch: Workspace.ThreadScratch, place: (Int, Int) -> UnsafeMutablePointer<Float>,
    then: (Int, Int, UnsafePointer<Float>, Int) -> Void = { _, _, _, _ in }
  ) {
    let linear = linears[layer][index]
    let worths = workspace.layers[layer].worths[site].pointer
    let sums = scratch.sums.pointer
    let panel = linear.outputPanel
    let isInteger = linear.precision.forward == .integer
    let (shift, worth, constant) = (linear.shift.pointer, linear.worth.pointer, linear.constant.pointer)
    let input = forwardOperand(linear, layer: layer, site: site, rows: rows, x: x, scratch)
    for p in 0..<linear.outputPanelCount {
      linear.forwardProducts.run(
        rows: rows.count, input, linear.forwardPanel(p), into: sums, scratch: scratch.product.pointer)
      for token in rows {
        let row = sums + (token - rows.lowerBound) * panel
        var first = p * panel
        while first < (p + 1) * panel {
          let width = pieces.map { min($0 - first % $0, (p + 1) * panel - first) } ?? panel
          let (sum, y) = (row + first - p * panel, place(token, first))
          if isInteger {
            scaleSums(
              sum, shift: shift + first, worth: worth + first, constant: constant + first, rowWorth: worths[token],
              into: y, width)
          } else {
            for i in 0..<width { y[i] = sum[i] + constant[first + i] }
          }
          then(token, first, y, width)
          first += width
        }
      }
    }
  }

  /// What stands on the left of a forward product: codes, values made of codes, or the input itself.
  private func forwardOperand(
    _ linear: PreparedLinear, layer: Int, site: Int, rows: Range<Int>, x: UnsafePointer<Float>,
    _ scratch: Workspace.ThreadScratch
  ) -> UnsafeRawPointer {
    let width = linear.inputs
    let trace = workspace.layers[layer]
    let codes = trace.codes[site].pointer
    if linear.precision.forward == .integer { return UnsafeRawPointer(codes + rows.lowerBound * width) }
    guard rules.sites[layer][site].isOn else {
      let first = x + rows.lowerBound * width
      guard linear.precision.forward == .bfloat16 else { return UnsafeRawPointer(first) }
      Bfloat16.round(first, into: scratch.half.pointer, rows.count * width)
      return UnsafeRawPointer(scratch.half.pointer)
    }
    let quantizer = quantizer(layer: layer, site: site)
    let values = scratch.wide.pointer
    for token in rows {
      quantizer.values(
        codes + token * width, worth: trace.worths[site].pointer[token],
        into: values + (token - rows.lowerBound) * width, width)
    }
    return UnsafeRawPointer(values)
  }
}

/// y = GELU(x) over one row.
func geluRow(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ count: Int) {
  for i in 0..<count { y[i] = gelu(x[i]) }
}

/// y = (sum − shift)·worth·rowWorth + constant over a row of 32-bit sums of codes.
func scaleSums(
  _ sums: UnsafePointer<Float>, shift: UnsafePointer<Int32>, worth: UnsafePointer<Float>,
  constant: UnsafePointer<Float>, rowWorth: Float, into y: UnsafeMutablePointer<Float>, _ count: Int
) {
  for i in 0..<count {
    let sum = Int32(bitPattern: sums[i].bitPattern) &- shift[i]
    y[i] = constant[i].addingProduct(Float(sum), worth[i] * rowWorth)
  }
}
