import Foundation

/// A number and its derivative along one direction, both in double precision.
struct Dual {
  var value: Double
  var slope: Double

  init(_ value: Double, _ slope: Double = 0) { (self.value, self.slope) = (value, slope) }

  static func + (a: Dual, b: Dual) -> Dual { Dual(a.value + b.value, a.slope + b.slope) }
  static func - (a: Dual, b: Dual) -> Dual { Dual(a.value - b.value, a.slope - b.slope) }
  static func * (a: Dual, b: Dual) -> Dual { Dual(a.value * b.value, a.slope * b.value + a.value * b.slope) }
  static func * (a: Dual, b: Double) -> Dual { Dual(a.value * b, a.slope * b) }
  static func / (a: Dual, b: Dual) -> Dual {
    let quotient = a.value / b.value
    return Dual(quotient, (a.slope - quotient * b.slope) / b.value)
  }
  static func += (a: inout Dual, b: Dual) { a = a + b }

  var squareRoot: Dual { Dual(value.squareRoot(), slope / (2 * value.squareRoot())) }
  var exponential: Dual { Dual(exp(value), slope * exp(value)) }
  var logarithm: Dual { Dual(log(value), slope / value) }
  /// x·Φ(x).
  var gelu: Dual {
    let share = 0.5 * erfc(-value / 2.0.squareRoot())
    let density = exp(-0.5 * value * value) / (2 * Double.pi).squareRoot()
    return Dual(value * share, slope * (share + value * density))
  }
}
