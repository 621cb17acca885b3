import Compute

/// The levels of one site as its parameters stand. With q = (x − base)/step, clipped to low … high: level = round(q + half +
/// zeroPoint), ties to even, and value = (level − half − zeroPoint)·step + base.
///
/// | | base | half | zeroPoint | low … high |
/// |---|---|---|---|---|
/// | LSQ, BitNet's weights | 0 | 0 | 0 | n … p |
/// | LSQ+ | β | 0 | 0 | n … p |
/// | LSQ+ with an offset of whole steps | 0 | 0 | z = round(−β/s) | n − z … p − z |
/// | LSQ on the symmetric grid | 0 | −½ | 0 | n + ½ … p + ½ |
///
/// The division is one: a product with 1/step is off by a rounding, and at a tie or a bound that is another level than every
/// reader of the parameters finds. Vectors divide fast enough to hide behind the rows' way through memory. q and z are added
/// and rounded at once, and q meets the bounds alone: GELU's many values just below zero lie outside where z is n, and a sum
/// would take them in.
struct LevelGrid: Sendable {
  let step: Float
  let base: Float
  private let half: Float
  /// What the mantissa of a level that is added to ends in: the level.
  private let magic: Float
  /// What the level of a value of zero, without base, would be.
  let shift: Float
  private let low: Float
  private let high: Float

  /// The largest magnitude of z: sums with it are exact.
  private static let largestZeroPoint: Float = 0x1p22

  init(_ rule: QuantizerRule, step: Float, offset: Float) {
    self.step = step
    half = rule.grid == .symmetric ? -0.5 : 0
    var zeroPoint: Float = 0
    if rule.offset == .integer {
      let steps = (-offset / step).rounded(.toNearestOrEven)
      zeroPoint = min(max(steps, -LevelGrid.largestZeroPoint), LevelGrid.largestZeroPoint)
    }
    base = rule.offset == .integer ? 0 : offset
    magic = roundingMagic + zeroPoint
    shift = half + zeroPoint
    (low, high) = (rule.n - shift, rule.p - shift)
  }

  @inline(__always)
  private func quotient(_ x: Float) -> Float { (x - base) / step }

  @inline(__always)
  private func clip(_ q: Float) -> Float { min(max(q, low), high) }

  /// The level of a clipped quotient, plus 1.5·2²³.
  @inline(__always)
  private func raisedLevel(_ clipped: Float) -> Float { (clipped + half) + magic }

  /// The level of one number, as a float.
  @inline(__always)
  func level(_ x: Float) -> Float { raisedLevel(clip(quotient(x))) - roundingMagic }
}

/// Kernels on rows of values.
extension LevelGrid {
  func unsignedCodes(_ x: UnsafePointer<Float>, into codes: UnsafeMutablePointer<UInt8>, _ count: Int) {
    for i in 0..<count { codes[i] = LevelGrid.unsignedCode(raisedLevel(clip(quotient(x[i])))) }
  }

  /// v = x·scale, between −p and p: BitNet's activations.
  static func unsignedCodes(
    _ x: UnsafePointer<Float>, into codes: UnsafeMutablePointer<UInt8>, _ count: Int, scale: Float, p: Float
  ) {
    for i in 0..<count { codes[i] = unsignedCode(min(max(x[i] * scale, -p), p) + roundingMagic) }
  }

  /// The mantissa of level + 1.5·2²³ ends in the level as a two's complement number.
  @inline(__always)
  private static func unsignedCode(_ raised: Float) -> UInt8 {
    UInt8(truncatingIfNeeded: raised.bitPattern &+ 128)
  }

  /// Adds the terms of the step's gradient, `gradient`·(value − x)/step inside and `gradient`·(value − base)/step outside, and
  /// stops the gradient outside the bounds where it `clips`.
  func stepTerms(
    _ gradient: UnsafeMutablePointer<Float>, x: UnsafePointer<Float>, terms: UnsafeMutablePointer<Float>, _ count: Int,
    clips: Bool
  ) {
    for i in 0..<count {
      let q = quotient(x[i])
      let clipped = clip(q)
      let isInside = clipped == q
      let level = raisedLevel(clipped) - roundingMagic
      // Inside (value − x)/step; outside the bound itself.
      let rest: Float = isInside ? q : 0
      let whole = gradient[i]
      terms[i] = terms[i].addingProduct(whole, (level - shift) - rest)
      let stopped = clips ? 0 : whole
      gradient[i] = isInside ? whole : stopped
    }
  }

  func offsetTerms(
    _ gradient: UnsafePointer<Float>, x: UnsafePointer<Float>, terms: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    for i in 0..<count {
      let q = quotient(x[i])
      let outside: Float = clip(q) == q ? 0 : gradient[i]
      terms[i] += outside
    }
  }

  func clippedCount(_ x: UnsafePointer<Float>, _ count: Int) -> Int {
    var total: Int32 = 0
    for i in 0..<count {
      let q = quotient(x[i])
      total &+= clip(q) == q ? 0 : 1
    }
    return Int(total)
  }

  /// Of `clippedCount` those below.
  func clippedBelowCount(_ x: UnsafePointer<Float>, _ count: Int) -> Int {
    var total: Int32 = 0
    for i in 0..<count { total &+= quotient(x[i]) < low ? 1 : 0 }
    return Int(total)
  }

  /// Writes value − x.
  func errors(_ x: UnsafePointer<Float>, into errors: UnsafeMutablePointer<Float>, _ count: Int) {
    for i in 0..<count { errors[i] = base.addingProduct(level(x[i]) - shift, step) - x[i] }
  }
}
