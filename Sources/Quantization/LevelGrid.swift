import Compute

/// The levels of one site as its parameters stand: v = (x − base)/step + shift, value (level − shift)·step + base, levels from
/// n to p.
///
/// | | base | shift |
/// |---|---|---|
/// | LSQ, BitNet's weights | 0 | 0 |
/// | LSQ+ | β | 0 |
/// | LSQ+ with an offset of whole steps | 0 | z = round(−β/s) |
/// | LSQ on the symmetric grid, v its u | 0 | −½ |
///
/// The division is one: a product with 1/step is off by a rounding, and at a tie or a bound that is another level than every
/// reader of the parameters finds. Vectors divide fast enough to hide behind the rows' way through memory.
struct LevelGrid: Sendable {
  let step: Float
  let base: Float
  let shift: Float
  let n: Float
  let p: Float

  @inline(__always)
  func position(_ x: Float) -> Float { (x - base) / step + shift }

  @inline(__always)
  func clip(_ v: Float) -> Float { min(max(v, n), p) }

  /// The level of one number, as a float.
  @inline(__always)
  func level(_ x: Float) -> Float { roundedToEven(clip(position(x))) }
}

/// Kernels on rows of values.
extension LevelGrid {
  func unsignedCodes(_ x: UnsafePointer<Float>, into codes: UnsafeMutablePointer<UInt8>, _ count: Int) {
    for i in 0..<count { codes[i] = LevelGrid.unsignedCode(clip(position(x[i]))) }
  }

  /// v = x·scale: BitNet's activations.
  static func unsignedCodes(
    _ x: UnsafePointer<Float>, into codes: UnsafeMutablePointer<UInt8>, _ count: Int, scale: Float, n: Float, p: Float
  ) {
    for i in 0..<count { codes[i] = unsignedCode(min(max(x[i] * scale, n), p)) }
  }

  /// The mantissa of level + 1.5·2²³ ends in the level as a two's complement number.
  @inline(__always)
  private static func unsignedCode(_ level: Float) -> UInt8 {
    UInt8(truncatingIfNeeded: (level + roundingMagic).bitPattern &+ 128)
  }

  /// Adds the terms of the step's gradient, `gradient`·(value − x)/step inside and `gradient`·(value − base)/step outside, and
  /// stops the gradient outside the bounds where it `clips`.
  func stepTerms(
    _ gradient: UnsafeMutablePointer<Float>, x: UnsafePointer<Float>, terms: UnsafeMutablePointer<Float>, _ count: Int,
    clips: Bool
  ) {
    for i in 0..<count {
      let v = position(x[i])
      let clipped = clip(v)
      let isInside = clipped == v
      // Inside, clipped equals v and the term is round(v) − v; outside it is the bound itself, less the shift.
      let rest: Float = isInside ? v : shift
      let whole = gradient[i]
      terms[i] = terms[i].addingProduct(whole, roundedToEven(clipped) - rest)
      let stopped = clips ? 0 : whole
      gradient[i] = isInside ? whole : stopped
    }
  }

  func offsetTerms(
    _ gradient: UnsafePointer<Float>, x: UnsafePointer<Float>, terms: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    for i in 0..<count {
      let v = position(x[i])
      let outside: Float = clip(v) == v ? 0 : gradient[i]
      terms[i] += outside
    }
  }

  func clippedCount(_ x: UnsafePointer<Float>, _ count: Int) -> Int {
    var total: Int32 = 0
    for i in 0..<count {
      let v = position(x[i])
      total &+= clip(v) == v ? 0 : 1
    }
    return Int(total)
  }

  /// Writes value − x.
  func errors(_ x: UnsafePointer<Float>, into errors: UnsafeMutablePointer<Float>, _ count: Int) {
    for i in 0..<count { errors[i] = base.addingProduct(level(x[i]) - shift, step) - x[i] }
  }
}
