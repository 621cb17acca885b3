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

/// The four activation sites of a layer, one a distinct input of its linears, in the order of the forward pass.
public enum ActivationSite: Int, CaseIterable, Sendable {
  /// The layer's input, which query, key and value share.
  case attentionInput
  /// What attention gave.
  case context
  case feedForwardInput
  /// The intermediate projection after GELU.
  case activated

  /// Its name inside the layer: its parameters are `<name>.input_quantizer.step` and `.offset`.
  public var name: String {
    switch self {
    case .attentionInput: "attention.self"
    case .context: "attention.output.dense"
    case .feedForwardInput: "intermediate.dense"
    case .activated: "output.dense"
    }
  }

  public var width: LayerWidth { self == .activated ? .intermediate : .hidden }

  /// The linears that read it.
  public var linears: [LinearRole] { LinearRole.allCases.filter { $0.input == self } }
}

/// One value for each case of an enumeration that counts from zero.
public struct PerCase<Key: CaseIterable & RawRepresentable & Sendable, Value> where Key.RawValue == Int {
  /// In the order of the cases.
  public let values: [Value]

  init(_ make: (Key) throws -> Value) rethrows { values = try Key.allCases.map(make) }

  public subscript(key: Key) -> Value { values[key.rawValue] }
}

extension PerCase: Sendable where Value: Sendable {}
extension PerCase: Equatable where Value: Equatable {}
