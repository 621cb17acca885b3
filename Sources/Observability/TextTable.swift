/// A table in plain text: the first column to the left, the others to the right.
package struct TextTable {
  private var rows: [[String]]

  /// A table with its heading only.
  package init(_ heading: [String]) { rows = [heading.map(\.printable)] }

  /// Adds a row; a cell that is missing stays empty.
  package mutating func add(_ cells: [String]) { rows.append(cells.map(\.printable)) }

  /// The lines, without trailing spaces.
  package var lines: [String] {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        line += (column == 0 ? "" : "  ") + cell.padded(to: widths[column], alignedRight: column > 0)
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}
