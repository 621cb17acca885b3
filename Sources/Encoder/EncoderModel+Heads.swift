import Compute
import Foundation
import Quantization

// Both heads run in float32 on the labelled tokens only ("rows"): R rows, H hidden, C classes (vocabulary or labels).

/// What a head found on one slice.
public struct SliceOutcome: Sendable {
  /// Σ cross-entropy over the labelled tokens.
  public var lossSum = 0.0
  public var labelledTokenCount = 0
  /// Labelled tokens whose largest logit is the label's.
  public var correctCount = 0
  /// The class of the largest logit, for each labelled token in order; where asked for.
  public var predictions: [Int32] = []
}

extension EncoderModel {
  /// Rows that are worked on at once: bounds the memory of the logits.
  private static var rowGroup: Int { 512 }
  /// Columns of a tile of a head's products: fixed, so that no sum depends on the number of threads.
  private static var tile: Int { 512 }

  /// Loss of the slice whose forward pass is in the workspace; with a store, also the head's gradients and the stream's.
  ///
  /// - Parameters:
  ///   - lossScale: one over the labelled tokens of the *global* batch (numerics.md, "Loss and gradient").
  ///   - store: nil in evaluation.
  public func runHead(lossScale: Float, into store: GradientStore?, predicts: Bool = false) throws -> SliceOutcome {
    let rows = slice.input.labels.indices.filter { slice.input.labels[$0] != SliceInput.ignoredLabel }
    let classes = classCount
    for row in rows where slice.input.labels[row] < 0 || Int(slice.input.labels[row]) >= classes {
      throw EncoderError.labelOutOfRange(label: slice.input.labels[row], count: classes)
    }
    var outcome = SliceOutcome()
    let start = monotonicSeconds()
    if store != nil {
      workspace.dStream.pointer.update(repeating: 0, count: slice.tokenCount * dimensions.hiddenSize)
    }
    for first in stride(from: 0, to: rows.count, by: EncoderModel.rowGroup) {
      let group = Array(rows[first..<min(first + EncoderModel.rowGroup, rows.count)])
      runGroup(group, lossScale, store, predicts, &outcome)
    }
    phases.add(.head, monotonicSeconds() - start)
    return outcome
  }

  /// Logits of the given tokens, `[tokens.count, C]`, without touching anything else.
  public func logits(ofTokens tokens: [Int]) -> [Float] {
    let pass = HeadPass(rows: tokens.count, hidden: dimensions.hiddenSize, classes: classCount, trains: false)
    headForward(tokens, pass)
    return Array(UnsafeBufferPointer(start: pass.logits.pointer, count: tokens.count * classCount))
  }

  /// C.
  public var classCount: Int {
    switch head {
    case .maskedLanguageModel: dimensions.vocabularySize
    case .tokenClassification(let labels): labels
    case .none: 0
    }
  }

  /// Buffers for `rows` rows, kept for the groups to come.
  private func headBuffers(rows: Int) -> HeadPass {
    if let headPass, headPass.rows >= rows { return headPass }
    let made = HeadPass(rows: rows, hidden: dimensions.hiddenSize, classes: classCount, trains: true)
    headPass = made
    return made
  }

  private func runGroup(
    _ rows: [Int], _ lossScale: Float, _ store: GradientStore?, _ predicts: Bool, _ outcome: inout SliceOutcome
  ) {
    let pass = headBuffers(rows: rows.count)
    headForward(rows, pass)
    score(rows, pass.logits.pointer, lossScale, predicts, &outcome)
    guard let store else { return }
    headBackward(rows, pass, store)
  }

  // MARK: - Forward

