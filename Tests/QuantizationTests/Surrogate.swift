import Quantization

/// The straight-through surrogate of one LSQ or LSQ+ site in double precision, as `qat_reference.py` writes it: what the
/// rounding adds is frozen, and step and offset act with the factor g of their gradients.
struct Surrogate {
  /// What a difference moves.
  struct Point {
    var step, offset: Double
    var x: [Double]
  }
  private let point: Point
  private let residuals: [Double]
  private let g, n, p: Double

  init(rule: QuantizerRule, step: Double, offset: Double = 0, x: [Double], features: Int) {
    let (n, p) = (Double(rule.n), Double(rule.p))
    (self.n, self.p) = (n, p)
    point = Point(step: step, offset: offset, x: x)
    g = 1 / (Double(features) * p).squareRoot()
    residuals = x.map { x in
      let clipped = min(max((x - offset) / step, n), p)
      return clipped.rounded(.toNearestOrEven) - clipped
    }
  }

  private func values(at moved: Point) -> [Double] {
    let s = g * moved.step + (1 - g) * point.step
    let b = g * moved.offset + (1 - g) * point.offset
    return zip(moved.x, residuals).map { x, residual in (min(max((x - b) / s, n), p) + residual) * s + b }
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
