import Compute
import Quantization

// Letters: H hidden, I intermediate; z = x̂·Ŵ₁ᵀ + b₁ `[T, I]`, a = GELU(z), update = â·Ŵ₂ᵀ + b₂ `[T, H]`.

/// The feed-forward network of a layer: intermediate linear, GELU, output linear; all of it local to a row.
struct FeedForward {
  let layer: Int
  let intermediate: QuantizedLinear
  let output: QuantizedLinear
  let input: InputQuantizer
  let activated: InputQuantizer
  /// What the stream holds before it.
  let source: StreamSource

  private var hidden: Int { input.width }
  private var width: Int { activated.width }

  // MARK: - Forward

  /// Whether GELU and the codes of `activated` follow each row of the intermediate projection at once: a learned step is known
  /// beforehand (unless it is about to be measured), the scale of a token only after its last value.
  private func fusesActivationQuantizer(_ isCalibrating: Bool) -> Bool { activated.rule.hasStep && !isCalibrating }

  /// Stream → x̂ → z, kept; and on to the codes of a where the step is known.
  func expand(rows: Range<Int>, _ pass: SlicePass, _ scratch: ThreadScratch, isCalibrating: Bool) {
    let trace = pass.workspace.layers[layer]
    let x = pass.stream + rows.lowerBound * hidden
    let fuses = fusesActivationQuantizer(isCalibrating)
    let quantizer = activated.current(pass.parameters)
    let codes = trace.sites[.activated].codes.pointer + rows.lowerBound * width
    let scales = trace.sites[.activated].levelScales.pointer + rows.lowerBound
    let row = scratch.rowTemporaries.pointer
    // z that nothing reads again stays in one row.
    let places =
      fuses && !pass.workspace.keepsTraces
      ? OutputPlaces.overwriting(row + width, width: width)
      : .rows(trace.preActivation.pointer + rows.lowerBound * width, width: width)
    input.forward(x, rows: rows, pass, into: trace.sites[.feedForwardInput])
    intermediate.forward(
      x, input, rows: rows, pass, trace.sites[.feedForwardInput], into: places, scratch
    ) { r, first, z, count in
      guard fuses else { return }
      geluRow(z, into: row, count)
      scales[r] = quantizer.codes(row, into: codes + (r * width + first), count)
    }
  }

  /// z → a → â → update, the first of `rows` in `scratch.chunkRows`.
  func contract(rows: Range<Int>, _ pass: SlicePass, _ scratch: ThreadScratch, isCalibrating: Bool) {
    let trace = pass.workspace.layers[layer]
    let a = scratch.intermediateRows.pointer
    if !fusesActivationQuantizer(isCalibrating) {
      let z = trace.preActivation.pointer + rows.lowerBound * width
      for r in 0..<rows.count { geluRow(z + r * width, into: a + r * width, width) }
      activated.forward(a, rows: rows, pass, into: trace.sites[.activated])
    }
    output.forward(
      a, activated, rows: rows, pass, trace.sites[.activated], into: .rows(scratch.chunkRows.pointer, width: hidden),
      scratch)
  }

  // MARK: - Backward

  /// From dUpdate in `scratch.chunkRows` to dStream, to which it adds:
  /// dâ = dUpdate·Ŵ₂ → da → dz = da·GELU′(z) → dx̂ = dz·Ŵ₁ → dx.
  func backward(rows: Range<Int>, _ pass: SlicePass, _ scratch: ThreadScratch) {
    backwardOutput(rows, pass, scratch)
    let dZ = scratch.intermediateRows.pointer
    intermediate.keep(dZ, input, rows: rows, pass, pass.workspace.layers[layer].sites[.feedForwardInput])
    let dStream = pass.dStream
    intermediate.backward(
      intermediate.operand(dZ, rows: rows, pass, scratch), input, rows: rows, pass, scratch,
      x: { token, first, count in source.columns(token: token, from: first, count, pass, scratch) },
      emit: { token, first, dX, count in addRow(dX, to: dStream + token * hidden + first, count) })
  }

  /// dUpdate → dz, left in `scratch.intermediateRows`; its sum over the rows is db₁.
  private func backwardOutput(_ rows: Range<Int>, _ pass: SlicePass, _ scratch: ThreadScratch) {
    let trace = pass.workspace.layers[layer]
    let dUpdate = scratch.chunkRows.pointer
    output.keep(dUpdate, activated, rows: rows, pass, trace.sites[.activated])
    let dY = output.operand(dUpdate, rows: rows, pass, scratch)
    let quantizer = activated.current(pass.parameters)
    let places = pass.workspace.chunkSumPlaces
    let sums = pass.chunkSums(rows)
    let biasSums = sums + places.biases[.intermediate]
    let z = trace.preActivation.pointer + rows.lowerBound * width
    let dZ = scratch.intermediateRows.pointer
    let a = scratch.rowTemporaries.pointer
    let derivative = a + width
    activated.clearTerms(scratch)
    output.matrix.inputGradient(dY, rowCount: rows.count, scratch: scratch.products) { r, first, row, count in
      geluRow(z + (r * width + first), into: a, derivative: derivative, count)
      InputQuantizer.backward(quantizer, row, x: a, from: first, count, scratch)
      multiplyRow(row, by: derivative, into: dZ + (r * width + first), sum: biasSums + first, count)
    }
    activated.sumTerms(into: sums + places.sites[.activated], scratch)
  }
}

/// y = GELU(x) over one row.
func geluRow(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ count: Int) {
  for i in 0..<count { y[i] = gelu(x[i]) }
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
private func multiplyRow(
  _ x: UnsafePointer<Float>, by factors: UnsafePointer<Float>, into products: UnsafeMutablePointer<Float>,
  sum: UnsafeMutablePointer<Float>, _ count: Int
) {
  for i in 0..<count {
    let product = x[i] * factors[i]
    products[i] = product
    sum[i] += product
  }
}
