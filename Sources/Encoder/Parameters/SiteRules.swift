import Quantization

/// The rule of every quantizer site of an encoder: the scheme's, but for what the scheme leaves in float32.
///
/// A linear that is left out has float32 weights, and its input is not quantized either. Query, key and value share one input:
/// it stays quantized as long as one of the three is, since it exists once; one that is left out beside a quantized one then
/// multiplies the input's quantized values by float32 weights.
public struct SiteRules: Equatable, Sendable {
  /// By table name, `roberta.embeddings.word_embeddings`.
  public private(set) var tables: [String: QuantizerRule] = [:]
  /// By layer.
  public private(set) var linears: [PerCase<LinearRole, QuantizerRule>] = []
  public private(set) var sites: [PerCase<ActivationSite, QuantizerRule>] = []
  /// The matrices of both heads, by name: on where the scheme quantizes them.
  public private(set) var head: [String: QuantizerRule] = [:]

  /// The rules of a scheme in an encoder of so many layers; a word of its list that names nothing changes nothing.
  public init(_ scheme: Scheme, layerCount: Int) {
    let patterns = SiteRules.patterns(scheme.exclude, layerCount: layerCount)
    func isOut(_ name: String) -> Bool { patterns.contains { $0.matches(name) } }
    for name in EmbeddingTable.allCases.map(\.name) {
      tables[name] = isOut(name) ? QuantizerRule.none : scheme.embeddings
    }
    for layer in 0..<layerCount {
      let isOut = PerCase<LinearRole, Bool> { isOut(ParameterNames.linear(layer, $0)) }
      linears.append(PerCase { isOut[$0] ? .none : scheme.weights })
      sites.append(PerCase { $0.linears.allSatisfy { isOut[$0] } ? .none : scheme.activations })
    }
    for (name, rule) in SiteRules.headRules(scheme) { head[name] = isOut(name) ? QuantizerRule.none : rule }
  }

  private static func headRules(_ scheme: Scheme) -> [(name: String, rule: QuantizerRule)] {
    [
      (ParameterNames.headDense, scheme.languageHead), (ParameterNames.headDecoder, scheme.languageHead),
      (ParameterNames.classifier, scheme.classifier),
    ]
  }

  /// What each word of the list stands for.
  private static func patterns(_ words: [String], layerCount: Int) -> [NamePattern] {
    words.map { word in
      switch word {
      case "first": NamePattern("encoder.layer.0.*")
      case "last": NamePattern("encoder.layer.\(layerCount - 1).*")
      default: NamePattern(word)
      }
    }
  }

  /// The first word of the scheme's list that names nothing in an encoder of so many layers.
  public static func unmatched(_ scheme: Scheme, layerCount: Int) -> String? {
    var names = EmbeddingTable.allCases.map(\.name)
    for layer in 0..<layerCount { names += LinearRole.allCases.map { ParameterNames.linear(layer, $0) } }
    names += headRules(scheme).filter(\.rule.isOn).map(\.name)
    return zip(scheme.exclude, patterns(scheme.exclude, layerCount: layerCount)).first { _, pattern in
      !names.contains(where: pattern.matches)
    }?.0
  }

  /// The rule of the site whose parameters are `<name>.step` and `<name>.offset`; nil where there is no such site.
  public func rule(ofSite name: String) -> QuantizerRule? {
    if let owner = name.withoutSuffix(".weight_quantizer") { return rule(ofWeight: owner + ".weight") }
    guard let owner = name.withoutSuffix(".input_quantizer"), let (layer, rest) = SiteRules.place(owner),
      let site = ActivationSite.allCases.first(where: { $0.name == rest }), layer < sites.count
    else { return nil }
    return sites[layer][site]
  }

  /// The rule of a matrix or table by its name, `….weight`; nil where it has no site.
  public func rule(ofWeight name: String) -> QuantizerRule? {
    guard let owner = name.withoutSuffix(".weight") else { return nil }
    if let rule = tables[owner] ?? head[owner] { return rule }
    guard let (layer, rest) = SiteRules.place(owner), layer < linears.count,
      let role = LinearRole.allCases.first(where: { $0.name == rest })
    else { return nil }
    return linears[layer][role]
  }

  /// Layer and name inside it.
  private static func place(_ name: String) -> (layer: Int, rest: String)? {
    let prefix = "roberta.encoder.layer."
    guard name.hasPrefix(prefix) else { return nil }
    let parts = name.dropFirst(prefix.count).split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].utf8.count <= 6, parts[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let layer = Int(parts[0])
    else { return nil }
    return (layer, String(parts[1]))
  }

  /// Whether any side of any linear's product is quantized.
  var quantizesProducts: Bool { (linears.flatMap(\.values) + sites.flatMap(\.values)).contains(where: \.isOn) }

  /// Whether any linear's product has codes on both sides.
  public var hasCodesAnywhere: Bool {
    linears.indices.contains { layer in LinearRole.allCases.contains { hasCodes(layer: layer, $0) } }
  }

  /// Whether a linear's product has codes on both sides.
  func hasCodes(layer: Int, _ role: LinearRole) -> Bool {
    linears[layer][role].hasCodes && sites[layer][role.input].hasCodes
  }

  /// Whether every product that an activation site stands in has codes on both sides.
  func hasCodes(layer: Int, _ site: ActivationSite) -> Bool { site.linears.allSatisfy { hasCodes(layer: layer, $0) } }
}

extension String {
  /// What stands before `suffix`; nil where it does not end so.
  fileprivate func withoutSuffix(_ suffix: String) -> String? {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) : nil
  }
}
