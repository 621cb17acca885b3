/// A table in plain text; columns as wide as their widest cell.
package struct TextTable {
  private var rows: [[String]]
  private let right: Set<Int>

  /// A table with its heading only.
  /// - Parameter right: the columns that stand to the right, numbers as a rule.
  package init(_ heading: [String], right: Set<Int> = []) {
    rows = [heading.map(\.printable)]
    self.right = right
  }

  /// Adds a row; a cell that is missing stays empty.
  package mutating func add(_ cells: [String]) { rows.append(cells.map(\.printable)) }

  /// The lines, without trailing spaces.
  package var lines: [String] {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        line += (column == 0 ? "" : "  ") + cell.padded(to: widths[column], alignedRight: right.contains(column))
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  /// The lines as one text.
  package var text: String { lines.joined(separator: "\n") }
}
