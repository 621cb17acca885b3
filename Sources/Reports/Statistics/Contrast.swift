/// Two arms of runs that are to be compared: one with a first stage (α > 0), and one without, or with another α.
///
/// A run has a trunk and a head seed; where the second arm has no first stage, its runs have a head seed alone and go with
/// every trunk. Runs of equal seeds are a pair. All runs were tested on the same documents.
package struct Contrast: Sendable {
  /// A run of an arm.
  package struct Run: Sendable {
    /// The seed of the first stage; 0 where all runs share it.
    package let trunk: Int
    /// The seed of the second stage.
    package let head: Int
    package let counts: DocumentCounts

    package init(trunk: Int, head: Int, counts: DocumentCounts) {
      (self.trunk, self.head, self.counts) = (trunk, head, counts)
    }
  }

  /// Why two arms cannot be compared.
  package enum Refusal: Error, Equatable, CustomStringConvertible {
    case noPairs
    case otherDocuments

    package var description: String {
      switch self {
      case .noPairs: "no seeds have run in both arms"
      case .otherDocuments: "the runs were not tested on the same documents"
      }
    }
  }

  /// A run of the first arm, and where its partner stands in `plain`.
  struct Pair {
    let treated: DocumentCounts
    let partner: Int
  }

  /// By [trunk][head]; nil where a run is missing.
  let pairs: [[Pair?]]
  /// Runs of the second arm that are some pair's partner.
  let plain: [DocumentCounts]
  /// How many documents there are.
  package let documentCount: Int
  /// Distinct head seeds.
  package let headCount: Int

  /// The contrast of the runs that have a partner: of equal head seed, and of equal trunk where `isPairedByTrunk`.
  package init(treated: [Run], plain others: [Run], isPairedByTrunk: Bool = false) throws(Refusal) {
    func partner(_ run: Run) -> Int? {
      others.firstIndex { $0.head == run.head && (!isPairedByTrunk || $0.trunk == run.trunk) }
    }
    let treated = treated.filter { partner($0) != nil }
    guard let first = treated.first else { throw .noPairs }
    let documents = first.counts.identifiers
    func ordered(_ run: Run) throws(Refusal) -> DocumentCounts {
      guard let counts = run.counts.ordered(as: documents) else { throw .otherDocuments }
      return counts
    }
    let partners = Set(treated.compactMap(partner)).sorted()
    var plain: [DocumentCounts] = []
    for place in partners { plain.append(try ordered(others[place])) }
    let heads = Set(treated.map(\.head)).sorted()
    var pairs: [[Pair?]] = []
    for trunk in Set(treated.map(\.trunk)).sorted() {
      var row: [Pair?] = []
      for head in heads {
        guard let run = treated.first(where: { $0.trunk == trunk && $0.head == head }),
          let place = partner(run).flatMap({ partners.firstIndex(of: $0) })
        else {
          row.append(nil)
          continue
        }
        row.append(Pair(treated: try ordered(run), partner: place))
      }
      pairs.append(row)
    }
    (self.pairs, self.plain, documentCount, headCount) = (pairs, plain, documents.count, heads.count)
  }

  /// Distinct trunk seeds.
  package var trunkCount: Int { pairs.count }
  /// Runs of the first arm that have a partner.
  package var pairCount: Int { pairs.joined().reduce(0) { $0 + ($1 == nil ? 0 : 1) } }
  /// Whether the second arm is a single run that several of the first share.
  var hasOneSharedPartner: Bool { plain.count == 1 && pairCount > 1 }
}
