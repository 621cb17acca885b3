import Base
import Compute
import Quantization

/// A replica: the encoder with its head, quantizers and hand-written backward pass, for one slice at a time.
///
/// A step: `prepareStep` (weights are quantized and packed once), then for each slice `forwardToLoss`, whose trace `loss` takes,
/// whose trace `backward` consumes; gradients are added to a `GradientStore`. After the slices of all ranks are summed,
/// `backwardThroughWeightQuantizers` passes the weights' gradients on. What a slice computes follows from its tokens, the
/// parameters, seed and step alone: not from the number of threads or ranks.
public final class EncoderModel {
  public let dimensions: EncoderDimensions
  public let scheme: Scheme
  /// The scheme's rule of every site, what it leaves in float32 taken out.
  public let rules: SiteRules
  public let head: Head
  public let precision: Precision
  public let layout: ParameterLayout
  /// All parameters, laid out by `layout`.
  public let parameters: AlignedBuffer<Float>
  /// Dropout of the present step; off unless set.
  public var dropout = SliceDropout.off
  /// Seconds by phase since they were last cleared.
  public private(set) var phases = PhaseSeconds()

  private let keepsTraces: Bool
  var embeddings: Embeddings
  let layers: [EncoderLayer]
  /// nil: the encoder alone.
  let predictionHead: (any PredictionHead)?
  private(set) var workspace: Workspace
  var headTrace: HeadTrace?
  /// Set while initial steps are measured.
  var calibration: StepCalibration?
  /// Sees every activation site's input before it is used (`forward(_:showing:)`).
  var siteObserver: ((SiteRows) -> Void)?
  /// Whether whole tensors are looked at between the stages of a layer.
  private var stopsAtSites: Bool { calibration != nil || siteObserver != nil }
  private var packScratch: [PreparedMatrix.PackScratch] = []

  /// A model with zero parameters, ready to be filled.
  /// - Parameters:
  ///   - sliceTokens: the tokens that the workspace is made for at first; it grows when a slice has more.
  ///   - trains: whether weights are packed for the backward pass too; without, there is none.
  ///   - keepsTraces: whether what each layer computed is kept until the next pass, for a student to read; without, memory is
  ///     that of one layer, and no step can be measured.
  public init(
    dimensions: EncoderDimensions, scheme: Scheme, head: Head, precision: Precision, sliceTokens: Int = 64,
    trains: Bool = true, keepsTraces: Bool = true
  ) throws {
    precondition(keepsTraces || !trains, "EncoderModel: a model that trains keeps its traces")
    (self.dimensions, self.scheme, self.head, self.keepsTraces) = (dimensions, scheme, head, keepsTraces)
    let rules = SiteRules(scheme, layerCount: dimensions.layerCount)
    let precision = precision.resolved(for: rules)
    let layout = ParameterLayout(dimensions: dimensions, scheme: scheme, head: head)
    (self.rules, self.precision, self.layout) = (rules, precision, layout)
    parameters = AlignedBuffer(layout.elementCount)
    embeddings = Embeddings(dimensions: dimensions, layout: layout, rules: rules, scheme: scheme)
    let products = AttentionProducts(
      headSize: dimensions.headSize, kind: precision.attention == .bfloat16 ? .bfloat16 : .float)
    var layers: [EncoderLayer] = []
    for index in 0..<dimensions.layerCount {
      let source = layers.last.map { StreamSource(norm: $0.outputNorm.norm, dropoutSite: nil) } ?? embeddings.source
      layers.append(
        try EncoderLayer(
          index, dimensions: dimensions, layout: layout, rules: rules, scheme: scheme, precision: precision,
          trains: trains, source: source, products: products))
    }
    self.layers = layers
    predictionHead =
      switch head {
      case .maskedLanguageModel(let tied):
        try MaskedLanguageModel(
          tied: tied, dimensions: dimensions, layout: layout, rules: rules, scheme: scheme, arithmetic: precision.head)
      case .tokenClassification:
        try TokenClassification(layout: layout, dimensions: dimensions, rules: rules)
      case .none: nil
      }
    workspace = Workspace(dimensions, tokens: 0, libraryByteCount: 0, keepsTraces: keepsTraces)
    reserve(tokens: sliceTokens)
    for parameter in layout.parameters where parameter.kind == .stepSize { values(of: parameter).update(repeating: 1) }
  }

  /// A model that only runs forward, with the parameters, prepared weights and quantizers of another and a workspace of its own:
  /// the two may run at the same time. Neither may be changed from then on.
  public init(sharingWeightsOf other: EncoderModel) {
    precondition(!other.keepsTraces, "EncoderModel: a model that keeps its traces shares its weights with none")
    (dimensions, scheme, rules, head) = (other.dimensions, other.scheme, other.rules, other.head)
    (precision, layout, parameters) = (other.precision, other.layout, other.parameters)
    (embeddings, layers, predictionHead) = (other.embeddings, other.layers, other.predictionHead)
    (dropout, keepsTraces) = (other.dropout, false)
    workspace = Workspace(dimensions, tokens: 0, libraryByteCount: 0, keepsTraces: false)
  }

