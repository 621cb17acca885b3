import Foundation

/// A mean with the half width of its 95 % interval.
package struct MeanInterval: Equatable, Sendable {
  /// The mean of the groups' means.
  package let mean: Double
  /// t(n − 1)·s/√n; nil where there is one group, which tells nothing of the spread.
  package let halfWidth: Double?
  /// The groups n: values that are independent of each other.
  package let groupCount: Int

  /// The interval of values in independent groups; the values of a group are averaged first. Nil where there are none.
  ///
  /// Runs that share a trunk are no independent draws: they are one group.
  package init?(groups: [[Double]]) {
    let means = groups.filter { !$0.isEmpty }.map { $0.reduce(0, +) / Double($0.count) }
    guard !means.isEmpty else { return nil }
    let n = Double(means.count)
    mean = means.reduce(0, +) / n
    groupCount = means.count
    guard means.count > 1 else {
      halfWidth = nil
      return
    }
    let t = StudentT(degreesOfFreedom: n - 1).quantile(twoSidedTail: 0.05)
    halfWidth = t * (sampleVariance(means) / n).squareRoot()
  }

  /// The upper end; the mean itself where there is no interval.
  package var upperEnd: Double { mean + (halfWidth ?? 0) }
  /// The lower end; the mean itself where there is no interval.
  package var lowerEnd: Double { mean - (halfWidth ?? 0) }
}

/// Σ(x − x̄)²/(n − 1); 0 for fewer than two values.
package func sampleVariance(_ values: [Double]) -> Double {
  guard values.count > 1 else { return 0 }
  let mean = values.reduce(0, +) / Double(values.count)
  return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)
}
