/// How the values of one site are put on a grid.
public enum QuantizerRule: Equatable, Sendable {
  /// Left as float32.
  case none
  /// LSQ with a learned step size: n = −2^(bits−1), p = 2^(bits−1) − 1; with a learned offset it is LSQ+.
  /// Esser et al. 2020 (the paper's eq. 3); Bhalgat et al. 2020.
  case lsq(bits: Int, offset: Bool)
  /// BitNet b1.58 weights: γ·round(clip(W/γ, −1, 1)), γ = max(mean|W|, 1e−5). The paper's eq. 4.
  case absoluteMean
  /// BitNet activations: per token, scale = p/max(max|x|, 1e−5).
  case absoluteMaximum(bits: Int)

  /// The lowest level.
  public var n: Float {
    switch self {
    case .none: 0
    case .lsq(let bits, _): -Float(1 << (bits - 1))
    case .absoluteMean: -1
    case .absoluteMaximum(let bits): -(Float(1 << (bits - 1)) - 1)
    }
  }

  /// The highest level.
  public var p: Float {
    switch self {
    case .none: 0
    case .lsq(let bits, _), .absoluteMaximum(let bits): Float(1 << (bits - 1)) - 1
    case .absoluteMean: 1
    }
  }

  /// Has a learned step size in the checkpoint.
  public var hasStep: Bool { if case .lsq = self { true } else { false } }
  /// Has a learned offset in the checkpoint.
  public var hasOffset: Bool { if case .lsq(_, true) = self { true } else { false } }
  /// A level's worth differs from token to token.
  public var isPerToken: Bool { if case .absoluteMaximum = self { true } else { false } }
  /// Changes values at all.
  public var isOn: Bool { self != .none }
}

/// A quantization scheme ExWyAz: one rule for embedding tables, weights and activations each, and the options in which
/// published code differs from the papers (numerics.md, "Presets").
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
  /// True: γ of BitNet's weights is one per output row, not one per matrix.
  public var gammaPerRow = false
  /// True: one step for all weights, one for all activations, one for all tables.
  public var sharesSteps = false
  /// True: the MLM head's two matrices are quantized by the weights' rule, straight through.
  public var quantizesHead = false

  public init(name: String, embeddings: QuantizerRule, weights: QuantizerRule, activations: QuantizerRule) {
    (self.name, self.embeddings, self.weights, self.activations) = (name, embeddings, weights, activations)
  }

  /// No quantizer anywhere.
  public static let float32 = Scheme(name: "fp32", embeddings: .none, weights: .none, activations: .none)

  /// Any quantizer anywhere.
  public var isQuantized: Bool { embeddings.isOn || weights.isOn || activations.isOn }

  /// Reads "fp32", "LSQ_E6W2A6", "LSQplus_E2W2A2" (offsets for activations) or "BitNet_E6W1.58A6"; bits from 2 to 8.
  public init(parsing text: String) throws {
    if text.lowercased() == "fp32" {
      self = .float32
      return
    }
    let parts = text.split(separator: "_", maxSplits: 1)
    guard parts.count == 2, let bits = Scheme.bits(parts[1]) else { throw QuantizationError.unknownScheme(text) }
    switch parts[0].lowercased() {
    case "lsq", "lsqplus", "lsq+":
      guard let weights = Int(bits.weights), (2...8).contains(weights) else {
        throw QuantizationError.unknownScheme(text)
      }
      self.init(
        name: text, embeddings: .lsq(bits: bits.embeddings, offset: false), weights: .lsq(bits: weights, offset: false),
        activations: .lsq(bits: bits.activations, offset: parts[0].lowercased() != "lsq"))
    case "bitnet":
      guard bits.weights == "1.58" else { throw QuantizationError.unknownScheme(text) }
      self.init(
        name: text, embeddings: .lsq(bits: bits.embeddings, offset: false), weights: .absoluteMean,
        activations: .absoluteMaximum(bits: bits.activations))
    default: throw QuantizationError.unknownScheme(text)
    }
  }

  private static func bits(_ text: Substring) -> (embeddings: Int, weights: String, activations: Int)? {
    guard let match = text.wholeMatch(of: #/[Ee](\d+)[Ww](\d+|1\.58)[Aa](\d+)/#),
      let embeddings = Int(match.1), let activations = Int(match.3), (2...8).contains(embeddings),
      (2...8).contains(activations)
    else { return nil }
    return (embeddings, String(match.2), activations)
  }
}

/// What a user can get wrong about quantization.
public enum QuantizationError: Error, CustomStringConvertible {
  case unknownScheme(String)

  public var description: String {
    switch self {
    case .unknownScheme(let text):
      "scheme \"\(text)\" is not known: write fp32, LSQ_ExWyAz, LSQplus_ExWyAz (2 to 8 bits each) or BitNet_ExW1.58Az"
    }
  }
}
