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
  /// A pair's scores.
  struct Pair {
    let treated: Double
    let plain: Double

    var difference: Double { treated - plain }
  }

  /// By [trunk][head]; nil where a run is missing.
  let pairs: [[Pair?]]

  /// The mean of (first − second) over pairs, weighted by trunk and head; nil where no pair has weight.
  func difference(trunkWeights: [Int], headWeights: [Int]) -> Double? {
    var (sum, weight) = (0.0, 0)
    for (trunk, row) in pairs.enumerated() where trunkWeights[trunk] > 0 {
      for (head, pair) in row.enumerated() where headWeights[head] > 0 {
        guard let pair else { continue }
        let here = trunkWeights[trunk] * headWeights[head]
        sum += Double(here) * pair.difference
        weight += here
      }
    }
    return weight > 0 ? sum / Double(weight) : nil
  }

  private var headCount: Int { pairs.first?.count ?? 0 }

  /// The mean over all pairs.
  var difference: Double {
    difference(
      trunkWeights: [Int](repeating: 1, count: pairs.count), headWeights: [Int](repeating: 1, count: headCount)) ?? .nan
  }

  /// The variance that trunks bring to the mean difference, from the spread of the trunks' means.
  var trunkVariance: Double { varianceOfMean(pairs.map { row in row.compactMap { $0?.difference } }) }

  /// The variance of one run among trunks, which stands in for that of the second arm where it has a single run.
  var varianceOfARun: Double { sampleVariance(pairs.compactMap { ($0.first ?? nil)?.treated }) }

  /// The variance that head seeds bring, from the spread of the pairs' differences by head seed.
  var headVariance: Double {
    varianceOfMean((0..<headCount).map { head in pairs.compactMap { $0[head]?.difference } })
  }

  /// Of the mean over groups, from the spread of the groups' own means; empty groups do not count.
  private func varianceOfMean(_ groups: [[Double]]) -> Double {
    let means = groups.filter { !$0.isEmpty }.map { $0.reduce(0, +) / Double($0.count) }
    return sampleVariance(means) / Double(max(means.count, 1))
  }
}