  /// Makes room for slices of `tokens` tokens.
  private func reserve(tokens: Int) {
    guard tokens > workspace.capacity || workspace.scratch.count != Threads.count else { return }
    let linears = layers.flatMap(\.linears.values).map(\.matrix.libraryByteCount)
    workspace = Workspace(
      dimensions, tokens: max(tokens, workspace.capacity),
      libraryByteCount: max(
        linears.max() ?? 0, PreparedMatrix.tileScratchByteCount, AttentionProducts.scratchByteCount),
      keepsTraces: keepsTraces)
  }

  // MARK: - Once a step

  /// Quantizes and packs every weight. Call once a step, after the parameters changed.
  public func prepareStep() {
    let all = layers.flatMap(\.linears.values)
    measure(.quantize) {
      Threads.forEach(all.count) { i, _ in all[i].setLevelScales(parameters.pointer, weights(of: all[i])) }
      let tasks = all.indices.flatMap { i in
        all[i].matrix.packsDirectly ? (0..<all[i].matrix.blockCount).map { (i, $0) } : []
      }
      let scratch = packScratch(elementCount: all.map(\.matrix.blockElementCount).max() ?? 0)
      Threads.forEach(tasks.count) { t, thread in
        let (i, block) = tasks[t]
        all[i].pack(block: block, parameters.pointer, weights(of: all[i]), scratch: scratch[thread])
      }
      for linear in all where !linear.matrix.packsDirectly {
        linear.packThroughLibrary(parameters.pointer, weights(of: linear))
      }
      Threads.forEach(all.count) { i, _ in all[i].matrix.addBlockLevelSums() }
      setEffectiveBiases()
      predictionHead?.prepare(parameters.pointer)
    }
  }

  func weights(of linear: QuantizedLinear) -> UnsafePointer<Float> {
    UnsafePointer(parameters.pointer) + linear.weight.start
  }

  func packScratch(elementCount: Int) -> [PreparedMatrix.PackScratch] {
    if packScratch.count != Threads.count || packScratch.first.map({ $0.elementCount < elementCount }) ?? true {
      packScratch = (0..<Threads.count).map { _ in PreparedMatrix.PackScratch(elementCount: elementCount) }
    }
    return packScratch
  }

  /// Biases with the offset terms; again after the activations' offsets changed.
  func setEffectiveBiases() {
    for layer in layers {
      for linear in layer.linears.values {
        linear.matrix.setEffectiveBias(
          parameters.pointer + linear.bias.start,
          activationOffset: layer.inputs[linear.role.input].current(parameters.pointer).zeroValue)
      }
    }
  }

  // MARK: - Forward

  /// The encoder's forward pass over one slice; what it leaves behind is what the heads and `backward` read.
  public func forward(_ input: SliceInput, keepsHiddenStates: Bool = false) throws -> ForwardTrace {
    try forward(input, keepsHiddenStates: keepsHiddenStates, readRows: { $0 })
  }

  /// As `forward`, without what no loss reads: after its keys and values the last layer runs on the labelled tokens alone. For
  /// `loss` and `backward`; other tokens have no logits.
  public func forwardToLoss(_ input: SliceInput) throws -> ForwardTrace {
    try forward(input, keepsHiddenStates: false, readRows: { layers.isEmpty ? $0 : $0.ofLabelledRows() })
  }

  /// - Parameter readRows: the rows of a pass that are read after the last layer.
  private func forward(
    _ input: SliceInput, keepsHiddenStates: Bool, readRows: (SlicePass) -> SlicePass
  ) throws -> ForwardTrace {
    try check(input)
    reserve(tokens: input.tokenCount)
    let pass = SlicePass(
      SliceIndex(input), dropout: dropout, workspace: workspace, parameters: parameters.pointer)
    let read = readRows(pass)
    var states: [[Float]] = []
    measure(.embeddings) { embeddings.forward(pass) }
    if keepsHiddenStates { states.append(hiddenState(pass)) }
    if let first = layers.first { run([attentionInput(first, pass, queries: rows(of: first, pass, read))], pass) }
    for layer in layers {
      let queries = rows(of: layer, pass, read)
      if queries !== pass { measure(.forwardRows) { projectQueries(layer, queries, pass) } }
      try measure(.attentionForward) { try layer.attention.attend(queries, keys: pass) }
      var stages = rowStages(layer, queries)
      if layer.index + 1 < layers.count {
        let next = layers[layer.index + 1]
        stages.append(attentionInput(next, pass, queries: rows(of: next, pass, read)))
      }
      run(stages, queries)
      if keepsHiddenStates { states.append(hiddenState(pass)) }
    }
    return ForwardTrace(pass: pass, read: read, hiddenStates: states)
  }

  /// The rows of a layer after its keys and values.
  func rows(of layer: EncoderLayer, _ pass: SlicePass, _ read: SlicePass) -> SlicePass {
    layer.index + 1 == layers.count ? read : pass
  }

  /// What a layer does to each chunk of rows after one of its sites.
  private struct RowStage {
    let layer: EncoderLayer
    let site: ActivationSite
    let run: (Range<Int>, ThreadScratch) -> Void
  }

