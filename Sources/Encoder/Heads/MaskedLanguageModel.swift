import Compute
import Quantization

/// logits = norm(GELU(x·Wᵀ + b))·Vᵀ + c, V the word table where the head is tied.
struct MaskedLanguageModel: PredictionHead {
  private let dense: HeadLinear
  private let normWeight: ParameterInfo
  private let normBias: ParameterInfo
  private let decoder: HeadLinear
  private let epsilon: Float
  /// Rows whose norm gradients are summed together, in the order of the groups.
  private static let rowGroup = 32

  /// - Parameter arithmetic: of the products of both linears.
  init(
    tied: Bool, dimensions: EncoderDimensions, layout: ParameterLayout, rules: SiteRules, scheme: Scheme,
    arithmetic: FloatArithmetic
  ) throws {
    func linear(_ name: String, stored: String, bias: String) throws -> HeadLinear {
      try HeadLinear(
        weight: layout.required(stored + ".weight"), bias: layout.required(bias),
        quantizer: HeadQuantizer(name + ".weight", rules, layout), arithmetic: arithmetic)
    }
    dense = try linear(
      ParameterNames.headDense, stored: ParameterNames.headDense, bias: ParameterNames.headDense + ".bias")
    decoder = try linear(
      ParameterNames.headDecoder, stored: tied ? EmbeddingTable.word.name : ParameterNames.headDecoder,
      bias: "lm_head.bias")
    normWeight = layout.required(ParameterNames.headNorm + ".weight")
    normBias = layout.required(ParameterNames.headNorm + ".bias")
    epsilon = dimensions.layerNormEpsilon
  }

  var classCount: Int { decoder.outputs }
  private var hidden: Int { dense.outputs }

  var linears: [HeadLinear] { [dense, decoder] }

  func forward(_ trace: HeadTrace, _ pass: SlicePass) {
    let (h, count) = (hidden, trace.rowCount)
    let parameters = pass.parameters
    let (bias, weight, shift) = (
      parameters + dense.bias.start, parameters + normWeight.start, parameters + normBias.start
    )
    dense.forward(trace.input.pointer, rowCount: count, parameters, into: trace.dense.pointer)
    Threads.forEach(count) { r, thread in
      let row = trace.dense.pointer + r * h
      addRow(bias, to: row, h)
      let activated = pass.workspace.scratch[thread].rowTemporaries.pointer
      geluRow(row, into: activated, h)
      let (mean, inverse) = LayerNorm.statistics(activated, h, epsilon: epsilon)
      LayerNorm.normalise(activated, mean: mean, inverse: inverse, into: trace.normalised.pointer + r * h, h)
      trace.inverse.pointer[r] = inverse
      LayerNorm.scale(
        trace.normalised.pointer + r * h, weight: weight, bias: shift, into: trace.features.pointer + r * h, h)
    }
    decoder.logits(trace, parameters)
  }

  func backward(_ trace: HeadTrace, _ pass: SlicePass, into store: GradientStore) {
    let count = trace.rowCount
    let dDense = trace.dFeatures.pointer
    decoder.backward(
      trace.logits.pointer, x: trace.features.pointer, rowCount: count, pass, into: store, dX: dDense)
    backwardNormAndGELU(trace, pass, into: store)
    dense.backward(
      dDense, x: trace.input.pointer, rowCount: count, pass, into: store, dX: trace.dInput.pointer)
    trace.addToStream(trace.dInput.pointer, pass, hidden: hidden)
  }

  /// `trace.dFeatures`: from the norm's output to the dense layer's.
  private func backwardNormAndGELU(_ trace: HeadTrace, _ pass: SlicePass, into store: GradientStore) {
    let (h, group) = (hidden, MaskedLanguageModel.rowGroup)
    let groups = (trace.rowCount + group - 1) / group
    // `[groups][2][H]`, dWeight and dBias.
    let sums = AlignedBuffer<Float>(groups * 2 * h)
    let weight = pass.parameters + normWeight.start
    Threads.forEachRange(trace.rowCount, length: group) { range, _ in
      let partial = sums.pointer + range.lowerBound / group * 2 * h
      for r in range {
        let row = trace.dFeatures.pointer + r * h
        LayerNorm.backward(
          row, normalised: trace.normalised.pointer + r * h, inverse: trace.inverse.pointer[r], weight: weight,
          dWeight: partial, dBias: partial + h, h)
        geluBackwardRow(row, before: trace.dense.pointer + r * h, into: row, h)
      }
    }
    for g in 0..<groups {
      store.add(sums.pointer + g * 2 * h, at: normWeight.start, h)
      store.add(sums.pointer + g * 2 * h + h, at: normBias.start, h)
    }
  }
}

extension HeadLinear {
  /// logits = features·Wᵀ + b.
  func logits(_ trace: HeadTrace, _ parameters: UnsafePointer<Float>) {
    forward(trace.features.pointer, rowCount: trace.rowCount, parameters, into: trace.logits.pointer)
    let (offset, classes) = (parameters + bias.start, outputs)
    Threads.forEach(trace.rowCount) { r, _ in addRow(offset, to: trace.logits.pointer + r * classes, classes) }
  }
}

/// dBefore = dAfter·GELU′(before) over one row.
private func geluBackwardRow(
  _ dAfter: UnsafePointer<Float>, before: UnsafePointer<Float>, into dBefore: UnsafeMutablePointer<Float>, _ count: Int
) {
  for i in 0..<count { dBefore[i] = dAfter[i] * geluDerivative(before[i]) }
}
