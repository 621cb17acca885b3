import Compute
import Quantization

// Letters: T tokens, y = x̂·Ŵᵀ + b; dX̂ = dY·Ŵ, dŴ = dYᵀ·X̂, db = Σ dY over the tokens.

/// One linear of a layer, its weights quantized: what is multiplied; how is `PreparedMatrix`'s business.
///
/// dŴ is summed over slices and ranks as it is: the weights' own quantizer is passed once a step
/// (`EncoderModel.backwardThroughWeightQuantizers`).
final class QuantizedLinear {
  let role: LinearRole
  private let layer: Int
  let weight: ParameterInfo
  let bias: ParameterInfo
  /// The learned step, or a step for each output; nil where the rule has none.
  let step: ParameterInfo?
  let rule: QuantizerRule
  let matrix: PreparedMatrix
  /// γ, or one a row, in place of that of the weights (`EncoderModel.keepScales`).
  var keptScales: [Float]?
  private let clipsGradient: Bool
  /// db of the present slice, which an offset's rank-one term needs.
  private var sliceBiasGradient: [Float] = []

  /// - Parameter trains: whether the backward pass will be asked for.
  init(
    _ role: LinearRole, layer: Int, layout: ParameterLayout, rules: SiteRules, scheme: Scheme, precision: Precision,
    trains: Bool
  ) throws {
    (self.role, self.layer) = (role, layer)
    let name = ParameterNames.linear(layer, role)
    weight = layout.required(name + ".weight")
    bias = layout.required(name + ".bias")
    step = layout[name + ".weight_quantizer.step"]
    rule = rules.linears[layer][role]
    clipsGradient = scheme.clipsGradient
    let own = precision.ofLinear(role, layer: layer, rules)
    matrix = try PreparedMatrix(
      outputs: weight.shape[0], inputs: weight.shape[1], forward: own.forward, backward: own.backward,
      widestInputPanel: precision.backward.usesCodes ? PreparedMatrix.widestLimbPanel : PreparedMatrix.widestPanel,
      largestCode: rule.largestCode, packsBackward: trains)
  }

  // MARK: - Once a step

  /// Sets what a level stands for: the learned step (half of it on the symmetric grid), or γ, of the whole matrix or of each row.
  /// - Parameter weights: `[outputs, inputs]`, here and below.
  func setLevelScales(_ parameters: UnsafePointer<Float>, _ weights: UnsafePointer<Float>) {
    let scales = matrix.levelScale
    switch rule {
    case .none: scales.elements.update(repeating: 1)
    case .lsq, .absoluteMaximum:
      for row in 0..<matrix.outputs { scales[row] = quantizer(row: row, parameters).levelScale }
    case .absoluteMean:
      if let kept = keptScales {
        for row in 0..<matrix.outputs { scales[row] = kept[kept.count == 1 ? 0 : row] }
        return
      }
      var total = 0.0
      for row in 0..<matrix.outputs {
        let sum = absoluteSum(weights + row * matrix.inputs, matrix.inputs)
        total += sum
        scales[row] = WeightQuantizer.gamma(absoluteSum: sum, count: matrix.inputs)
      }
      if !rule.isPerRow {
        scales.elements.update(repeating: WeightQuantizer.gamma(absoluteSum: total, count: weight.count))
      }
    }
  }

  /// Whether its codes are `stored`, and what a level stands for is known without the weights.
  func isKnown(by stored: any StoredCodes) -> Bool {
    rule.hasCodes && rule == stored.rule && weight.shape == stored.shape && matrix.packsDirectly
      && (rule.hasStep || keptScales != nil)
  }

  /// What a level stands for, over the rows.
  var meanLevelScale: Float {
    rule.isPerRow
      ? Float((0..<matrix.outputs).reduce(0.0) { $0 + Double(matrix.levelScale.pointer[$1]) } / Double(matrix.outputs))
      : matrix.levelScale.pointer[0]
  }

  /// Quantizes and packs one block of rows. Scales must be set.
  func pack(
    block: Int, _ parameters: UnsafePointer<Float>, _ weights: UnsafePointer<Float>,
    scratch: PreparedMatrix.PackScratch
  ) {
    matrix.pack(block: block, scratch: scratch) { writeLevels(parameters, weights, row: $0, into: $1) }
  }

  /// Packs one block of rows whose codes are stored. Scales must be set.
  func pack(block: Int, from stored: any StoredCodes, scratch: PreparedMatrix.PackScratch) throws {
    try matrix.pack(block: block, scratch: scratch, codes: { try stored.write(rows: $0, into: $1) })
  }

  /// Quantizes and packs everything where the layouts are the library's own.
  func packThroughLibrary(_ parameters: UnsafePointer<Float>, _ weights: UnsafePointer<Float>) {
    matrix.packThroughLibrary { writeLevels(parameters, weights, row: $0, into: $1) }
  }

  private func writeLevels(
    _ parameters: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, row: Int,
    into levels: UnsafeMutablePointer<Float>
  ) {
    quantizer(row: row, parameters).levels(weights + row * matrix.inputs, into: levels, matrix.inputs)
  }

  /// The quantizer of one row as it stands now; γ as it was when scales were last set.
  func quantizer(row: Int, _ parameters: UnsafePointer<Float>) -> WeightQuantizer {
    WeightQuantizer(
      rule: rule, step: step.map { parameters[$0.place(ofRow: row)] } ?? matrix.levelScale.pointer[row],
      clipsGradient: clipsGradient)
  }

  // MARK: - Forward

