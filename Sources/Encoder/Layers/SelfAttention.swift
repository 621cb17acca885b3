import Compute
import Quantization

// Letters: T tokens, H hidden, D head size. What is local to a row is here: the projections and the way back; what is local to
// a head of a sequence is in SelfAttention+Heads.swift.

/// Self-attention of a layer: Q, K, V = x̂·Ŵᵀ + b, context = dropout(softmax(Q·Kᵀ/√D))·V, update = context^·Ŵᵀ + b.
struct SelfAttention {
  let layer: Int
  let dimensions: EncoderDimensions
  /// Query, key and value.
  let projections: [QuantizedLinear]
  let output: QuantizedLinear
  let input: InputQuantizer
  let context: InputQuantizer
  /// What the stream holds before it.
  let source: StreamSource
  let products: AttentionProducts

  var hidden: Int { dimensions.hiddenSize }
  var headSize: Int { dimensions.headSize }

  // MARK: - Forward

  /// Some of query, key and value.
  typealias Parts = Range<Int>
  static let all: Parts = 0..<3
  static let queries: Parts = 0..<1
  static let keysAndValues: Parts = 1..<3

  /// What these parts keep of x̂: queries of labelled rows alone have a trace of their own.
  func inputTrace(_ parts: Parts, _ pass: SlicePass) -> Workspace.SiteTrace {
    parts == SelfAttention.queries ? pass.workspace.labelledInput : pass.workspace.layers[layer].sites[.attentionInput]
  }

  /// Stream → x̂ → query, key and value, by head.
  func project(_ parts: Parts, rows: Range<Int>, _ pass: SlicePass, _ scratch: ThreadScratch) {
    let trace = inputTrace(parts, pass)
    let x = pass.stream + rows.lowerBound * hidden
    let headStride = Workspace.headStride(dimensions, capacity: pass.workspace.capacity)
    input.forward(x, rows: rows, pass, into: trace)
    for part in parts {
      let base = pass.workspace.layers[layer].heads.pointer + part * dimensions.headCount * headStride
      projections[part].forward(
        x, input, rows: rows, pass, trace,
        into: .heads(base + rows.lowerBound * headSize, headSize: headSize, headStride: headStride), scratch)
    }
  }

  /// Context → its codes → update, the first of `rows` in `scratch.chunkRows`.
  func projectOutput(rows: Range<Int>, _ pass: SlicePass, _ scratch: ThreadScratch) {
    let trace = pass.workspace.layers[layer]
    let x = trace.context.pointer + rows.lowerBound * hidden
    context.forward(x, rows: rows, pass, into: trace.sites[.context])
    output.forward(
      x, context, rows: rows, pass, trace.sites[.context], into: .rows(scratch.chunkRows.pointer, width: hidden),
      scratch)
  }

  // MARK: - Backward

  /// dUpdate in `scratch.chunkRows` → dContext.
  func backwardOutput(rows: Range<Int>, _ pass: SlicePass, _ scratch: ThreadScratch) {
    let trace = pass.workspace.layers[layer]
    let dUpdate = scratch.chunkRows.pointer
    output.keep(dUpdate, context, rows: rows, pass, trace.sites[.context])
    let (x, dContext) = (trace.context.pointer, pass.workspace.dContext.pointer)
    output.backward(
      output.operand(dUpdate, rows: rows, pass, scratch), context, rows: rows, pass, scratch,
      x: { token, first, _ in UnsafePointer(x + token * hidden + first) },
      emit: { token, first, dX, count in (dContext + token * hidden + first).update(from: dX, count: count) })
  }

  /// dQ, dK, dV → dStream, to which it adds: dx̂ = dQ·Ŵq + dK·Ŵk + dV·Ŵv → dx. Their sums over the rows are the biases'
  /// gradients. All of it is linear in the three: some may go alone.
  /// - Parameter whole: the pass over all tokens, in whose terms the layer's input was kept.
  func backwardProjections(
    _ parts: Parts, rows: Range<Int>, _ pass: SlicePass, of whole: SlicePass, _ scratch: ThreadScratch
  ) {
    let quantizer = input.current(pass.parameters)
    let sums = pass.chunkSums(rows)
    let (dStream, trace) = (pass.dStream, inputTrace(parts, pass))
    input.clearTerms(scratch)
    PreparedMatrix.summedInputGradient(
      projections[parts].map(\.matrix), rowCount: rows.count, scratch: scratch.products,
      dY: { slot, isFirst in
        gradientOperand(parts.lowerBound + slot, slot, rows, sums, isFirst: isFirst, pass, trace, scratch)
      }
    ) { r, first, row, count in
      let token = rows.lowerBound + r
      if quantizer.rule.hasStep {
        let x = source.columns(token: pass.slice.tokenOfSlice(token), from: first, count, whole, scratch)
        InputQuantizer.backward(quantizer, row, x: x, from: first, count, scratch)
      }
      addRow(row, to: dStream + token * hidden + first, count)
    }
    input.sumTerms(into: sums + pass.workspace.chunkSumPlaces.sites[.attentionInput], scratch)
  }

  /// dQ, dK or dV of a chunk as a left operand; the first time also its sum into the bias and what dŴ's product reads.
  private func gradientOperand(
    _ part: Int, _ slot: Int, _ rows: Range<Int>, _ sums: UnsafeMutablePointer<Float>, isFirst: Bool, _ pass: SlicePass,
    _ trace: Workspace.SiteTrace, _ scratch: ThreadScratch
  ) -> GradientOperand {
    let projection = projections[part]
    let gathered = scratch.chunkRows.pointer
    let dHeads = pass.workspace.dOutputs[projection.role]
    let biasSums = sums + pass.workspace.chunkSumPlaces.biases[projection.role]
    for token in rows {
      let row = gathered + (token - rows.lowerBound) * hidden
      dHeads.read(token: token, into: row)
      if isFirst { addRow(row, to: biasSums, hidden) }
    }
    // Attention left dQ, dK and dV in float32, as they are.
    if isFirst, projection.keepsConverted(input) {
      projection.keep(gathered, input, rows: rows, pass, trace)
    }
    return projection.operand(gathered, rows: rows, slot: slot, pass, scratch)
  }
}
