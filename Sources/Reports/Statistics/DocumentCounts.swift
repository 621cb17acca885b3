/// What a run got right on each document of the test split, so that its score over any choice of documents follows.
///
/// The score is 2·Σhits / Σ(predicted + gold): micro F1 of entities; for tags, predicted and gold are both the words,
/// and it is the accuracy. It is 0 where nothing was predicted and nothing was there.
package struct DocumentCounts: Equatable, Sendable {
  /// The documents, in the order of the result.
  package let identifiers: [String]
  /// 2·hits by document.
  package let doubledHits: [Int32]
  /// predicted + gold by document.
  package let totals: [Int32]

  /// The counts of `documents`: hits, predicted, gold.
  package init(_ documents: [(identifier: String, hits: Int, predicted: Int, gold: Int)]) {
    identifiers = documents.map(\.identifier)
    doubledHits = documents.map { Int32(clamping: 2 * $0.hits) }
    totals = documents.map { Int32(clamping: $0.predicted + $0.gold) }
  }

  private init(identifiers: [String], doubledHits: [Int32], totals: [Int32]) {
    (self.identifiers, self.doubledHits, self.totals) = (identifiers, doubledHits, totals)
  }

  /// The counts with documents in the order of `wanted`; nil where these are not the same documents.
  package func ordered(as wanted: [String]) -> DocumentCounts? {
    if identifiers == wanted { return self }
    guard wanted.count == identifiers.count else { return nil }
    let places = Dictionary(identifiers.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    let order = wanted.compactMap { places[$0] }
    guard Set(order).count == wanted.count else { return nil }
    return DocumentCounts(
      identifiers: wanted, doubledHits: order.map { doubledHits[$0] }, totals: order.map { totals[$0] })
  }

  /// The score over all documents.
  package var score: Double {
    DocumentCounts.score(
      doubledHits.reduce(0) { $0 + Int($1) }, totals.reduce(0) { $0 + Int($1) })
  }

  /// 2·hits / (predicted + gold).
  @inline(__always) package static func score(_ doubledHits: Int, _ total: Int) -> Double {
    total > 0 ? Double(doubledHits) / Double(total) : 0
  }
}
