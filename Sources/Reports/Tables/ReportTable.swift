/// A table that is written as HTML, Markdown and LaTeX.
package struct ReportTable: Sendable {
  /// A cell: a main line, and smaller lines below.
  package struct Cell: Sendable, Equatable {
    package var text: String
    package var below: [String]
    package var isBold: Bool

    package init(_ text: String, below: [String] = [], isBold: Bool = false) {
      (self.text, self.below, self.isBold) = (text, below, isBold)
    }
  }

  /// A row, or a heading between rows.
  package enum Row: Sendable {
    case cells([Cell])
    case group(String)
  }

  /// A heading over neighbouring columns.
  package struct Heading: Sendable, Equatable {
    package var text: String
    package var span: Int

    package init(_ text: String, span: Int = 1) { (self.text, self.span) = (text, span) }
  }

  package var caption: String
  /// Above the columns' names, where there is such a line.
  package var groups: [Heading]
  package var columns: [String]
  /// Columns from the left that name the row; the others stand to the right.
  package var nameCount: Int
  package var rows: [Row] = []
  /// Lines below the table.
  package var notes: [String] = []

  package init(_ caption: String, groups: [Heading] = [], columns: [String], nameCount: Int = 1) {
    (self.caption, self.groups, self.columns, self.nameCount) = (caption, groups, columns, nameCount)
  }

  /// Adds a row of plain cells.
  package mutating func add(_ cells: [String]) { rows.append(.cells(cells.map { Cell($0) })) }
}