  private func headForward(_ rows: [Int], _ pass: HeadPass) {
    let h = dimensions.hiddenSize
    for (r, token) in rows.enumerated() {
      (pass.input.pointer + r * h).update(from: workspace.stream.pointer + token * h, count: h)
    }
    switch head {
    case .maskedLanguageModel:
      product(
        pass.input.pointer, h, headWeight("lm_head.dense.weight"), transposed: true, into: pass.dense.pointer,
        rows.count, h, h)
      Threads.forEach(rows.count) { r, thread in
        let row = pass.dense.pointer + r * h
        addRow(pointer("lm_head.dense.bias"), to: row, h)
        let activated = workspace.scratch[thread].rows.pointer
        geluRow(row, into: activated, h)
        let (mean, inverse) = LayerNorm.statistics(activated, h, epsilon: dimensions.layerNormEpsilon)
        LayerNorm.normalise(activated, mean: mean, inverse: inverse, into: pass.normalised.pointer + r * h, h)
        pass.inverse.pointer[r] = inverse
        LayerNorm.scale(
          pass.normalised.pointer + r * h, weight: pointer("lm_head.layer_norm.weight"),
          bias: pointer("lm_head.layer_norm.bias"),
          into: pass.features.pointer + r * h, h)
      }
    case .tokenClassification, .none:
      pass.features.pointer.update(from: pass.input.pointer, count: rows.count * h)
      dropFeatures(rows, pass.features.pointer)
    }
    let bias = pointer(outputBiasName)
    let classes = classCount
    product(
      pass.features.pointer, h, headWeight(outputName), transposed: true, into: pass.logits.pointer, rows.count,
      classes, h)
    Threads.forEach(rows.count) { r, _ in addRow(bias, to: pass.logits.pointer + r * classes, classes) }
  }

  private var outputName: String {
    switch head {
    case .maskedLanguageModel(let tied): tied ? "roberta.embeddings.word_embeddings.weight" : "lm_head.decoder.weight"
    case .tokenClassification, .none: "classifier.weight"
    }
  }

  private var outputBiasName: String {
    if case .maskedLanguageModel = head { "lm_head.bias" } else { "classifier.bias" }
  }

  /// Dropout before the classifier.
  private func dropFeatures(_ rows: [Int], _ features: UnsafeMutablePointer<Float>) {
    guard !dropout.classifier.isOff else { return }
    let h = dimensions.hiddenSize
    let draws = workspace.scratch[0].draws.pointer
    for (r, token) in rows.enumerated() {
      dropout.classifier.fill(
        draws, count: h, row: UInt32(slice.placeOfToken[token]), sequence: slice.sequenceNumber(token),
        site: DropoutSite.classifier)
      dropout.classifier.apply(draws, to: features + r * h, h)
    }
  }

  // MARK: - Loss

  /// Cross-entropy of each row; the logits become their gradient, (softmax − one-hot)·lossScale.
  private func score(
    _ rows: [Int], _ logits: UnsafeMutablePointer<Float>, _ lossScale: Float, _ predicts: Bool,
    _ outcome: inout SliceOutcome
  ) {
    let classes = classCount
    var losses = [Double](repeating: 0, count: rows.count)
    var best = [Int32](repeating: 0, count: rows.count)
    losses.withUnsafeMutableBufferPointer { losses in
      best.withUnsafeMutableBufferPointer { best in
        Threads.forEach(rows.count) { r, _ in
          let row = logits + r * classes
          let label = Int(slice.input.labels[rows[r]])
          let top = rowMaximum(row, classes)
          best[r] = Int32((0..<classes).first { row[$0] == top } ?? 0)
          let own = row[label]
          let (inverse, logSum) = Softmax.exponentials(row, classes, scale: 1)
          losses[r] = Double(logSum) - Double(own)
          let factor = inverse * lossScale
          for j in 0..<classes { row[j] *= factor }
          row[label] -= lossScale
        }
      }
    }
    outcome.lossSum += losses.reduce(0, +)
    outcome.labelledTokenCount += rows.count
    outcome.correctCount += rows.indices.reduce(0) { $0 + (best[$1] == slice.input.labels[rows[$1]] ? 1 : 0) }
    if predicts { outcome.predictions += best }
  }

  // MARK: - Backward

  private func headBackward(_ rows: [Int], _ pass: HeadPass, _ store: GradientStore) {
    let h = dimensions.hiddenSize
    let classes = classCount
    let dLogits = pass.logits.pointer
    outputGradients(dLogits, pass.features.pointer, rows.count, classes, store)
    // dFeatures = dLogits · W.
    let dFeatures = pass.dFeatures
    product(
      dLogits, classes, headWeight(outputName), transposed: false, into: dFeatures.pointer, rows.count, h, classes)
    switch head {
    case .maskedLanguageModel: transformBackward(rows, pass, dFeatures, store)
    case .tokenClassification, .none:
      dropFeatures(rows, dFeatures.pointer)
      addToStream(rows, dFeatures.pointer)
    }
  }

