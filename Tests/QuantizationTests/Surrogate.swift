import Quantization

/// The straight-through surrogate of one LSQ or LSQ+ site in double precision, as `qat_reference.py` writes it: what the
/// rounding adds is frozen, and step and offset act with the factor g of their gradients. A whole offset's rounding is frozen
/// too, and the step in it.
struct Surrogate {
  /// What a difference moves.
  struct Point {
    var step, offset: Double
    var x: [Double]
  }
  private let point: Point
  private let rule: QuantizerRule
  private let residuals: [Double]
  private let g, n, p: Double

  init(rule: QuantizerRule, step: Double, offset: Double = 0, x: [Double], features: Int) {
    let (n, p) = (Double(rule.n), Double(rule.p))
    (self.n, self.p) = (n, p)
    point = Point(step: step, offset: offset, x: x)
    g = 1 / (Double(features) * p).squareRoot()
    self.rule = rule
    let (base, shift) = Surrogate.grid(rule, step: step, offset: offset, from: point)
    residuals = x.map { x in
      let clipped = min(max((x - base) / step + shift, n), p)
      return clipped.rounded(.toNearestOrEven) - clipped
    }
  }

  /// v = (x − base)/s + shift.
  private static func grid(
    _ rule: QuantizerRule, step: Double, offset: Double, from point: Point
  ) -> (base: Double, shift: Double) {
    guard rule.offset == .integer else { return (offset, rule.grid == .symmetric ? -0.5 : 0) }
    let zeroPoint = (-point.offset / point.step).rounded(.toNearestOrEven)
    return (0, zeroPoint - (offset - point.offset) / point.step)
  }

  private func values(at moved: Point) -> [Double] {
    let s = g * moved.step + (1 - g) * point.step
    let b = g * moved.offset + (1 - g) * point.offset
    let (base, shift) = Surrogate.grid(rule, step: s, offset: b, from: point)
    return zip(moved.x, residuals).map { x, residual in
      (min(max((x - base) / s + shift, n), p) + residual - shift) * s + base
    }
  }

  /// dL/dt of L = Σ dY·value, by a central difference of 1e−6 in what `move` moves.
  func slope(_ dY: [Double], _ move: (inout Point, Double) -> Void) -> Double {
    func loss(_ shift: Double) -> Double {
      var moved = point
      move(&moved, shift)
      return zip(values(at: moved), dY).reduce(0) { $0 + $1.0 * $1.1 }
    }
    return (loss(1e-6) - loss(-1e-6)) / 2e-6
  }
}
