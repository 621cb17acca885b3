/// Two arms of runs that are to be compared: one with a first stage (α > 0), one without.
///
/// A run of the first arm has a trunk and a head seed, one of the second a head seed alone; runs of equal head seed are
/// a pair. All runs were tested on the same documents.
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
      case .noPairs: "no head seed has run in both arms"
      case .otherDocuments: "the runs were not tested on the same documents"
      }
    }
  }

  /// Pairs, as what stands at [trunk][head]; nil where a run is missing.
  let pairs: [[DocumentCounts?]]
  /// The second arm by head.
  let plain: [DocumentCounts]
  /// How many documents there are.
  package let documentCount: Int

  /// The contrast of the runs that have a partner.
  package init(treated: [Run], plain others: [Run]) throws(Refusal) {
    let heads = Set(treated.map(\.head)).intersection(others.map(\.head)).sorted()
    guard !heads.isEmpty, let first = treated.first(where: { heads.contains($0.head) }) else { throw .noPairs }
    let documents = first.counts.identifiers
    func ordered(_ run: Run) throws(Refusal) -> DocumentCounts {
      guard let counts = run.counts.ordered(as: documents) else { throw .otherDocuments }
      return counts
    }
    var plain: [DocumentCounts] = []
    for head in heads { plain.append(try ordered(others.first { $0.head == head }!)) }
    var pairs: [[DocumentCounts?]] = []
    for trunk in Set(treated.filter { heads.contains($0.head) }.map(\.trunk)).sorted() {
      var row: [DocumentCounts?] = []
      for head in heads {
        let run = treated.first { $0.trunk == trunk && $0.head == head }
        row.append(try run.map { run throws(Refusal) in try ordered(run) })
      }
      pairs.append(row)
    }
    (self.pairs, self.plain, documentCount) = (pairs, plain, documents.count)
  }

  /// Distinct trunk seeds.
  package var trunkCount: Int { pairs.count }
  /// Distinct head seeds.
  package var headCount: Int { plain.count }
  /// Runs of the first arm that have a partner.
  package var pairCount: Int { pairs.joined().reduce(0) { $0 + ($1 == nil ? 0 : 1) } }
}
