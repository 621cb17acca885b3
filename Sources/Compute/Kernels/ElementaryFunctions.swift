// Scalar functions written so that a plain loop over them vectorises: no calls, no branches, no integer conversions that
// trap. Each is tested against the C library's.

/// 1.5 · 2²³: adding it rounds a float of magnitude below 2²² to an integer, ties to even, and leaves that integer in the
/// low bits of the sum.
@inlinable @inline(__always)
public var roundingMagic: Float { 12_582_912 }

/// `x` rounded to the nearest integer, ties to even; |x| ≤ 2²². NaN stays NaN.
@inlinable @inline(__always)
public func roundedToEven(_ x: Float) -> Float { (x + roundingMagic) - roundingMagic }

/// e^x to within 2 units in the last place for −87 ≤ x ≤ 88; below, about e^−87 = 1.6e−38 (so never subnormal).
///
/// x = n·ln 2 + r, |r| ≤ ln 2 / 2, e^r by a polynomial of degree 6 (Cephes `expf`).
@inlinable @inline(__always)
public func vectorExp(_ x: Float) -> Float {
  let clamped = min(max(x, -87), 88)
  let shifted = clamped * 1.442_695_04 + roundingMagic
  let n = shifted - roundingMagic
  var r = clamped.addingProduct(n, -0.693_359_375)
  r = r.addingProduct(n, 2.121_944_4e-4)
  var y: Float = 1.987_569_15e-4
  y = Float(1.398_199_95e-3).addingProduct(y, r)
  y = Float(8.333_451_9e-3).addingProduct(y, r)
  y = Float(4.166_579_6e-2).addingProduct(y, r)
  y = Float(1.666_666_55e-1).addingProduct(y, r)
  y = Float(5.000_000_12e-1).addingProduct(y, r)
  y = (r + 1).addingProduct(y * r, r)
  return y * Float(bitPattern: (shifted.bitPattern &+ 127) &<< 23)
}

/// The error function to within 4e−7 absolute: x·P(x²)/Q(x²) on [−4, 4], ±1 beyond (the rational of Eigen and XLA).
@inlinable @inline(__always)
public func vectorErf(_ x: Float) -> Float {
  let c = min(max(x, -4), 4)
  let s = c * c
  var p: Float = -2.726_142_258_013_06e-10
  p = Float(2.770_681_424_959_02e-08).addingProduct(p, s)
  p = Float(-2.101_024_020_825_08e-06).addingProduct(p, s)
  p = Float(-5.692_506_394_623_46e-05).addingProduct(p, s)
  p = Float(-7.349_906_303_268_55e-04).addingProduct(p, s)
  p = Float(-2.954_599_808_540_25e-03).addingProduct(p, s)
  p = Float(-1.609_603_332_624_15e-02).addingProduct(p, s)
  var q: Float = -1.456_607_184_649_96e-05
  q = Float(-2.133_740_556_789_05e-04).addingProduct(q, s)
  q = Float(-1.682_826_974_382_03e-03).addingProduct(q, s)
  q = Float(-7.373_329_167_204_68e-03).addingProduct(q, s)
  q = Float(-1.426_473_905_141_89e-02).addingProduct(q, s)
  return c * p / q
}

/// GELU with the exact (erf) form: x·Φ(x).
@inlinable @inline(__always)
public func gelu(_ x: Float) -> Float { geluAndDerivative(x).value }

/// The derivative of `gelu`: Φ(x) + x·φ(x).
@inlinable @inline(__always)
public func geluDerivative(_ x: Float) -> Float { geluAndDerivative(x).derivative }

/// `gelu` and its derivative.
@inlinable @inline(__always)
public func geluAndDerivative(_ x: Float) -> (value: Float, derivative: Float) {
  let twice = 1 + vectorErf(x * 0.707_106_78)
  let density = 0.398_942_28 * vectorExp(-0.5 * x * x)
  return (0.5 * x * twice, (0.5 * twice).addingProduct(x, density))
}

/// `x` rounded to bfloat16, ties to even, as its 16 bits. NaN stays NaN (quieted).
@inlinable @inline(__always)
public func bfloat16Bits(_ x: Float) -> UInt16 {
  let bits = x.bitPattern
  let rounded = (bits &+ 0x7FFF &+ ((bits &>> 16) & 1)) &>> 16
  let nan = (bits &>> 16) | 0x40
  return UInt16(truncatingIfNeeded: x == x ? rounded : nan)
}

/// The float whose bfloat16 bits these are.
@inlinable @inline(__always)
public func floatFromBfloat16(_ bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) &<< 16) }
