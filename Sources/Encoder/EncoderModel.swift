import Compute
import Quantization

/// A replica: the encoder with its head, quantizers and hand-written backward pass, for one slice at a time.
///
/// The order of a step: `prepareStep` (weights are quantized and packed once), then for each slice `forward` and `backward`,
/// which adds to a `GradientStore`; after the slices of all ranks are summed, `finishGradients` passes the weights' gradients
/// through their quantizers. What a slice computes follows from its tokens, the parameters, seed and step alone: not from
/// the number of threads or ranks.
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

  /// Six linears a layer, in the order of `LayerNames.linears`.
  let linears: [[PreparedLinear]]
  private let normPlaces: [(weight: Int, bias: Int)]
  let attention: AttentionProducts
  /// The head's buffers, kept from slice to slice: taken anew, their pages would have to be cleared each time.
  var headPass: HeadPass?
  var workspace: Workspace
  /// The slice whose forward pass is in the workspace.
  var slice = PlacedSlice.empty
  /// Set while initial steps are measured.
  var measurement: StepMeasurement?
  /// Hidden states after the embeddings and each layer, kept where `keepsHiddenStates`.
  public var keepsHiddenStates = false
  public internal(set) var hiddenStates: [[Float]] = []
  /// Quantized copies of the MLM head's matrices, where the scheme asks for them.
  var quantizedHeadWeights: [String: AlignedBuffer<Float>] = [:]
  /// The bias gradients of the present slice by name, which an offset’s rank-one term needs.
  var sliceBiases: [String: [Float]] = [:]
  /// Seconds by phase since the last `takePhaseSeconds`.
  public internal(set) var phases = PhaseSeconds()

  /// A model with zero parameters, ready to be filled.
  /// - Parameter slice: the tokens that the workspace is made for at first; it grows when a slice has more.
  public init(
    dimensions: EncoderDimensions, scheme: Scheme, head: Head, precision: Precision, sliceTokens: Int = 64
  ) throws {
    self.dimensions = dimensions
    self.scheme = scheme
    self.head = head
    let rules = SiteRules(scheme, layerCount: dimensions.layerCount)
    self.rules = rules
    let precision = precision.resolved(for: rules)
    self.precision = precision
    let layout = ParameterLayout(dimensions: dimensions, scheme: scheme, head: head)
    self.layout = layout
    parameters = AlignedBuffer(layout.elementCount)
    linears = try (0..<dimensions.layerCount).map { layer in
      try LayerNames.linears.enumerated().map { index, linear in
        try PreparedLinear(
          layout: layout, name: "roberta.encoder.layer.\(layer)." + linear.name, rule: rules.linears[layer][index],
          precision: precision.ofLinear(index, layer: layer, rules),
          widestInputPanel: precision.backward == .int16 ? PreparedLinear.widestLimbPanel : 1024)
      }
    }
    normPlaces = (0...2 * dimensions.layerCount).map {
      (layout.required(normName($0) + ".weight").start, layout.required(normName($0) + ".bias").start)
    }
    attention = AttentionProducts(
      headSize: dimensions.headSize, kind: precision.attention == .bfloat16 ? .bfloat16 : .float)
    workspace = Workspace(dimensions, tokens: 0, productBytes: 0, attentionProductBytes: 0, tileCount: 0)
    try reserve(tokens: sliceTokens)
    for parameter in layout.parameters where parameter.kind == .stepSize { parameters[parameter.start] = 1 }
  }

  /// Makes room for slices of `tokens` tokens.
  func reserve(tokens: Int) throws {
    guard tokens > workspace.capacity || workspace.scratch.count != Threads.count else { return }
    let bytes = linears.flatMap { $0 }.map {
      max(
        $0.forwardProducts.scratchByteCount, $0.backwardProducts.scratchByteCount,
        $0.backwardAccumulating.scratchByteCount)
    }
    workspace = Workspace(
      dimensions, tokens: max(tokens, workspace.capacity),
      productBytes: max(bytes.max() ?? 0, WeightGradientTile.scratchByteCount),
      attentionProductBytes: AttentionProducts.scratchByteCount, tileCount: WeightGradientTile.elementCount(dimensions))
  }

  /// Weight and bias of a norm: 0 after the embeddings, then two a layer. Looked up once: rows ask for them by the thousand.
  func normWeight(_ norm: Int) -> UnsafeMutablePointer<Float> { parameters.pointer + normPlaces[norm].weight }
  func normBias(_ norm: Int) -> UnsafeMutablePointer<Float> { parameters.pointer + normPlaces[norm].bias }

  /// Rows of a product of the forward and the backward pass, where a slice has that many.
  public static var rowsOfProduct: Int { RowProducts.chunk }

  /// The parameter `name` as a pointer into the block.
  func pointer(_ name: String) -> UnsafeMutablePointer<Float> { parameters.pointer + layout.required(name).start }

  /// Runs `body` as part of a phase.
  public func measure<T>(_ phase: PhaseSeconds.Phase, _ body: () throws -> T) rethrows -> T {
    let start = monotonicSeconds()
    defer { phases.add(phase, monotonicSeconds() - start) }
    return try body()
  }

  /// Starts the phases' clocks afresh.
  public func clearPhases() { phases.clear() }

  /// Quantizes and packs every weight. Call once a step, after the parameters changed.
  public func prepareStep() {
    let all = linears.flatMap { $0 }
    phases.measure(.quantize) {
      Threads.forEach(all.count) { i, _ in all[i].setWorth(parameters.pointer, gammaPerRow: scheme.gammaPerRow) }
      let tasks = all.indices.flatMap { i in
        all[i].packsDirectly ? (0..<all[i].blockCount).map { (i, $0) } : []
      }
      let room = all.map { 2 * $0.blockRows * $0.inputs }.max() ?? 0
      let scratch = packScratch(room)
      Threads.forEach(tasks.count) { t, thread in
        let (i, block) = tasks[t]
        all[i].pack(block: block, parameters.pointer, scratch: scratch[thread].pointer)
      }
      for linear in all where !linear.packsDirectly { linear.packThroughLibrary(parameters.pointer) }
      Threads.forEach(all.count) { i, _ in all[i].combineInputSums() }
      setConstants()
      prepareHead()
    }
  }

  private var packScratchBuffers: [AlignedBuffer<Float>] = []
  private func packScratch(_ room: Int) -> [AlignedBuffer<Float>] {
    if packScratchBuffers.count != Threads.count || packScratchBuffers.first.map({ $0.count < room }) ?? true {
      packScratchBuffers = (0..<Threads.count).map { _ in AlignedBuffer(room) }
    }
    return packScratchBuffers
  }

  /// Biases with the offset terms; again after the activations' offsets changed.
  func setConstants() {
    for layer in linears.indices {
      for (i, linear) in linears[layer].enumerated() {
        let site = quantizer(layer: layer, site: i < 3 ? 0 : i - 2)
        linear.setConstant(parameters.pointer, activationOffset: site.offset)
      }
    }
  }

  /// Activation site `site` (0: before QKV, 1: attention output, 2: feed-forward input, 3: its output) as it stands now.
  func quantizer(layer: Int, site: Int) -> ActivationQuantizer {
    let name = siteName(layer: layer, site: site)
    let step = layout[name + ".step"].map { parameters[$0.start] } ?? 1
    let offset = layout[name + ".offset"].map { parameters[$0.start] } ?? 0
    return ActivationQuantizer(
      rule: rules.sites[layer][site], step: step, offset: offset, clipsGradient: scheme.clipsGradient)
  }

  func siteName(layer: Int, site: Int) -> String {
    "roberta.encoder.layer.\(layer).\(LayerNames.activationSites[site]).input_quantizer"
  }
}

