import Quantization

/// One named tensor of the model: a view of the one block that holds all parameters.
public struct ParameterInfo: Sendable {
  /// What a parameter is, for decay, initialisation and the optimizer's floor.
  public enum Kind: Sendable, Equatable {
    case matrix
    case table
    case vector
    case normWeight
    case stepSize
    case offset
  }

  /// As in transformers, quantizer parameters as in docs/numerics.md.
  public let name: String
  public let shape: [Int]
  public let kind: Kind
  /// Where the first element lies in the block; a multiple of 16.
  public let start: Int
  public let count: Int
  /// p − n of the grid that an offset shifts; 0 for all other parameters.
  public let levelSpan: Float

  /// The elements' place in the block.
  public var range: Range<Int> { start..<start + count }
  /// The place of a row's element: a step of its own, or the one that all rows share.
  public func place(ofRow row: Int) -> Int { count == 1 ? start : start + row }
  /// Weight decay applies to matrices and tables only.
  public var decays: Bool { kind == .matrix || kind == .table }
}

/// Where every parameter of a model lies: embeddings, then layers from the first up, then the head, so that the backward
/// pass finishes the block from its end to its start.
public struct ParameterLayout: Sendable {
  public private(set) var parameters: [ParameterInfo] = []
  /// Elements of the whole block, gaps of alignment included.
  public private(set) var elementCount = 0
  /// The part of the block that holds the embeddings, one part a layer, and the part of the head.
  public private(set) var embeddingRange = 0..<0
  public private(set) var layerRanges: [Range<Int>] = []
  public private(set) var headRange = 0..<0
  /// Every parameter cut into segments, in the order of the block.
  public private(set) var segments: [ParameterSegment] = []
  private var indexByName: [String: Int] = [:]

  /// Lays out an encoder with its quantizers' parameters and a head.
  public init(dimensions d: EncoderDimensions, scheme: Scheme, head: Head) {
    let rules = SiteRules(scheme, layerCount: d.layerCount)
    addEmbeddings(d, rules)
    embeddingRange = 0..<elementCount
    for layer in 0..<d.layerCount {
      let start = elementCount
      addLayer(layer, d, rules)
      layerRanges.append(start..<elementCount)
    }
    let start = elementCount
    addHead(head, d)
    if case .maskedLanguageModel = head, scheme.keepsHeadSteps { addHeadSites(rules, d) }
    headRange = start..<elementCount
    segments = ParameterLayout.cut(parameters)
  }

  /// The parameter of this name; nil where the model has none.
  public subscript(name: String) -> ParameterInfo? { indexByName[name].map { parameters[$0] } }

  /// The parameter of this name, which the model has by construction.
  public func required(_ name: String) -> ParameterInfo {
    guard let found = self[name] else { fatalError("no parameter \(name) in this layout") }
    return found
  }

  /// The parameter that holds the element at `offset` of the block.
  public func parameter(at offset: Int) -> ParameterInfo? { parameters.last { $0.start <= offset } }

  private mutating func add(_ name: String, _ shape: [Int], _ kind: ParameterInfo.Kind, levelSpan: Float = 0) {
    let count = shape.reduce(1, *)
    indexByName[name] = parameters.count
    parameters.append(
      ParameterInfo(name: name, shape: shape, kind: kind, start: elementCount, count: count, levelSpan: levelSpan))
    elementCount += (count + 15) / 16 * 16
  }

  /// An offset comes right behind its step: the optimizer moves the two together.
  /// - Parameter rows: of the matrix or table, each of which may have a step.
  private mutating func addSite(_ name: String, _ rules: SiteRules, rows: Int = 1) {
    guard let rule = rules.rule(ofSite: name) else { fatalError("no site \(name)") }
    if rule.hasStep { add(name + ".step", rule.isPerRow ? [rows] : [], .stepSize) }
    if rule.hasOffset { add(name + ".offset", [], .offset, levelSpan: rule.p - rule.n) }
  }

  private mutating func addEmbeddings(_ d: EncoderDimensions, _ rules: SiteRules) {
    let tables = [
      ("word_embeddings", d.vocabularySize), ("position_embeddings", d.positionCount),
      ("token_type_embeddings", d.typeCount),
    ]
    for (name, rows) in tables { add("roberta.embeddings.\(name).weight", [rows, d.hiddenSize], .table) }
    addNorm(ParameterNames.embeddingsNorm, d.hiddenSize)
    for (name, rows) in tables { addSite("roberta.embeddings.\(name).weight_quantizer", rules, rows: rows) }
  }

  private mutating func addNorm(_ name: String, _ size: Int) {
    add(name + ".weight", [size], .normWeight)
    add(name + ".bias", [size], .vector)
  }

  private mutating func addLayer(_ layer: Int, _ d: EncoderDimensions, _ rules: SiteRules) {
    let h = d.hiddenSize
    let linears = LinearRole.allCases.map { (ParameterNames.linear(layer, $0), $0) }
    for (name, role) in linears {
      add(name + ".weight", [role.outputWidth.size(d), role.inputWidth.size(d)], .matrix)
    }
    for (name, role) in linears { add(name + ".bias", [role.outputWidth.size(d)], .vector) }
    addNorm(ParameterNames.attentionNorm(layer), h)
    addNorm(ParameterNames.outputNorm(layer), h)
    for (name, role) in linears { addSite(name + ".weight_quantizer", rules, rows: role.outputWidth.size(d)) }
    for site in ActivationSite.allCases { addSite(ParameterNames.site(layer, site), rules) }
  }

  /// Steps of the head's matrices that are set once and kept: where steps are learned, the head's follow from its weights.
  private mutating func addHeadSites(_ rules: SiteRules, _ d: EncoderDimensions) {
    addSite(ParameterNames.headDense + ".weight_quantizer", rules, rows: d.hiddenSize)
    addSite(ParameterNames.headDecoder + ".weight_quantizer", rules, rows: d.vocabularySize)
  }

  private mutating func addHead(_ head: Head, _ d: EncoderDimensions) {
    switch head {
    case .maskedLanguageModel(let tied):
      add(ParameterNames.headDense + ".weight", [d.hiddenSize, d.hiddenSize], .matrix)
      add(ParameterNames.headDense + ".bias", [d.hiddenSize], .vector)
      addNorm(ParameterNames.headNorm, d.hiddenSize)
      if !tied { add(ParameterNames.headDecoder + ".weight", [d.vocabularySize, d.hiddenSize], .matrix) }
      add("lm_head.bias", [d.vocabularySize], .vector)
    case .tokenClassification(let labels):
      add(ParameterNames.classifier + ".weight", [labels, d.hiddenSize], .matrix)
      add(ParameterNames.classifier + ".bias", [labels], .vector)
    case .none: break
    }
  }
}
