import Foundation

/// Student's t distribution with ν degrees of freedom, which need not be whole.
package struct StudentT {
  /// ν > 0.
  package let degreesOfFreedom: Double

  /// The distribution.
  package init(degreesOfFreedom: Double) { self.degreesOfFreedom = degreesOfFreedom }

  /// P(|T| > |t|) = I_{ν/(ν+t²)}(ν/2, 1/2).
  package func twoSidedTail(_ t: Double) -> Double {
    guard t.isFinite else { return t.isNaN ? .nan : 0 }
    return incompleteBeta(degreesOfFreedom / (degreesOfFreedom + t * t), degreesOfFreedom / 2, 0.5)
  }

  /// The t > 0 that |T| exceeds with probability `tail`, in (0, 1]: 0.05 for a 95 % interval.
  ///
  /// By bisection of ln t: the tail falls with t, so that this ends at a neighbouring double whatever ν is.
  package func quantile(twoSidedTail tail: Double) -> Double {
    guard tail < 1 else { return 0 }
    guard tail > 0 else { return .infinity }
    var (low, high) = (-40.0, 700.0)
    for _ in 0..<200 {
      let middle = (low + high) / 2
      if twoSidedTail(exp(middle)) > tail { low = middle } else { high = middle }
      if high - low < 1e-15 { break }
    }
    return exp((low + high) / 2)
  }
}
