/// The widths of a layer's rows.
public enum LayerWidth: Sendable {
  case hidden, intermediate

  func size(_ d: EncoderDimensions) -> Int { self == .hidden ? d.hiddenSize : d.intermediateSize }
}

/// The six linears of a layer, in the order of the forward pass.
public enum LinearRole: Int, CaseIterable, Sendable {
  case query, key, value
  /// From attention's context back to the stream.
  case attentionOutput
  /// The feed-forward network's first linear, before GELU.
  case intermediate
  /// Its second, back to the stream.
  case output

  /// Its name inside the layer, as in transformers.
  public var name: String {
    switch self {
    case .query: "attention.self.query"
    case .key: "attention.self.key"
    case .value: "attention.self.value"
    case .attentionOutput: "attention.output.dense"
    case .intermediate: "intermediate.dense"
    case .output: "output.dense"
    }
  }

  public var outputWidth: LayerWidth { self == .intermediate ? .intermediate : .hidden }
  public var inputWidth: LayerWidth { input.width }

  /// The site whose values it multiplies.
  public var input: ActivationSite {
    switch self {
    case .query, .key, .value: .attentionInput
    case .attentionOutput: .context
    case .intermediate: .feedForwardInput
    case .output: .activated
    }
  }
}