  /// dW = dLogitsᵀ · features and the bias's sum over rows.
  private func outputGradients(
    _ dLogits: UnsafePointer<Float>, _ features: UnsafePointer<Float>, _ rowCount: Int, _ classes: Int,
    _ store: GradientStore
  ) {
    matrixGradient(dLogits, classes, features, rowCount, at: layout.required(outputName), store)
    columnSums(dLogits, classes, rowCount, at: layout.required(outputBiasName), store)
  }

  /// Through layer norm, GELU and the dense layer of the MLM head.
  private func transformBackward(
    _ rows: [Int], _ pass: HeadPass, _ dFeatures: AlignedBuffer<Float>, _ store: GradientStore
  ) {
    let h = dimensions.hiddenSize
    let chunk = 32
    let chunks = (rows.count + chunk - 1) / chunk
    let sums = AlignedBuffer<Float>(chunks * 2 * h)
    let weight = pointer("lm_head.layer_norm.weight")
    Threads.forEachRange(rows.count, length: chunk) { range, _ in
      let partial = sums.pointer + range.lowerBound / chunk * 2 * h
      for r in range {
        let row = dFeatures.pointer + r * h
        LayerNorm.backward(
          row, normalised: pass.normalised.pointer + r * h, inverse: pass.inverse.pointer[r], weight: weight,
          dWeight: partial, dBias: partial + h, h)
        geluBackwardRow(row, before: pass.dense.pointer + r * h, into: row, h)
      }
    }
    for c in 0..<chunks {
      store.add(sums.pointer + c * 2 * h, at: layout.required("lm_head.layer_norm.weight").start, h)
      store.add(sums.pointer + c * 2 * h + h, at: layout.required("lm_head.layer_norm.bias").start, h)
    }
    matrixGradient(
      dFeatures.pointer, h, pass.input.pointer, rows.count, at: layout.required("lm_head.dense.weight"), store)
    columnSums(dFeatures.pointer, h, rows.count, at: layout.required("lm_head.dense.bias"), store)
    let dInput = pass.dInput
    product(
      dFeatures.pointer, h, headWeight("lm_head.dense.weight"), transposed: false, into: dInput.pointer, rows.count, h,
      h)
    addToStream(rows, dInput.pointer)
  }

  private func addToStream(_ rows: [Int], _ gradient: UnsafePointer<Float>) {
    let h = dimensions.hiddenSize
    for (r, token) in rows.enumerated() { addRow(gradient + r * h, to: workspace.dStream.pointer + token * h, h) }
  }

  // MARK: - Tiled products

  /// C[m, n] = A[m, k] · B, B `[k, n]` or, transposed, stored `[n, k]`; tiles of columns on single threads.
  private func product(
    _ a: UnsafePointer<Float>, _ aStride: Int, _ b: UnsafePointer<Float>, transposed: Bool,
    into c: UnsafeMutablePointer<Float>, _ m: Int, _ n: Int, _ k: Int
  ) {
    let width = n > EncoderModel.tile ? EncoderModel.tile : 128
    Threads.forEachRange(n, length: width) { columns, _ in
      let part = transposed ? b + columns.lowerBound * k : b + columns.lowerBound
      PlainProduct.run(
        a, aStride: aStride, part, bTransposed: transposed, bStride: transposed ? k : n, into: c + columns.lowerBound,
        cStride: n,
        m: m, n: columns.count, k: k)
    }
  }

  /// Adds dYᵀ[out, rows] · X[rows, H] to the store, in tiles of outputs.
  private func matrixGradient(
    _ dY: UnsafePointer<Float>, _ outputs: Int, _ x: UnsafePointer<Float>, _ rowCount: Int, at parameter: ParameterInfo,
    _ store: GradientStore
  ) {
    let h = dimensions.hiddenSize
    let height = 128
    Threads.forEachRange(outputs, length: height) { range, thread in
      let tile = headTile(thread, height * h)
      PlainProduct.run(
        dY + range.lowerBound, aTransposed: true, aStride: outputs, x, bStride: h, into: tile, cStride: h,
        m: range.count, n: h,
        k: rowCount)
      store.add(tile, at: parameter.start + range.lowerBound * h, range.count * h)
    }
  }

  private func headTile(_ thread: Int, _ count: Int) -> UnsafeMutablePointer<Float> {
    precondition(workspace.tiles[thread].count >= count, "a tile has room for 128 rows of the hidden size")
    return workspace.tiles[thread].pointer
  }