  /// y = x̂·Ŵᵀ + b for some rows.
  /// - Parameters:
  ///   - x: the unquantized input, the first of `rows`, used where activations are not quantized.
  ///   - then: takes what lies together of each row: row of the chunk, first output, outputs, count.
  func forward(
    _ x: UnsafePointer<Float>, _ input: InputQuantizer, rows: Range<Int>, _ pass: SlicePass,
    _ trace: Workspace.SiteTrace, into places: OutputPlaces, _ scratch: ThreadScratch,
    then: (Int, Int, UnsafePointer<Float>, Int) -> Void = { _, _, _, _ in }
  ) {
    let codes = trace.codes.pointer + rows.lowerBound * matrix.inputs
    let scales = trace.levelScales.pointer + rows.lowerBound
    var operand = PreparedMatrix.Input.values(x)
    if matrix.forwardArithmetic == .integer {
      operand = .codes(codes, rowScales: scales)
    } else if input.rule.isOn {
      let quantizer = input.current(pass.parameters)
      let values = scratch.intermediateRows.pointer
      for r in 0..<rows.count {
        quantizer.values(
          codes + r * matrix.inputs, levelScale: scales[r], into: values + r * matrix.inputs, matrix.inputs)
      }
      operand = .values(values)
    }
    matrix.forward(operand, rowCount: rows.count, into: places, scratch: scratch.products, then: then)
  }

  // MARK: - Backward

  /// dX̂ = dY·Ŵ of some rows, through the input's quantizer to dX.
  /// - Parameters:
  ///   - x: some columns of the site's input of a token: token, first column, count.
  ///   - emit: takes each panel of dX: token, first column, dX, count.
  func backward(
    _ dY: GradientOperand, _ input: InputQuantizer, rows: Range<Int>, _ pass: SlicePass, _ scratch: ThreadScratch,
    x: (Int, Int, Int) -> UnsafePointer<Float>, emit: (Int, Int, UnsafePointer<Float>, Int) -> Void
  ) {
    let quantizer = input.current(pass.parameters)
    input.clearTerms(scratch)
    matrix.inputGradient(dY, rowCount: rows.count, scratch: scratch.products) { r, first, row, count in
      let token = rows.lowerBound + r
      if quantizer.rule.hasStep {
        InputQuantizer.backward(quantizer, row, x: x(token, first, count), from: first, count, scratch)
      }
      emit(token, first, row, count)
    }
    input.sumTerms(into: pass.chunkSums(rows) + pass.workspace.chunkSumPlaces.sites[input.site], scratch)
  }

  /// A chunk's dY as the left operand of dY·Ŵ.
  func operand(
    _ dY: UnsafePointer<Float>, rows: Range<Int>, slot: Int = 0, _ pass: SlicePass, _ scratch: ThreadScratch
  ) -> GradientOperand {
    matrix.gradientOperand(
      dY, rows: rows, draws: pass.rounding(RoundingSite.inputGradient(layer, role)), slot: slot,
      scratch: scratch.products)
  }

  /// The loop that makes codes of dY for dŴ, where its product reads codes.
  func splitting(_ x: InputPanels, _ pass: SlicePass) -> ParallelLoop? {
    matrix.splitting(
      pass.workspace.dOutputs[role], x, draws: pass.rounding(RoundingSite.weightGradient(layer, role)),
      scratch: pass.workspace.productScratch)
  }

  /// Whether dŴ's product reads levels whose scale differs from token to token: the scale is then folded into dY.
  func foldsLevelScales(_ input: InputQuantizer) -> Bool {
    matrix.backwardArithmetic.usesLevels && input.rule.isPerToken
  }

  /// Whether dY is kept in another form than as it is, in float32.
  func keepsConverted(_ input: InputQuantizer) -> Bool {
    matrix.backwardArithmetic == .bfloat16 || foldsLevelScales(input)
  }

  /// Keeps a chunk's dY for dŴ.
  func keep(
    _ dY: UnsafePointer<Float>, _ input: InputQuantizer, rows: Range<Int>, _ pass: SlicePass,
    _ trace: Workspace.SiteTrace
  ) {
    let (folds, scales) = (foldsLevelScales(input), trace.levelScales.pointer)
    let kept = pass.workspace.dOutputs[role]
    for token in rows {
      kept.keep(
        dY + (token - rows.lowerBound) * kept.width, token: token, for: matrix.backwardArithmetic,
        times: folds ? scales[token] : nil)
    }
  }

  /// Adds db, the sum of all chunks.
  func addBiasGradient(_ pass: SlicePass, into store: GradientStore) {
    sliceBiasGradient = pass.addChunkSums(pass.workspace.chunkSumPlaces.biases[role], to: bias, store)
  }

  /// The loop that adds dŴ = dYᵀ·X̂ to the store. Sums over levels are turned into sums over values: times the step, plus for
  /// each output db·β, the term of the offset.
  func weightGradient(
    _ x: InputPanels, _ input: InputQuantizer, _ pass: SlicePass, into store: GradientStore
  ) -> ParallelLoop {
    let quantizer = input.current(pass.parameters)
    let usesLevels = matrix.backwardArithmetic.usesLevels
    let scale = usesLevels && quantizer.rule.hasStep ? quantizer.step : 1
    let offset = usesLevels && quantizer.zeroValue != 0 ? quantizer.zeroValue : nil
    let (start, inputs, biasGradient) = (weight.start, matrix.inputs, sliceBiasGradient)
    return matrix.weightGradient(pass.workspace.dOutputs[role], x, scratch: pass.workspace.productScratch) {
      output, first, sums, count in
      store.add(
        sums, at: start + output * inputs + first, count, scale: scale,
        shift: offset.map { biasGradient[output] * $0 } ?? 0)
    }
  }
}
