import Base

/// A sequence of a global batch, with what is to be predicted.
///
/// (Not `Sequence`, which would hide Swift's protocol from all who import this module.)
public struct TokenSequence: Sendable, Equatable {
  /// The tokens, `[tokens]`.
  public var ids: [Int32]
  /// `[tokens]`: the class of each token, `TokenLabel.ignored` where there is none.
  public var labels: [Int32]
  /// The position in the global batch; random draws are keyed by it.
  public var number: UInt32

  /// The tokens with a label.
  public var labelledTokenCount: Int { labels.reduce(0) { $0 + ($1 != TokenLabel.ignored ? 1 : 0) } }

  /// A sequence of as many labels as ids.
  public init(ids: [Int32], labels: [Int32], number: UInt32) {
    precondition(ids.count == labels.count, "TokenSequence: \(ids.count) ids, \(labels.count) labels")
    self.ids = ids
    self.labels = labels
    self.number = number
  }
}

/// A part of a global batch that one rank works through in one go: the unit of gradients.
public struct Slice: Sendable, Equatable {
  /// The position among the slices of the global batch.
  public let index: Int
  /// Consecutive sequences of the batch.
  public let sequences: [TokenSequence]
  /// The tokens of all sequences.
  public let tokenCount: Int
  /// The tokens with a label.
  public let labelledTokenCount: Int

  /// A slice of `sequences`.
  public init(index: Int, sequences: [TokenSequence]) {
    self.index = index
    self.sequences = sequences
    tokenCount = sequences.reduce(0) { $0 + $1.ids.count }
    labelledTokenCount = sequences.reduce(0) { $0 + $1.labelledTokenCount }
  }

  /// What the slice costs to work through, in no unit: its tokens, and for attention the squares of the lengths, whose
  /// weight is that of a base-size encoder (score and value products against six weight matrices).
  public var cost: Int {
    sequences.reduce(0) { $0 + $1.ids.count * (Slices.attentionLength + $1.ids.count) }
  }
}

/// How a global batch becomes slices, and which rank takes which.
public enum Slices {
  /// The sequence length at which attention would cost as much as the rest.
  static let attentionLength = 1500

  /// Cuts a batch, in its order, into slices of at most `largestTokenCount` tokens; a longer sequence is a slice alone.
  ///
  /// Follows from the batch alone, never from the number of ranks.
  public static func cut(_ sequences: [TokenSequence], largestTokenCount: Int) -> [Slice] {
    precondition(largestTokenCount > 0, "Slices: at most \(largestTokenCount) tokens")
    var slices: [Slice] = []
    var current: [TokenSequence] = []
    var tokenCount = 0
    for sequence in sequences {
      if !current.isEmpty && tokenCount + sequence.ids.count > largestTokenCount {
        slices.append(Slice(index: slices.count, sequences: current))
        (current, tokenCount) = ([], 0)
      }
      current.append(sequence)
      tokenCount += sequence.ids.count
    }
    if !current.isEmpty { slices.append(Slice(index: slices.count, sequences: current)) }
    return slices
  }

  /// The indices into `slices` that each rank takes, ascending; a rank may take none.
  ///
  /// The costliest slice first, each to the rank that has least so far (Graham's rule: at most 4/3 of the best maximum).
  public static func deal(_ slices: [Slice], rankCount: Int) -> [[Int]] {
    deal(costs: slices.map(\.cost), rankCount: rankCount)
  }

  /// As `deal`, of work whose pieces have these costs.
  public static func deal(costs: [Int], rankCount: Int) -> [[Int]] {
    deal(costs: costs, paces: [RankPace](repeating: .same, count: rankCount))
  }

  /// As `deal`, to ranks of unlike speed: the costliest piece first, each to the rank that would be done with it first. At one
  /// pace for all that is the rank that has least so far.
  public static func deal(costs: [Int], paces: [RankPace]) -> [[Int]] {
    precondition(!paces.isEmpty, "Slices: no ranks")
    let order = costs.indices.sorted { (costs[$1], $0) < (costs[$0], $1) }
    var dealt = [[Int]](repeating: [], count: paces.count)
    var load = [Int](repeating: 0, count: paces.count)
    for slice in order {
      let ends = paces.indices.map {
        paces[$0].secondsBeside + Double(load[$0] + costs[slice]) * paces[$0].secondsPerCost
      }
      let rank = paces.indices.min { (ends[$0], dealt[$0].count, $0) < (ends[$1], dealt[$1].count, $1) } ?? 0
      dealt[rank].append(slice)
      load[rank] += costs[slice]
    }
    return dealt.map { $0.sorted() }
  }

  /// The seconds until the last rank is done with what it was dealt.
  public static func seconds(_ dealt: [[Int]], costs: [Int], paces: [RankPace]) -> Double {
    zip(dealt, paces).map { slices, pace in
      pace.secondsBeside + Double(slices.reduce(0) { $0 + costs[$1] }) * pace.secondsPerCost
    }.max() ?? 0
  }
}