  private func columnSums(
    _ dY: UnsafePointer<Float>, _ width: Int, _ rowCount: Int, at parameter: ParameterInfo, _ store: GradientStore
  ) {
    Threads.forEachRange(width, length: 1024) { columns, _ in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: columns.count) { sum in
        sum.initialize(repeating: 0)
        for r in 0..<rowCount { addRow(dY + r * width + columns.lowerBound, to: sum.baseAddress!, columns.count) }
        store.add(sum.baseAddress!, at: parameter.start + columns.lowerBound, columns.count)
      }
    }
  }

  // MARK: - Quantized head (an option of the published code)

  /// The head's matrix as its products read it.
  private func headWeight(_ name: String) -> UnsafePointer<Float> {
    quantizedHeadWeights[name].map { UnsafePointer($0.pointer) } ?? UnsafePointer(pointer(name))
  }

  /// The name under which the layout has a weight: the decoder of a tied head is the word table.
  func storedName(ofWeight name: String) -> String { name == "lm_head.decoder.weight" ? outputName : name }

  /// Quantizes the MLM head's matrices by the weights' rule, their gradient passing straight through, where the scheme asks.
  func prepareHead() {
    guard case .maskedLanguageModel = head else { return }
    for name in ["lm_head.dense.weight", "lm_head.decoder.weight"] {
      guard let rule = rules.rule(ofWeight: name), rule.isOn else { continue }
      let info = layout.required(storedName(ofWeight: name))
      let copy = quantizedHeadWeights[info.name] ?? AlignedBuffer<Float>(info.count)
      quantizedHeadWeights[info.name] = copy
      let quantizer = headQuantizer(name, rule, info)
      let weights = parameters.pointer + info.start
      let width = info.shape[1]
      Threads.forEach(info.shape[0]) { r, _ in
        let row = copy.pointer + r * width
        row.update(repeating: 0, count: width)
        quantizer(r).addValues(weights + r * width, to: row, width)
      }
    }
  }

  /// The quantizer of each row of a head's matrix: γ of the row or the matrix, the step that is kept, or one from the weights.
  public func headQuantizer(
    _ name: String, _ rule: QuantizerRule, _ info: ParameterInfo
  ) -> (_ row: Int) -> WeightQuantizer {
    let weights = UnsafePointer(parameters.pointer + info.start)
    let width = info.shape[1]
    if !rule.hasStep, scheme.gammaPerRow {
      return {
        let sum = absoluteSum(weights + $0 * width, width)
        return WeightQuantizer(rule: rule, step: WeightQuantizer.gamma(absoluteSum: sum, count: width))
      }
    }
    if let step = layout[name + "_quantizer.step"] {
      let quantizer = WeightQuantizer(rule: rule, step: parameters[step.start])
      return { _ in quantizer }
    }
    let sum = absoluteSum(weights, info.count)
    let step =
      rule.hasStep
      ? StepInitialisation.step(absoluteSum: sum, count: info.count, rule: rule)
      : WeightQuantizer.gamma(absoluteSum: sum, count: info.count)
    let quantizer = WeightQuantizer(rule: rule, step: step)
    return { _ in quantizer }
  }
}

/// The rows of one group on their way through the head.
final class HeadPass {
  let rows: Int
  let input: AlignedBuffer<Float>
  let dense: AlignedBuffer<Float>
  let normalised: AlignedBuffer<Float>
  let inverse: AlignedBuffer<Float>
  /// What the last product reads.
  let features: AlignedBuffer<Float>
  let logits: AlignedBuffer<Float>
  /// Gradients to the features and to the input.
  let dFeatures: AlignedBuffer<Float>
  let dInput: AlignedBuffer<Float>

  /// - Parameter trains: gradients have room too.
  init(rows: Int, hidden: Int, classes: Int, trains: Bool) {
    self.rows = rows
    input = AlignedBuffer(rows * hidden)
    dense = AlignedBuffer(rows * hidden)
    normalised = AlignedBuffer(rows * hidden)
    inverse = AlignedBuffer(rows)
    features = AlignedBuffer(rows * hidden)
    logits = AlignedBuffer(rows * classes)
    dFeatures = AlignedBuffer(trains ? rows * hidden : 0)
    dInput = AlignedBuffer(trains ? rows * hidden : 0)
  }
}
