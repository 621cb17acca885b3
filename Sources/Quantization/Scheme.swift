/// A quantization scheme ExWyAz: one rule for embedding tables, weights and activations each, and the options in which
/// published code differs from the papers (docs/numerics.md, "Presets").
public struct Scheme: Equatable, Sendable {
  /// As written in a configuration, "LSQ_E4W4A4".
  public let name: String
  public var embeddings: QuantizerRule
  public var weights: QuantizerRule
  public var activations: QuantizerRule
  /// False: steps keep their initial value.
  public var learnsSteps = true
  /// False: the gradient passes straight through also where the value was clipped.
  public var clipsGradient = true
  public var sharedSteps = SharedSteps.none
  /// True: the MLM head's two matrices are quantized by the weights' rule, straight through. Where steps are not learned,
  /// theirs are set once and kept, as the others'; else they follow from the weights at every step.
  public var quantizesHead = false
  /// The bits of both heads' matrices, whose steps follow from the weights at every step, straight through.
  public var headBits = HeadBits.none
  /// What is left in float32: "first" and "last" (encoder layers), or patterns of the names of linears and tables.
  public var exclude: [String] = []
  public var resetSteps = ResetSteps.never
  public var initialSteps = InitialSteps.mean

  public init(name: String, embeddings: QuantizerRule, weights: QuantizerRule, activations: QuantizerRule) {
    (self.name, self.embeddings, self.weights, self.activations) = (name, embeddings, weights, activations)
  }

  /// No quantizer anywhere.
  public static let float32 = Scheme(name: "fp32", embeddings: .none, weights: .none, activations: .none)

  /// Any quantizer anywhere.
  public var isQuantized: Bool { embeddings.isOn || weights.isOn || activations.isOn }

  /// Whether the products have codes on both sides, as integer products need.
  public var hasIntegerProducts: Bool { weights.hasCodes && activations.hasCodes }

  /// The rule of the masked-LM head's two matrices.
  public var languageHead: QuantizerRule { headRule ?? (quantizesHead ? weights : .none) }

  /// The rule of the classifier's matrix.
  public var classifier: QuantizerRule { headRule ?? .none }

  /// Rows have steps of their own where those of the weights have.
  private var headRule: QuantizerRule? { headBits.bits.map { .lsq(bits: $0, granularity: weights.granularity) } }

  /// Whether steps of a quantized head are set once and kept, as those of the weights.
  public var keepsHeadSteps: Bool { !learnsSteps && headBits == .none }

  /// The name, how its grids differ from the name's, and what is left out of it: "LSQ_E2W2A2 (weights.granularity row) but for
  /// first, *.value".
  public var title: String {
    let grids = variants.map { "\($0.variant.rawValue) \($0.value)" }.joined(separator: ", ")
    let left = exclude.joined(separator: ", ")
    return name + (grids.isEmpty ? "" : " (\(grids))") + (left.isEmpty ? "" : " but for \(left)")
  }
}
