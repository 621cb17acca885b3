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
  /// True: γ of BitNet's weights is one per output row, not one per matrix.
  public var gammaPerRow = false
  /// True: one step for all weights, one for all activations, one for all tables.
  public var sharesSteps = false
  /// True: the MLM head's two matrices are quantized by the weights' rule, straight through. Where steps are not learned,
  /// theirs are set once and kept, as the others'; else they follow from the weights at every step.
  public var quantizesHead = false
  /// What is left in float32: "first" and "last" (encoder layers), or patterns of the names of linears and tables.
  public var exclude: [String] = []
  /// True: steps and offsets are measured anew wherever a checkpoint is loaded as a start, even those that fit.
  public var resetsSteps = false

  public init(name: String, embeddings: QuantizerRule, weights: QuantizerRule, activations: QuantizerRule) {
    (self.name, self.embeddings, self.weights, self.activations) = (name, embeddings, weights, activations)
  }

  /// No quantizer anywhere.
  public static let float32 = Scheme(name: "fp32", embeddings: .none, weights: .none, activations: .none)

  /// Any quantizer anywhere.
  public var isQuantized: Bool { embeddings.isOn || weights.isOn || activations.isOn }

  /// The name, and what is left out of it: "LSQ_E2W2A2 but for first, *.value".
  public var title: String { exclude.isEmpty ? name : "\(name) but for \(exclude.joined(separator: ", "))" }

  /// Reads "fp32", "LSQ_E6W2A6", "LSQplus_E2W2A2" (offsets for activations) or "BitNet_E6W1.58A6"; bits from 2 to 8, or 32 in
  /// any of the three places, which leaves that group in float32.
  public init(parsing text: String) throws {
    if text.lowercased() == "fp32" {
      self = .float32
      return
    }
    let parts = text.split(separator: "_", maxSplits: 1)
    guard parts.count == 2, let bits = Scheme.bits(parts[1]) else { throw QuantizationError.unknownScheme(text) }
    switch parts[0].lowercased() {
    case "lsq", "lsqplus", "lsq+":
      guard let weights = Int(bits.weights), Scheme.isWidth(weights) else {
        throw QuantizationError.unknownScheme(text)
      }
      self.init(
        name: text, embeddings: Scheme.lsq(bits.embeddings), weights: Scheme.lsq(weights),
        activations: Scheme.lsq(bits.activations, offset: parts[0].lowercased() != "lsq"))
    case "bitnet":
      guard ["1.58", "32"].contains(bits.weights) else { throw QuantizationError.unknownScheme(text) }
      self.init(
        name: text, embeddings: Scheme.lsq(bits.embeddings), weights: bits.weights == "32" ? .none : .absoluteMean,
        activations: bits.activations == 32 ? .none : .absoluteMaximum(bits: bits.activations))
    default: throw QuantizationError.unknownScheme(text)
    }
  }

  private static func lsq(_ bits: Int, offset: Bool = false) -> QuantizerRule {
    bits == 32 ? .none : .lsq(bits: bits, offset: offset)
  }

  private static func isWidth(_ bits: Int) -> Bool { (2...8).contains(bits) || bits == 32 }

  private static func bits(_ text: Substring) -> (embeddings: Int, weights: String, activations: Int)? {
    guard let match = text.wholeMatch(of: #/[Ee]([1-9][0-9]*)[Ww]([1-9][0-9]*|1\.58)[Aa]([1-9][0-9]*)/#),
      let embeddings = Int(match.1), let activations = Int(match.3), isWidth(embeddings), isWidth(activations)
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
      "scheme \"\(text)\" is not known: write fp32, LSQ_ExWyAz, LSQplus_ExWyAz (2 to 8 bits each, or 32) or BitNet_ExW1.58Az"
    }
  }
}
