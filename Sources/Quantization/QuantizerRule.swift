/// How the values of one site are put on a grid.
public enum QuantizerRule: Equatable, Sendable {
  /// Left as float32.
  case none
  /// LSQ with a learned step size: n = −2^(bits−1), p = 2^(bits−1) − 1; with a learned offset it is LSQ+.
  /// Esser et al. 2020 (the paper's eq. 3); Bhalgat et al. 2020.
  case lsq(
    bits: Int, offset: ActivationOffset = .none, grid: WeightGrid = .standard, granularity: Granularity = .tensor)
  /// BitNet b1.58 weights: γ·round(clip(W/γ, −1, 1)), γ = max(mean|W|, 1e−5). The paper's eq. 4.
  case absoluteMean(granularity: Granularity = .tensor)
  /// BitNet activations: per token, scale = p/max(max|x|, 1e−5).
  case absoluteMaximum(bits: Int)

  /// The lowest level.
  public var n: Float {
    switch self {
    case .none: 0
    case .lsq(let bits, _, _, _): -Float(1 << (bits - 1))
    case .absoluteMean: -1
    case .absoluteMaximum(let bits): -(Float(1 << (bits - 1)) - 1)
    }
  }

  /// The highest level.
  public var p: Float {
    switch self {
    case .none: 0
    case .lsq(let bits, _, _, _), .absoluteMaximum(let bits): Float(1 << (bits - 1)) - 1
    case .absoluteMean: 1
    }
  }

  /// Its levels, n to p; 1 where nothing is quantized.
  public var levelCount: Int { Int(p - n) + 1 }

  /// What LSQ adds to its levels.
  public var offset: ActivationOffset { if case .lsq(_, let offset, _, _) = self { offset } else { .none } }
  /// Where the levels lie.
  public var grid: WeightGrid { if case .lsq(_, _, let grid, _) = self { grid } else { .standard } }
  /// What one step, or one γ, is for.
  public var granularity: Granularity {
    switch self {
    case .lsq(_, _, _, let granularity), .absoluteMean(let granularity): granularity
    case .none, .absoluteMaximum: .tensor
    }
  }

  /// Has a learned step size in the checkpoint.
  public var hasStep: Bool { if case .lsq = self { true } else { false } }
  /// Has a learned offset in the checkpoint.
  public var hasOffset: Bool { offset != .none }
  /// A level's worth differs from token to token.
  public var isPerToken: Bool { if case .absoluteMaximum = self { true } else { false } }
  /// Each row of a matrix or table has a step, or γ, of its own.
  public var isPerRow: Bool { granularity == .row }
  /// Changes values at all.
  public var isOn: Bool { self != .none }
  /// Whether its codes fit 8 bits with a sign: those of the symmetric grid are odd numbers, up to 2^bits − 1.
  public var hasCodes: Bool {
    if case .lsq(bits: 8, offset: _, grid: .symmetric, granularity: _) = self { return false }
    return isOn
  }
  /// The largest magnitude of a code that products multiply; 0 where nothing is quantized.
  public var largestCode: Int {
    let largest = max(Int(-n), Int(p))
    return grid == .symmetric ? 2 * largest - 1 : largest
  }
  /// The lowest level in steps: n, or half a step more on the symmetric grid.
  public var lowestLevel: Double { Double(n) + (grid == .symmetric ? 0.5 : 0) }
  /// Bits of a stored code: 2 for ternary weights, 32 where nothing is quantized.
  public var storedBits: Int {
    switch self {
    case .none: 32
    case .lsq(let bits, _, _, _), .absoluteMaximum(let bits): bits
    case .absoluteMean: 2
    }
  }
}
