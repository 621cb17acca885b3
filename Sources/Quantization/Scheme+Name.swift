extension Scheme {
  /// What a scheme's name may be, for messages.
  public static let syntax =
    "fp32, LSQ_ExWyAz or LSQplus_ExWyAz with x, y, z from 2 to 8, or BitNet_ExW1.58Ay with x, y from 2 to 8; "
    + "32 in any place: not quantized"

  /// The schemes of the paper's Table I, in its order.
  public static let paper = [
    "fp32", "LSQ_E8W8A8", "LSQ_E4W4A4", "LSQ_E2W2A2", "LSQ_E6W2A6", "BitNet_E6W1.58A6",
  ].compactMap { Scheme(named: $0) }

  /// The scheme of a name in the paper's syntax: `fp32`, `LSQ_E6W2A6`, `LSQplus_E2W2A2` (learned offsets for activations) or
  /// `BitNet_E6W1.58A6` (ternary weights); bits from 2 to 8, or 32, which leaves that group in float32.
  ///
  /// - Throws: `QuantizationError.unknownScheme` for any other text.
  public init(parsing text: String) throws(QuantizationError) {
    guard let scheme = Scheme(named: text) else { throw .unknownScheme(text) }
    self = scheme
  }

  /// As `init(parsing:)`; nil where the text is not of the syntax.
  public init?(named text: String) {
    if text == Scheme.float32.name {
      self = .float32
      return
    }
    guard let match = text.wholeMatch(of: #/(LSQ|LSQplus|BitNet)_E([2-8]|32)W([2-8]|32|1\.58)A([2-8]|32)/#),
      let embeddings = Int(match.2), let activations = Int(match.4)
    else { return nil }
    let weights = match.3
    let activationRule: QuantizerRule
    let weightRule: QuantizerRule
    switch (match.1, Int(weights)) {
    case ("BitNet", nil): (weightRule, activationRule) = (.absoluteMean(), .absoluteMaximum(bits: activations))
    case ("BitNet", 32): (weightRule, activationRule) = (.none, .absoluteMaximum(bits: activations))
    case ("LSQ", let bits?), ("LSQplus", let bits?):
      let offset: ActivationOffset = match.1 == "LSQplus" ? .real : .none
      (weightRule, activationRule) = (Scheme.lsq(bits), .lsq(bits: activations, offset: offset))
    default: return nil
    }
    self.init(
      name: text, embeddings: Scheme.lsq(embeddings), weights: weightRule,
      activations: activations == 32 ? .none : activationRule)
  }

  private static func lsq(_ bits: Int) -> QuantizerRule { bits == 32 ? .none : .lsq(bits: bits) }
}

/// What a user can get wrong about quantization.
public enum QuantizationError: Error, Equatable, CustomStringConvertible {
  case unknownScheme(String)
  /// A word for a scheme's grids that this version does not know.
  case unknownVariant(key: String, value: String)
  /// A grid that the scheme's algorithm does not have.
  case unsuitableVariant(key: String, value: String, reason: String)

  public var description: String {
    switch self {
    case .unknownScheme(let text): "scheme \"\(text)\" is not known: write \(Scheme.syntax)"
    case .unknownVariant(let key, let value):
      "\(key) \"\(value)\" is not known to this version: known are "
        + SchemeVariant.allCases.map { "\($0.rawValue) (\($0.words.joined(separator: ", ")))" }.joined(separator: ", ")
    case .unsuitableVariant(let key, let value, let reason): "\(key) \(value): \(reason)"
    }
  }
}
