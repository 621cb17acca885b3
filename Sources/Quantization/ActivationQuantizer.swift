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
  @usableFromInline let inverse: Float
  @usableFromInline let n: Float
  @usableFromInline let p: Float

  public init(rule: QuantizerRule, step: Float = 1, offset: Float = 0, clipsGradient: Bool = true) {
    (self.rule, self.step, self.offset, self.clipsGradient) = (rule, step, offset, clipsGradient)
    inverse = 1 / step
    n = rule.n
    p = rule.p
  }

  /// Writes the codes of one row and returns what a level stands for: s, or 1/scale of the token.
  public func codes(_ x: UnsafePointer<Float>, into codes: UnsafeMutablePointer<UInt8>, _ count: Int) -> Float {
    switch rule {
    case .absoluteMaximum:
      let scale = p / max(rowAbsoluteMaximum(x, count), 1e-5)
      Levels.unsignedCodes(x, into: codes, count, scale: scale, offset: 0, n: n, p: p)
      return 1 / scale
    default:
      Levels.unsignedCodes(x, into: codes, count, scale: inverse, offset: offset, n: n, p: p)
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
      Levels.offsetTerms(gradient, x: x, terms: offsetTerms, count, scale: inverse, offset: offset, n: n, p: p)
    }
    Levels.stepTerms(
      gradient, x: x, terms: stepTerms, count, scale: inverse, offset: offset, n: n, p: p, clips: clipsGradient)
  }

  /// How many of a row's values lie outside [n, p].
  public func clippedCount(_ x: UnsafePointer<Float>, _ count: Int) -> Int {
    guard case .lsq = rule else { return 0 }
    return Levels.clippedCount(x, count, scale: inverse, offset: offset, n: n, p: p)
  }
}

/// Kernels on the grid of spacing 1/scale around `offset`; v = (x − offset)·scale.
enum Levels {
  @inline(__always)
  static func position(_ x: Float, _ scale: Float, _ offset: Float) -> Float { (x - offset) * scale }

  static func unsignedCodes(
    _ x: UnsafePointer<Float>, into codes: UnsafeMutablePointer<UInt8>, _ count: Int, scale: Float, offset: Float,
    n: Float, p: Float
  ) {
    for i in 0..<count {
      let level = min(max(position(x[i], scale, offset), n), p)
      // The mantissa of level + 1.5·2²³ ends in the level as a two's complement number.
      codes[i] = UInt8(truncatingIfNeeded: (level + roundingMagic).bitPattern &+ 128)
    }
  }

  static func signedCodes(
    _ x: UnsafePointer<Float>, into codes: UnsafeMutablePointer<Int8>, _ count: Int, scale: Float, n: Float, p: Float
  ) {
    for i in 0..<count {
      let level = min(max(x[i] * scale, n), p)
      codes[i] = Int8(truncatingIfNeeded: Int32(bitPattern: (level + roundingMagic).bitPattern))
    }
  }

  /// Adds the terms of the step's gradient and, where it `clips`, stops the gradient outside the bounds.
  static func stepTerms(
    _ gradient: UnsafeMutablePointer<Float>, x: UnsafePointer<Float>, terms: UnsafeMutablePointer<Float>, _ count: Int,
    scale: Float, offset: Float, n: Float, p: Float, clips: Bool
  ) {
    for i in 0..<count {
      let v = position(x[i], scale, offset)
      let clipped = min(max(v, n), p)
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
    scale: Float, offset: Float, n: Float, p: Float
  ) {
    for i in 0..<count {
      let v = position(x[i], scale, offset)
      let outside: Float = min(max(v, n), p) == v ? 0 : gradient[i]
      terms[i] += outside
    }
  }

  static func clippedCount(
    _ x: UnsafePointer<Float>, _ count: Int, scale: Float, offset: Float, n: Float, p: Float
  ) -> Int {
    var total: Int32 = 0
    for i in 0..<count {
      let v = position(x[i], scale, offset)
      total &+= min(max(v, n), p) == v ? 0 : 1
    }
    return Int(total)
  }
}