  private func attentionInput(_ layer: EncoderLayer, _ pass: SlicePass, queries: SlicePass) -> RowStage {
    let parts = queries === pass ? SelfAttention.all : SelfAttention.keysAndValues
    return RowStage(layer: layer, site: .attentionInput) { layer.attention.project(parts, rows: $0, pass, $1) }
  }

  /// Queries of some rows, whose stream goes on apart from the others'.
  private func projectQueries(_ layer: EncoderLayer, _ queries: SlicePass, _ pass: SlicePass) {
    queries.gatherStream(from: pass, width: dimensions.hiddenSize)
    queries.forEachChunk { layer.attention.project(SelfAttention.queries, rows: $0, queries, $1) }
  }

  /// Everything of a layer after attention is local to a row, and so are the next layer's projections.
  private func rowStages(_ layer: EncoderLayer, _ pass: SlicePass) -> [RowStage] {
    let isCalibrating = stopsAtSites
    return [
      RowStage(layer: layer, site: .context) { rows, scratch in
        layer.attention.projectOutput(rows: rows, pass, scratch)
        layer.attentionNorm.forward(scratch.chunkRows.pointer, rows: rows, pass, scratch)
      },
      RowStage(layer: layer, site: .feedForwardInput) { rows, scratch in
        layer.feedForward.expand(rows: rows, pass, scratch, isCalibrating: isCalibrating)
      },
      RowStage(layer: layer, site: .activated) { rows, scratch in
        layer.feedForward.contract(rows: rows, pass, scratch, isCalibrating: isCalibrating)
        layer.outputNorm.forward(scratch.chunkRows.pointer, rows: rows, pass, scratch)
      },
    ]
  }

  /// A chunk of rows goes through all stages while it is in the cache. Only the measurement of steps needs whole tensors in
  /// between.
  private func run(_ stages: [RowStage], _ pass: SlicePass) {
    guard stopsAtSites else {
      return measure(.forwardRows) {
        pass.forEachChunk { rows, scratch in for stage in stages { stage.run(rows, scratch) } }
      }
    }
    for stage in stages {
      calibrateIfAsked(stage.site, of: stage.layer, pass)
      pass.forEachChunk(stage.run)
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

  private func hiddenState(_ pass: SlicePass) -> [Float] {
    let count = pass.slice.tokenCount * dimensions.hiddenSize
    return Array(UnsafeBufferPointer(start: pass.stream, count: count))
  }

  // MARK: - Backward

  /// Adds the gradients of the encoder's parameters to `store`, from the stream's gradient that the head left behind.
  /// - Parameter finished: called with each bucket but the head's as its last gradient of this slice is in the store.
  /// - Returns: what the slice adds to the parts of a distillation loss that are made on the way back.
  @discardableResult public func backward(
    _ trace: consuming LossTrace, into store: GradientStore, finished: (GradientBucket) -> Void = { _ in }
  ) -> DistillationParts {
    let (pass, read, targets) = (trace.forward.currentPass(), trace.forward.read, trace.targets)
    var parts = DistillationParts()
    func learnState(_ state: Int) {
      guard let targets else { return }
      measure(.teacher) { addHiddenGradient(state: state, pass, targets, &parts) }
    }
    learnState(layers.count)
    for layer in layers.reversed() {
      let queries = rows(of: layer, pass, read)
      measure(.backwardRows) { layer.backwardRows(queries, into: store) }
      measure(.attentionBackward) {
        if let targets, targets.weights.scores != 0 {
          parts.scores += layer.attention.attendBackward(pass, learningFrom: targets) * targets.scoresShare
        } else {
          layer.attention.attendBackward(queries, keys: pass)
        }
      }
      measure(.backwardRows) { layer.backwardProjections(pass, queries: queries, into: store) }
      measure(.weightGradients) { layer.weightGradients(pass, queries: queries, into: store) }
      finished(.layer(layer.index))
      learnState(layer.index)
    }
    measure(.embeddings) { embeddings.backward(pass, into: store) }
    finished(.embeddings)
    return parts
  }

  // MARK: - Parameters

  /// One parameter's elements, row-major in its shape; valid while the model lives.
  public func values(of parameter: ParameterInfo) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(rebasing: parameters.elements[parameter.range])
  }

  /// The step size of a site: the mean over rows where each has one.
  public func stepSize(_ step: ParameterInfo) -> Float {
    if step.count == 1 { return parameters[step.start] }
    return Float(values(of: step).reduce(0.0) { $0 + Double($1) } / Double(step.count))
  }

  /// Whether no element of a parameter is a NaN or an infinity.
  public func isFinite(_ parameter: ParameterInfo) -> Bool {
    absoluteSum(parameters.pointer + parameter.start, parameter.count).isFinite
  }

  // MARK: - Time

  /// Runs `body` as part of a phase.
  public func measure<T>(_ phase: PhaseSeconds.Phase, _ body: () throws -> T) rethrows -> T {
    let start = monotonicSeconds()
    defer { phases.add(phase, monotonicSeconds() - start) }
    return try body()
  }

  /// Starts the phases' clocks afresh.
  public func clearPhases() { phases.clear() }
}
