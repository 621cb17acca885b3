import Compute

/// One activation site with its parameters as they stand in this step: codes, values and gradients of a row.
///
/// Codes are kept as unsigned bytes, level + 128, the form in which the integer product is fastest.
public struct ActivationQuantizer: Sendable {
  public let rule: QuantizerRule
  /// s of LSQ; 1 where the rule has none.
  public let step: Float
  /// What a level of 0 stands for: β of LSQ+, −z·s where the offset is of whole steps; else 0.
  public let zeroValue: Float
  /// Gradients stop where the value was clipped.
  public let clipsGradient: Bool
  private let grid: LevelGrid

  /// - Parameter offset: β of LSQ+.
  public init(rule: QuantizerRule, step: Float = 1, offset: Float = 0, clipsGradient: Bool = true) {
    (self.rule, self.step, self.clipsGradient) = (rule, step, clipsGradient)
    grid = LevelGrid(rule, step: step, offset: offset)
    zeroValue = grid.base - grid.shift * step
  }

  /// Writes the codes of one row and returns what a level stands for: s, or 1/scale of the token.
  public func codes(_ x: UnsafePointer<Float>, into codes: UnsafeMutablePointer<UInt8>, _ count: Int) -> Float {
    switch rule {
    case .absoluteMaximum:
      let scale = rule.p / max(rowAbsoluteMaximum(x, count), 1e-5)
      LevelGrid.unsignedCodes(x, into: codes, count, scale: scale, p: rule.p)
      return 1 / scale
    default:
      grid.unsignedCodes(x, into: codes, count)
      return step
    }
  }

  /// Writes (level − z)·levelScale + β for a row of codes.
  public func values(
    _ codes: UnsafePointer<UInt8>, levelScale: Float, into values: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    let (base, zero) = (grid.base, 128 + grid.shift)
    for i in 0..<count { values[i] = base.addingProduct(Float(codes[i]) - zero, levelScale) }
  }

  /// Replaces `gradient`, dL/dx̂ of one row, by dL/dx, and adds the row's terms of the step's gradient to `stepTerms` and of the
  /// offset's to `offsetTerms`, element by element (the caller sums them in a fixed order).
  ///
  /// LSQ: dx = dx̂ where n ≤ v ≤ p, else 0; step: dx̂·(round(v) − v) inside, dx̂·(n − z) or dx̂·(p − z) outside (z 0 but for
  /// offsets of whole steps); offset: dx̂ outside.
  /// Esser et al. 2020, eq. 3 and 5; Bhalgat et al. 2020. BitNet: straight through.
  public func backward(
    _ gradient: UnsafeMutablePointer<Float>, x: UnsafePointer<Float>, stepTerms: UnsafeMutablePointer<Float>,
    offsetTerms: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    guard rule.hasStep else { return }
    if rule.hasOffset { grid.offsetTerms(gradient, x: x, terms: offsetTerms, count) }
    grid.stepTerms(gradient, x: x, terms: stepTerms, count, clips: clipsGradient)
  }

  /// How many of a row's values lie outside [n, p].
  public func clippedCount(_ x: UnsafePointer<Float>, _ count: Int) -> Int {
    rule.hasStep ? grid.clippedCount(x, count) : 0
  }

  /// How many of them lie below n.
  public func clippedBelowCount(_ x: UnsafePointer<Float>, _ count: Int) -> Int {
    rule.hasStep ? grid.clippedBelowCount(x, count) : 0
  }
}
