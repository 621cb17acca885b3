import Base

/// A table in plain text; columns as wide as their widest cell.
struct TextColumns {
  private var rows: [[String]]
  /// Columns that stand to the right, numbers as a rule.
  private let right: Set<Int>

  init(_ heading: [String], right: Set<Int> = []) {
    rows = [heading]
    self.right = right
  }

  /// Adds a row; missing cells stay empty.
  mutating func add(_ cells: [String]) { rows.append(cells.map(oneLine)) }

  /// The rows, without trailing spaces.
  var text: String {
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    let lines = rows.map { row -> String in
      var line = ""
      for (column, cell) in row.enumerated() {
        let fill = String(repeating: " ", count: widths[column] - cell.count)
        line += (column == 0 ? "" : "  ") + (right.contains(column) ? fill + cell : cell + fill)
      }
      while line.last == " " { line.removeLast() }
      return line
    }
    return lines.joined(separator: "\n")
  }
}