/// The parameters' name of a norm: 0 after the embeddings, then two a layer.
func normName(_ norm: Int) -> String {
  norm == 0
    ? "roberta.embeddings.LayerNorm"
    : "roberta.encoder.layer.\((norm - 1) / 2)." + (norm % 2 == 1 ? "attention.output.LayerNorm" : "output.LayerNorm")
}

/// Dropout of one step; a rate of zero is off.
public struct SliceDropout: Sendable {
  public let hidden: DropoutDraws
  public let attention: DropoutDraws
  public let classifier: DropoutDraws

  public init(seed: UInt64, step: UInt32, hidden: Float, attention: Float, classifier: Float) {
    self.hidden = DropoutDraws(seed: seed, step: step, rate: hidden)
    self.attention = DropoutDraws(seed: seed, step: step, rate: attention)
    self.classifier = DropoutDraws(seed: seed, step: step, rate: classifier)
  }

  /// Nothing is dropped: evaluation.
  public static let off = SliceDropout(seed: 0, step: 0, hidden: 0, attention: 0, classifier: 0)
}

/// The sites of dropout: a part of every counter.
enum DropoutSite {
  static let embeddings: UInt32 = 0
  static func attention(_ layer: Int) -> UInt32 { UInt32(1 + 3 * layer) }
  static func attentionOutput(_ layer: Int) -> UInt32 { UInt32(2 + 3 * layer) }
  static func output(_ layer: Int) -> UInt32 { UInt32(3 + 3 * layer) }
  static let classifier: UInt32 = 0xFFFF
}

/// A slice with each token's sequence and place in it.
struct PlacedSlice {
  let input: SliceInput
  let starts: [Int]
  let sequenceOfToken: [Int32]
  let placeOfToken: [Int32]

  static let empty = PlacedSlice(SliceInput(ids: [], lengths: [], labels: []))

  init(_ input: SliceInput) {
    self.input = input
    var starts: [Int] = []
    var sequences: [Int32] = []
    var places: [Int32] = []
    sequences.reserveCapacity(input.tokenCount)
    places.reserveCapacity(input.tokenCount)
    var start = 0
    for (s, length) in input.lengths.enumerated() {
      starts.append(start)
      for i in 0..<length {
        sequences.append(Int32(s))
        places.append(Int32(i))
      }
      start += length
    }
    (self.starts, sequenceOfToken, placeOfToken) = (starts, sequences, places)
  }

  var tokenCount: Int { input.tokenCount }
  /// The number of the token's sequence in the global batch.
  func sequenceNumber(_ token: Int) -> UInt32 { input.sequenceNumbers[Int(sequenceOfToken[token])] }
}

/// Seconds of wall time by phase of a step.
public struct PhaseSeconds: Sendable {
  public enum Phase: String, CaseIterable, Sendable {
    case quantize, forwardRows, attentionForward, head, backwardRows, attentionBackward, weightGradients, embeddings,
      finish
    case clear, optimizer, guards
  }
  public private(set) var seconds: [Phase: Double] = [:]

  /// Runs `body` and adds its time.
  mutating func measure(_ phase: Phase, _ body: () -> Void) {
    let start = monotonicSeconds()
    body()
    seconds[phase, default: 0] += monotonicSeconds() - start
  }

  mutating func add(_ phase: Phase, _ more: Double) { seconds[phase, default: 0] += more }

  /// All zero.
  public mutating func clear() { seconds = [:] }
}
