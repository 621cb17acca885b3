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
