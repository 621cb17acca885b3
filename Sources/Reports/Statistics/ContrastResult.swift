import Foundation

/// What a contrast came to, in the units of the score (a share from 0 to 1).
package struct ContrastResult: Equatable, Sendable {
  /// First arm minus second, the mean over pairs.
  package let difference: Double
  /// Half the width of the 95 % interval: the smallest difference that these runs could show.
  package let halfWidth: Double
  /// Of the t distribution that the half width comes from.
  package let degreesOfFreedom: Double
  /// Two-sided; nil where one run an arm tells nothing of seeds, and the interval is over documents alone.
  package let p: Double?
}

/// The scores of a contrast's runs over one choice of documents.
struct ContrastScores {
  /// [trunk][head]; nil where a run is missing.
  let treated: [[Double?]]
  /// By head.
  let plain: [Double]

  /// The mean of (first − second) over pairs, weighted by trunk and head; nil where no pair has weight.
  func difference(trunkWeights: [Int], headWeights: [Int]) -> Double? {
    var (sum, weight) = (0.0, 0)
    for (trunk, row) in treated.enumerated() where trunkWeights[trunk] > 0 {
      for (head, score) in row.enumerated() where headWeights[head] > 0 {
        guard let score else { continue }
        let here = trunkWeights[trunk] * headWeights[head]
        sum += Double(here) * (score - plain[head])
        weight += here
      }
    }
    return weight > 0 ? sum / Double(weight) : nil
  }

  /// The mean over all pairs.
  var difference: Double {
    difference(
      trunkWeights: [Int](repeating: 1, count: treated.count), headWeights: [Int](repeating: 1, count: plain.count))
      ?? .nan
  }

  /// The variance that trunks bring to the mean difference, from the spread of the trunks' means.
  var trunkVariance: Double {
    let means = treated.compactMap { row in mean(row.compactMap { $0 }) }
    return sampleVariance(means) / Double(max(means.count, 1))
  }

  /// The variance of one run among trunks, which stands in for that of the second arm where it has a single run.
  var varianceOfARun: Double { sampleVariance(treated.compactMap { $0.first ?? nil }) }

  /// The variance that head seeds bring, from the spread of the pairs' differences by head seed.
  var headVariance: Double {
    let means = plain.indices.compactMap { head in
      mean(treated.compactMap { $0[head] }).map { $0 - plain[head] }
    }
    return sampleVariance(means) / Double(max(means.count, 1))
  }

  private func mean(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }
}
