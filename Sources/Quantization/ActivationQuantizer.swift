import Compute

/// One activation site with its parameters as they stand in this step: codes, values and gradients of a row.
///
/// Codes are kept as unsigned bytes, level + 128, the form in which the integer product is fastest.
public struct ActivationQuantizer: Sendable {
  public let rule: QuantizerRule
  /// s of LSQ; 1 where the rule has none.
  public let step: Float
  /// β of LSQ+; else 0.
  public let offset: Float
  /// Gradients stop where the value was clipped.
  public let clipsGradient: Bool
  @usableFromInline let n: Float
  @usableFromInline let p: Float

  public init(rule: QuantizerRule, step: Float = 1, offset: Float = 0, clipsGradient: Bool = true) {
    (self.rule, self.step, self.offset, self.clipsGradient) = (rule, step, offset, clipsGradient)
    n = rule.n
    p = rule.p
  }

  /// Writes the codes of one row and returns what a level stands for: s, or 1/scale of the token.
  public func codes(_ x: UnsafePointer<Float>, into codes: UnsafeMutablePointer<UInt8>, _ count: Int) -> Float {
    switch rule {
    case .absoluteMaximum:
      let scale = p / max(rowAbsoluteMaximum(x, count), 1e-5)
      Levels.unsignedCodes(x, into: codes, count, scale: scale, n: n, p: p)
      return 1 / scale
    default:
      Levels.unsignedCodes(x, into: codes, count, step: step, offset: offset, n: n, p: p)
      return step
    }
  }

  /// Writes level · levelScale + offset for a row of codes.
  public func values(
    _ codes: UnsafePointer<UInt8>, levelScale: Float, into values: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    let offset = offset
    for i in 0..<count { values[i] = offset.addingProduct(Float(codes[i]) - 128, levelScale) }
  }

  /// Replaces `gradient`, dL/dx̂ of one row, by dL/dx, and adds the row's terms of the step's gradient to `stepTerms` and of the
  /// offset's to `offsetTerms`, element by element (the caller sums them in a fixed order).
  ///
  /// LSQ: dx = dx̂ where n ≤ v ≤ p, else 0; step: dx̂·(round(v) − v) inside, dx̂·n or dx̂·p outside; offset: dx̂ outside.
  /// Esser et al. 2020, eq. 3 and 5; Bhalgat et al. 2020. BitNet: straight through.
  public func backward(
    _ gradient: UnsafeMutablePointer<Float>, x: UnsafePointer<Float>, stepTerms: UnsafeMutablePointer<Float>,
    offsetTerms: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    guard case .lsq(_, let hasOffset) = rule else { return }
    if hasOffset {
      Levels.offsetTerms(gradient, x: x, terms: offsetTerms, count, step: step, offset: offset, n: n, p: p)
    }
    Levels.stepTerms(
      gradient, x: x, terms: stepTerms, count, step: step, offset: offset, n: n, p: p, clips: clipsGradient)
  }

  /// How many of a row's values lie outside [n, p].
  public func clippedCount(_ x: UnsafePointer<Float>, _ count: Int) -> Int {
    guard case .lsq = rule else { return 0 }
    return Levels.clippedCount(x, count, step: step, offset: offset, n: n, p: p)
  }
}

/// Kernels on the grid of spacing `step` around `offset`; v = (x − offset)/step.
///
/// The division is one: a product with 1/step is off by a rounding, and at a tie or a bound that is another level than every
/// reader of the parameters finds. Vectors divide fast enough to hide behind the rows' way through memory.
enum Levels {
  @inline(__always)
  static func position(_ x: Float, _ step: Float, _ offset: Float) -> Float { (x - offset) / step }

  @inline(__always)
  static func clip(_ v: Float, _ n: Float, _ p: Float) -> Float { min(max(v, n), p) }

  static func unsignedCodes(
    _ x: UnsafePointer<Float>, into codes: UnsafeMutablePointer<UInt8>, _ count: Int, step: Float, offset: Float,
    n: Float, p: Float
  ) {
    for i in 0..<count { codes[i] = unsignedCode(clip(position(x[i], step, offset), n, p)) }
  }

  /// v = x·scale: BitNet's activations.
  static func unsignedCodes(
    _ x: UnsafePointer<Float>, into codes: UnsafeMutablePointer<UInt8>, _ count: Int, scale: Float, n: Float, p: Float
  ) {
    for i in 0..<count { codes[i] = unsignedCode(clip(x[i] * scale, n, p)) }
  }

  /// The mantissa of level + 1.5·2²³ ends in the level as a two's complement number.
  @inline(__always)
  private static func unsignedCode(_ level: Float) -> UInt8 {
    UInt8(truncatingIfNeeded: (level + roundingMagic).bitPattern &+ 128)
  }

  static func signedCodes(
    _ x: UnsafePointer<Float>, into codes: UnsafeMutablePointer<Int8>, _ count: Int, step: Float, n: Float, p: Float
  ) {
    for i in 0..<count {
      let level = clip(position(x[i], step, 0), n, p)
      codes[i] = Int8(truncatingIfNeeded: Int32(bitPattern: (level + roundingMagic).bitPattern))
    }
  }

  /// The level of one number, as a float.
  @inline(__always)
  static func level(_ x: Float, step: Float, n: Float, p: Float) -> Float {
    roundedToEven(clip(position(x, step, 0), n, p))
  }

  /// Adds the terms of the step's gradient and, where it `clips`, stops the gradient outside the bounds.
  static func stepTerms(
    _ gradient: UnsafeMutablePointer<Float>, x: UnsafePointer<Float>, terms: UnsafeMutablePointer<Float>, _ count: Int,
    step: Float, offset: Float, n: Float, p: Float, clips: Bool
  ) {
    for i in 0..<count {
      let v = position(x[i], step, offset)
      let clipped = clip(v, n, p)
      let isInside = clipped == v
      // Inside, clipped equals v and the term is round(v) − v; outside it is the bound itself.
      let rest: Float = isInside ? v : 0
      let whole = gradient[i]
      terms[i] = terms[i].addingProduct(whole, roundedToEven(clipped) - rest)
      let stopped = clips ? 0 : whole
      gradient[i] = isInside ? whole : stopped
    }
  }

  static func offsetTerms(
    _ gradient: UnsafePointer<Float>, x: UnsafePointer<Float>, terms: UnsafeMutablePointer<Float>, _ count: Int,
    step: Float, offset: Float, n: Float, p: Float
  ) {
    for i in 0..<count {
      let v = position(x[i], step, offset)
      let outside: Float = clip(v, n, p) == v ? 0 : gradient[i]
      terms[i] += outside
    }
  }

  static func clippedCount(
    _ x: UnsafePointer<Float>, _ count: Int, step: Float, offset: Float, n: Float, p: Float
  ) -> Int {
    var total: Int32 = 0
    for i in 0..<count {
      let v = position(x[i], step, offset)
      total &+= clip(v, n, p) == v ? 0 : 1
    }
    return Int(total)
  }
}
