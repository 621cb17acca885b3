import Base
import Foundation

/// The table of scores in the shape of the paper's Table III.
struct ScoreTable {
  let grid: ScoreGrid

  /// As a table for people.
  var table: ReportTable {
    var table = ReportTable(
      "Test scores (%): mean ± half width of the 95 % interval over seeds", groups: headings,
      columns: ["scheme", "α"] + grid.columns.map(\.model), nameCount: 2)
    for group in grid.groups {
      table.rows.append(.group(group.title))
      let best = grid.columns.map { self.best(group, $0) }
      for alpha in grid.alphas[group] ?? [] {
        let cells = zip(grid.columns, best).map { cell(grid.entry(group, alpha, $0), $0, best: $1) }
        table.rows.append(.cells([.init(group.title), .init(alphaText(alpha))] + cells))
      }
    }
    table.notes = notes
    return table
  }

  private var headings: [ReportTable.Heading] {
    var headings = [ReportTable.Heading(""), ReportTable.Heading("")]
    for column in grid.columns {
      let title = column.task + (grid.measures[column.task].map { ", \($0.title)" } ?? "")
      if headings.count > 2, headings.last?.text == title {
        headings[headings.count - 1].span += 1
      } else {
        headings.append(.init(title))
      }
    }
    return headings
  }

  private var notes: [String] {
    var notes = [
      "Intervals are Student's t over trunk seeds where there are several, else over head seeds; one seed has none.",
      "A run under 20 % (lenient F1, or accuracy of tags) counts as collapsed, as in the paper's Table III; means and "
        + "intervals are over the others.",
      "Bold: within a scheme and column, every entry whose interval reaches the best mean. Entries with a "
        + "collapsed run are neither bold nor the best.",
    ]
    if grid.groups.contains(where: { $0.baseline != nil }) {
      notes.append("PTQ: post-training quantization of the float32 run of that α, scored as it is.")
    }
    return notes
  }

  /// The best mean of a scheme in a column, of entries without a collapse.
  func best(_ group: ScoreGrid.Group, _ column: ScoreGrid.Column) -> Double? {
    (grid.alphas[group] ?? []).compactMap { alpha -> Double? in
      guard let entry = grid.entry(group, alpha, column), entry.collapsedCount == 0 else { return nil }
      return entry.test?.mean
    }.max()
  }

  /// Whether an entry's interval reaches the best.
  static func isBold(_ entry: ScoreEntry, best: Double?) -> Bool {
    guard let best, let test = entry.test, entry.collapsedCount == 0 else { return false }
    return test.upperEnd >= best
  }

  private func cell(_ entry: ScoreEntry?, _ column: ScoreGrid.Column, best: Double?) -> ReportTable.Cell {
    guard let entry else { return .init("") }
    guard !entry.runs.isEmpty else { return .init("·", below: ["0 of \(entry.plannedCount)"]) }
    var below: [String] = []
    if let beside = entry.beside, let measure = grid.measures[column.task] {
      below.append("\(measure.besideTitle) \(ScoreTable.percent(beside))")
    }
    var seeds = entry.seedText
    if entry.runs.count < entry.plannedCount { seeds += ", \(entry.runs.count) of \(entry.plannedCount) runs" }
    below.append(seeds)
    if entry.collapsedCount > 0 { below.append("collapsed: \(entry.collapsedCount) of \(entry.runs.count)") }
    guard let test = entry.test else { return .init("–", below: below) }
    return .init(ScoreTable.percent(test), below: below, isBold: ScoreTable.isBold(entry, best: best))
  }

  /// "71.3 ± 0.8", in percent.
  static func percent(_ interval: MeanInterval) -> String {
    String(format: "%.1f", 100 * interval.mean) + (interval.halfWidth.map { String(format: " ± %.1f", 100 * $0) } ?? "")
  }

  /// A row an entry, all digits.
  var csv: CSV {
    var csv = CSV([
      "scheme", "variant", "baseline", "alpha", "task", "model", "score", "mean", "half_width", "beside",
      "beside_mean", "beside_half_width", "validation_mean", "groups", "trunk_seeds", "head_seeds", "runs", "planned",
      "collapsed", "bold",
    ])
    for group in grid.groups {
      for alpha in grid.alphas[group] ?? [] {
        for column in grid.columns {
          guard let entry = grid.entry(group, alpha, column) else { continue }
          csv.add(row(group, alpha, column, entry))
        }
      }
    }
    return csv
  }

  private func row(
    _ group: ScoreGrid.Group, _ alpha: Double, _ column: ScoreGrid.Column, _ entry: ScoreEntry
  ) -> [String] {
    let measure = grid.measures[column.task]
    let seeds = entry.seedCounts
    let isBold = ScoreTable.isBold(entry, best: best(group, column))
    return [
      group.scheme, group.variant, group.baseline ?? "", alphaText(alpha), column.task, column.model,
      measure?.key ?? "", CSV.number(entry.test?.mean), CSV.number(entry.test?.halfWidth), measure?.besideKey ?? "",
      CSV.number(entry.beside?.mean), CSV.number(entry.beside?.halfWidth), CSV.number(entry.validationMean),
      CSV.number(entry.test?.groupCount ?? 0), CSV.number(seeds.trunks), CSV.number(seeds.heads),
      CSV.number(entry.runs.count), CSV.number(entry.plannedCount), CSV.number(entry.collapsedCount),
      isBold ? "1" : "0",
    ]
  }
}
