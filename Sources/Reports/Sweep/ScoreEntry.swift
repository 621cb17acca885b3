/// The runs behind one entry of the table of scores.
package struct ScoreEntry: Sendable {
  /// A run that has ended well.
  package struct Run: Sendable {
    package let trunk: Int?
    package let head: Int?
    package let validation: Double?
    package let test: Double
    package let beside: Double?
    package let isCollapsed: Bool
    package let documents: DocumentCounts?
    package let cell: StudyCell
  }

  /// Cells of the grid.
  package let plannedCount: Int
  /// Those that are done and scored, by trunk seed and head seed.
  package let runs: [Run]

  init(_ cells: [StudyCell], _ measure: Measure?) {
    plannedCount = cells.count
    guard let measure else {
      runs = []
      return
    }
    runs = cells.compactMap { cell -> Run? in
      guard let result = cell.result, let test = measure.main(result.test) else { return nil }
      let beside = result.test[measure.besideKey].flatMap { result.test[measure.key] == nil ? nil : $0 }
      return Run(
        trunk: cell.coordinates.trunkSeed, head: cell.coordinates.headSeed,
        validation: measure.main(result.validation), test: test, beside: beside,
        isCollapsed: measure.isCollapsed(result.test), documents: result.documents, cell: cell)
    }.sorted { ($0.trunk ?? .min, $0.head ?? .min) < ($1.trunk ?? .min, $1.head ?? .min) }
  }

  /// Runs under the bound of collapse, on the test split.
  package var collapsedCount: Int { runs.filter(\.isCollapsed).count }

  /// Of the test score over the runs that did not collapse.
  package var test: MeanInterval? { interval(runs.filter { !$0.isCollapsed }) { $0.test } }

  /// The same of the score beside it.
  package var beside: MeanInterval? { interval(runs.filter { !$0.isCollapsed }) { $0.beside } }

  /// The mean on the validation split over all runs, collapsed ones too: what α is chosen by.
  package var validationMean: Double? { interval(runs) { $0.validation }?.mean }

  /// Distinct trunk seeds, and head seeds, of the runs that are there.
  package var seedCounts: (trunks: Int, heads: Int) {
    (Set(runs.compactMap(\.trunk)).count, Set(runs.compactMap(\.head)).count)
  }

  /// "3 seeds", "3 × 2 seeds" (trunks × heads).
  var seedText: String {
    let (trunks, heads) = seedCounts
    guard trunks > 0 else { return runs.count == 1 ? "1 seed" : "\(runs.count) seeds" }
    if trunks > 1, heads > 1 { return "\(trunks) × \(heads) seeds" }
    return max(trunks, heads) == 1 ? "1 seed" : "\(max(trunks, heads)) seeds"
  }

  /// Over trunks where there are several, over head seeds else: runs of one trunk are not independent.
  private func interval(_ runs: [Run], _ value: (Run) -> Double?) -> MeanInterval? {
    let byTrunk = Set(self.runs.compactMap(\.trunk)).count > 1
    let groups = Dictionary(grouping: runs) { (byTrunk ? $0.trunk : $0.head) ?? .min }
    return MeanInterval(groups: groups.sorted { $0.key < $1.key }.map { $0.value.compactMap(value) })
  }
}
