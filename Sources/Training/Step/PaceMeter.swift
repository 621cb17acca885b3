import Corpus
import Ranks

/// What one rank did in one step, as it tells the others.
package struct RankWork: BitwiseCopyable, Equatable {
  /// The cost of the slices that it worked through, and the seconds for them.
  package var cost: Int64
  package var seconds: Double
  /// The seconds of its step that were neither slices nor waiting for other ranks.
  package var secondsBeside: Double

  package init(cost: Int64, seconds: Double, secondsBeside: Double) {
    (self.cost, self.seconds, self.secondsBeside) = (cost, seconds, secondsBeside)
  }
}

/// The pace of every rank, from what its last steps took: each node's own speed, and whatever else runs on it.
///
/// All ranks feed it the same figures, so all deal the same slices. With exact sums who computes what changes no bit; only the
/// time until the slowest rank is done.
package struct PaceMeter {
  /// What a step's figures still count for one step later: about the last ten steps are heard.
  private static let memory = 0.9
  /// The share of the slowest rank's time that an uneven deal must win: less is noise, and moves work to and fro.
  private static let leastGain = 0.05
  /// Steps that are not heard: the first touches its memory for the first time.
  private static let unheard = 1

  private var costs: [Double]
  private var seconds: [Double]
  private var beside: [Double]
  package private(set) var stepCount = 0

  package init(rankCount: Int) {
    costs = [Double](repeating: 0, count: rankCount)
    (seconds, beside) = (costs, costs)
  }

  /// Hears what every rank did in a step, in rank order.
  package mutating func add(_ works: [RankWork]) {
    precondition(works.count == costs.count, "PaceMeter: \(works.count) ranks' work, \(costs.count) ranks")
    stepCount += 1
    guard stepCount > PaceMeter.unheard else { return }
    let isFirst = stepCount == PaceMeter.unheard + 1
    for (rank, work) in works.enumerated() {
      beside[rank] = isFirst ? work.secondsBeside : between(beside[rank], work.secondsBeside)
      if work.cost > 0 {
        costs[rank] = between(costs[rank], Double(work.cost))
        seconds[rank] = between(seconds[rank], work.seconds)
      } else {
        // A rank too slow for any slice is thought a little faster at every step, until one shows what it is now.
        seconds[rank] *= PaceMeter.memory
      }
    }
  }

  private func between(_ old: Double, _ new: Double) -> Double {
    PaceMeter.memory * old + (1 - PaceMeter.memory) * new
  }

  /// The pace of every rank; one that has shown none yet is taken to be as fast as the fastest.
  package var paces: [RankPace] {
    let own = costs.indices.map { costs[$0] > 0 && seconds[$0] > 0 ? seconds[$0] / costs[$0] : nil }
    guard let fastest = own.compactMap({ $0 }).min() else { return costs.map { _ in .same } }
    return costs.indices.map { RankPace(secondsPerCost: own[$0] ?? fastest, secondsBeside: beside[$0]) }
  }

  /// The pieces of work of these costs that each rank takes in a step: an even deal, unless the paces promise a shorter step.
  package func deal(costs: [Int]) -> [[Int]] {
    let even = Slices.deal(costs: costs, rankCount: self.costs.count)
    let paces = paces
    let uneven = Slices.deal(costs: costs, paces: paces)
    let isWorthIt =
      Slices.seconds(uneven, costs: costs, paces: paces)
      < (1 - PaceMeter.leastGain) * Slices.seconds(even, costs: costs, paces: paces)
    return isWorthIt ? uneven : even
  }

  /// The paces for work without an update: evaluation.
  package var slicePaces: [RankPace] { paces.map { RankPace(secondsPerCost: $0.secondsPerCost) } }

  /// The slowest rank, and its speed as a share of the fastest one's; nil before anything is known.
  package var slowest: (rank: Int, share: Double)? {
    guard stepCount > PaceMeter.unheard else { return nil }
    let times = paces.map(\.secondsPerCost)
    guard let fastest = times.min(), let last = times.indices.max(by: { times[$0] < times[$1] }) else { return nil }
    return (last, fastest / times[last])
  }
}
