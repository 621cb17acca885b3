/// What is said of a scheme's grids beside its name, by the keys of configurations, checkpoints and reference cases.
public enum SchemeVariant: String, CaseIterable, Sendable {
  case embeddingGranularity = "embeddings.granularity"
  case weightGranularity = "weights.granularity"
  case weightGrid = "weights.grid"
  /// Stands before the offset: a scale for each token has none.
  case activationGranularity = "activations.granularity"
  case activationOffset = "activations.offset"
  case headWeights = "heads.weights"

  /// The words that it takes.
  public var words: [String] {
    switch self {
    case .embeddingGranularity, .weightGranularity: Granularity.allCases.map(\.rawValue)
    case .weightGrid: WeightGrid.allCases.map(\.rawValue)
    case .activationGranularity: ActivationGranularity.allCases.map(\.rawValue)
    case .activationOffset: ActivationOffset.allCases.map(\.rawValue)
    case .headWeights: HeadBits.allCases.map(\.rawValue)
    }
  }
}

extension Scheme {
  /// The word of the present grids for one of the keys.
  private func word(_ variant: SchemeVariant) -> String {
    switch variant {
    case .embeddingGranularity: embeddings.granularity.rawValue
    case .weightGranularity: weights.granularity.rawValue
    case .weightGrid: weights.grid.rawValue
    case .activationGranularity: (activations.isPerToken ? ActivationGranularity.token : .tensor).rawValue
    case .activationOffset: activations.offset.rawValue
    case .headWeights: headBits.rawValue
    }
  }

  /// The keys in which the grids are not those of the name alone, with their words.
  public var variants: [(variant: SchemeVariant, value: String)] {
    let named = Scheme(named: name)
    return SchemeVariant.allCases.compactMap { variant in
      let value = word(variant)
      return named?.word(variant) == value ? nil : (variant, value)
    }
  }

  /// Sets one of the keys; one of a group that is left in float32 changes nothing.
  ///
  /// - Throws: `QuantizationError.unknownVariant` for a word that is none of the key's, `unsuitableVariant` where the scheme's
  ///   algorithm has no such grid.
  public mutating func set(_ variant: SchemeVariant, to value: String) throws(QuantizationError) {
    guard variant.words.contains(value) else { throw .unknownVariant(key: variant.rawValue, value: value) }
    switch variant {
    case .embeddingGranularity: embeddings = embeddings.with(granularity: Granularity(rawValue: value))
    case .weightGranularity: weights = weights.with(granularity: Granularity(rawValue: value))
    case .weightGrid: weights = weights.with(grid: WeightGrid(rawValue: value))
    case .activationGranularity: activations = activations.with(ActivationGranularity(rawValue: value))
    case .activationOffset: activations = activations.with(offset: ActivationOffset(rawValue: value))
    case .headWeights where isQuantized: headBits = HeadBits(rawValue: value) ?? .none
    case .headWeights: break
    }
    if let reason = obstacle(to: variant, value) {
      throw .unsuitableVariant(key: variant.rawValue, value: value, reason: reason)
    }
  }

  /// As above, by the key's name.
  public mutating func set(_ key: String, to value: String) throws(QuantizationError) {
    guard let variant = SchemeVariant(rawValue: key) else { throw .unknownVariant(key: key, value: value) }
    try set(variant, to: value)
  }

  /// Why the grids cannot be as they were just asked to be; nil where they are.
  private func obstacle(to variant: SchemeVariant, _ value: String) -> String? {
    switch variant {
    case .weightGrid where weights.isOn && word(variant) != value:
      return "the ternary weights of \(name) have a level at zero; leave it out, or take LSQ's"
    case .activationGranularity where activations.isOn && word(variant) != value:
      return
        "activations of \(name) have an offset, and a scale for each token has none; leave one of them out, or take the scheme \(name.replacing("LSQplus", with: "LSQ"))"
    case .activationOffset where activations.isOn && word(variant) != value:
      return "activations of \(name) are scaled token by token and have no offset; leave it out, or take LSQ's"
    case .activationOffset
    where name.hasPrefix("LSQplus") && activations.isOn && value == ActivationOffset.none.rawValue:
      return
        "\(name) is LSQ+, which has one: write real or integer, or take the scheme \(name.replacing("LSQplus", with: "LSQ"))"
    default: return nil
    }
  }
}

extension QuantizerRule {
  /// The same with another granularity; as it is where it has no step and no γ.
  fileprivate func with(granularity: Granularity?) -> QuantizerRule {
    guard let granularity else { return self }
    switch self {
    case .lsq(let bits, let offset, let grid, _):
      return .lsq(bits: bits, offset: offset, grid: grid, granularity: granularity)
    case .absoluteMean: return .absoluteMean(granularity: granularity)
    case .none, .absoluteMaximum: return self
    }
  }

  /// The same with one scale for all tokens, or one for each; as it is where nothing is quantized, and where an offset would go.
  fileprivate func with(_ granularity: ActivationGranularity?) -> QuantizerRule {
    switch (self, granularity) {
    case (.lsq(let bits, .none, _, _), .token): .absoluteMaximum(bits: bits)
    case (.absoluteMaximum(let bits), .tensor): .lsq(bits: bits)
    default: self
    }
  }

  /// The same on another grid; as it is where it has one alone.
  fileprivate func with(grid: WeightGrid?) -> QuantizerRule {
    guard let grid, case .lsq(let bits, let offset, _, let granularity) = self else { return self }
    return .lsq(bits: bits, offset: offset, grid: grid, granularity: granularity)
  }

  /// The same with another offset; as it is where it can have none.
  fileprivate func with(offset: ActivationOffset?) -> QuantizerRule {
    guard let offset, case .lsq(let bits, _, let grid, let granularity) = self else { return self }
    return .lsq(bits: bits, offset: offset, grid: grid, granularity: granularity)
  }
}
