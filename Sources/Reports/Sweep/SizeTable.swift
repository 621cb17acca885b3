import Foundation

/// The paper's Table I beside bytes on disk.
struct SizeTable {
  let study: StudyFolder
  let grid: ScoreGrid
  let footprint: @Sendable (String) -> ReportOptions.Footprint?

  /// The size of a scheme's checkpoints: packed where there are such, the checkpoint for float32; nil where none is
  /// known.
  static func size(of cells: [StudyCell], isFloat32: Bool) -> (bytes: Int, isPacked: Bool)? {
    let packed = cells.compactMap { $0.result?.packedBytes }.sorted()
    if let middle = packed.isEmpty ? nil : packed[packed.count / 2] { return (middle, true) }
    let whole = cells.compactMap { $0.result?.checkpointBytes }.sorted()
    guard isFloat32, !whole.isEmpty else { return nil }
    return (whole[whole.count / 2], false)
  }

  var table: ReportTable {
    let models = study.cells.map(\.coordinates.model).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    var table = ReportTable(
      "Table I of the paper beside bytes on disk",
      groups: [.init(""), .init("paper's Table I", span: 2)] + models.map { .init("\($0): on disk (MB)", span: 2) },
      columns: ["scheme", "MiB", "10¹² bit operations"] + models.flatMap { _ in ["checkpoint", "packed"] })
    for group in grid.groups where group.baseline == nil {
      let formula = footprint(group.scheme)
      var row = [
        group.title, formula.map { String(format: "%.1f", $0.paperMebibytes) } ?? "–",
        formula.map { String(format: "%.1f", $0.paperTeraOperations) } ?? "–",
      ]
      for model in models {
        let cells = study.cells.filter {
          $0.kind == .head && $0.coordinates.model == model && $0.coordinates.scheme == group.scheme
            && $0.coordinates.variant == group.variant
        }
        row += [SizeTable.shown(cells.compactMap { $0.result?.checkpointBytes })]
        row += [SizeTable.shown(cells.compactMap { $0.result?.packedBytes })]
      }
      table.add(row)
    }
    table.notes = [
      "Table I is by the paper's formulas and constants, without heads. On disk: the middle one of the cells' "
        + "checkpoints, in 10⁶ bytes, with its head; a checkpoint keeps float32 weights, the packed one its codes."
    ]
    return table
  }

  private static func shown(_ sizes: [Int]) -> String {
    sizes.isEmpty ? "–" : Numbers.significant(Numbers.megabytes(sizes.sorted()[sizes.count / 2]))
  }
}
