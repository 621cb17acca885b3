import Foundation

/// How often each level came at the first look and at the last: summed over the weights of one grid.
struct LevelFigure {
  let parts: [SiteFigure.Part]

  /// Nil where nothing was counted.
  func figure(_ name: String) -> Figure? {
    var csv = CSV(["of", "site", "kind", "level", "first", "last"])
    var panels: [Figure.Part] = []
    for part in parts {
      for course in part.courses {
        guard let (first, last) = course.levelsAtEnds else { continue }
        for index in first.counts.indices {
          csv.add([
            part.name, course.site, course.kind.rawValue, CSV.number(first.lowest + Double(index)),
            "\(first.counts[index])", "\(last.counts[index])",
          ])
        }
      }
      if let panel = panel(part) { panels.append(.panel(panel)) }
    }
    guard !panels.isEmpty else { return nil }
    var legend = Legend()
    legend.add("at the first look", 6, .lineAndPoint)
    legend.add("at the last look", 0, .lineAndPoint)
    return Figure(
      name, "Levels before and after training",
      caption:
        "The share of weights on each level at the first look, early in the run, and at the last, summed over the matrices; "
        + "tables and activations are in the CSV. Grids of more than 64 levels are not counted.",
      parts: panels, legend: legend, data: csv)
  }

  /// Matrices on the grid of the first one.
  private func panel(_ part: SiteFigure.Part) -> Panel? {
    let counted = part.courses.filter { $0.kind == .weights }.compactMap(\.levelsAtEnds)
    guard let grid = counted.first?.first else { return nil }
    let alike = counted.filter { $0.first.lowest == grid.lowest && $0.first.counts.count == grid.counts.count }
    func shares(_ counts: ((first: SiteCourse.Levels, last: SiteCourse.Levels)) -> [Int]) -> [Panel.Point] {
      let sums = grid.counts.indices.map { index in alike.reduce(0) { $0 + counts($1)[index] } }
      let whole = Double(max(sums.reduce(0, +), 1))
      return sums.enumerated().map { Panel.Point(grid.lowest + Double($0), 100 * Double($1) / whole) }
    }
    var panel = Panel(part.name.isEmpty ? "weights" : part.name, x: Axis("level"), y: Axis("share of weights (%)"))
    panel.series = [
      .init("first", 6, .lineAndPoints, shares { $0.first.counts }),
      .init("last", 0, .lineAndPoints, shares { $0.last.counts }),
    ]
    return panel
  }
}
