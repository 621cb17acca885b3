import Base
import Foundation

/// A figure of columns of a table: y against x, a line for each value of one column, a panel for each of another.
public struct TableFigure: Sendable {
  /// What a row is drawn as.
  public enum Drawn: String, Sendable, CaseIterable {
    case lines, points
  }

  /// The column across.
  public var x: String
  /// The column up.
  public var y: String
  /// Columns of the ends of intervals around y.
  public var low: String?
  /// Both or neither are given.
  public var high: String?
  /// The column whose values tell lines apart, in the order in which they come; all rows are one line without it.
  public var lines: String?
  /// The same of panels.
  public var panels: String?
  /// Rows that count: those that have these values in these columns.
  public var conditions: [(column: String, value: String)] = []
  /// Above the figure.
  public var title = ""
  /// Beside the axes; the columns' names unless given.
  public var xLabel: String?
  /// As `xLabel`, of the axis up.
  public var yLabel: String?
  /// Whether equal distances across are equal factors.
  public var isXLogarithmic = false
  /// The same of distances up.
  public var isYLogarithmic = false
  /// Lines with markers, or markers alone.
  public var drawn = Drawn.lines

  /// A figure of two columns.
  public init(x: String, y: String) { (self.x, self.y) = (x, y) }

  private struct Row {
    let panel: String
    let line: String
    let point: Panel.Point
  }

  /// The SVG file of the figure of a table.
  ///
  /// Rows without a number in x or y are left out, as a dash in a table would be.
  /// - Parameters:
  ///   - bytes: the table, as `palier report` writes it.
  ///   - file: its name, for messages.
  /// - Throws: `ReportError.badTable` where a column is not there, a cell is no number, or no row is left.
  public func svg(ofTable bytes: some Collection<UInt8>, file: String) throws -> [UInt8] {
    let rows = try rows(of: CSV(parsing: bytes, file: file), file)
    var legend = Legend()
    let names = rows.map(\.line).uniqued()
    var parts: [Figure.Part] = []
    for title in rows.map(\.panel).uniqued() {
      var panel = Panel(
        title, x: Axis(xLabel ?? x, scale: isXLogarithmic ? .logarithmic : .linear),
        y: Axis(yLabel ?? y, scale: isYLogarithmic ? .logarithmic : .linear))
      for (style, name) in names.enumerated() {
        let points = rows.filter { $0.panel == title && $0.line == name }.map(\.point)
        guard !points.isEmpty else { continue }
        let isPoints = drawn == .points
        panel.series.append(
          .init(
            name, style, isPoints ? .points(hollow: false) : .lineAndPoints,
            isPoints ? points : points.sorted { $0.x < $1.x }))
        if lines != nil { legend.add(name, style, isPoints ? .point(hollow: false) : .lineAndPoint) }
      }
      parts.append(.panel(panel))
    }
    return Figure("table", title, caption: "", parts: parts, legend: legend, data: CSV([])).file
  }

  private func rows(of table: CSV, _ file: String) throws(ReportError) -> [Row] {
    func column(_ name: String?) throws(ReportError) -> Int? {
      guard let name else { return nil }
      return try table.column(name, file: file)
    }
    let (x, y) = (try table.column(x, file: file), try table.column(y, file: file))
    let (low, high) = (try column(low), try column(high))
    let (line, panel) = (try column(lines), try column(panels))
    var wanted: [(Int, String)] = []
    for condition in conditions { wanted.append((try table.column(condition.column, file: file), condition.value)) }
    var rows: [Row] = []
    for (index, cells) in table.rows.enumerated() where wanted.allSatisfy({ cells[$0.0] == $0.1 }) {
      func number(_ column: Int?) throws(ReportError) -> Double? {
        guard let column, !cells[column].isEmpty else { return nil }
        guard let value = Double(cells[column]), value.isFinite else {
          let found = "row \(index + 1), \(table.heading[column]): \"\(cells[column])\" is no number"
          throw .badTable(file: file, reason: found)
        }
        return value
      }
      guard let across = try number(x), let up = try number(y) else { continue }
      let point = Panel.Point(across, up, low: try number(low), high: try number(high))
      rows.append(Row(panel: panel.map { cells[$0] } ?? "", line: line.map { cells[$0] } ?? "", point: point))
    }
    guard !rows.isEmpty else { throw .badTable(file: file, reason: "no row has what is asked for") }
    return rows
  }
}

extension Array where Element: Hashable {
  /// Each element once, where it came first.
  fileprivate func uniqued() -> [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}
