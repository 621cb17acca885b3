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
  /// Bits of a stored code: 2 for ternary weights, 32 where nothing is quantized.
  public var storedBits: Int {
    switch self {
    case .none: 32
    case .lsq(let bits, _), .absoluteMaximum(let bits): bits
    case .absoluteMean: 2
    }
  }
}
