import Base
import Foundation

extension CSV {
  /// A table as RFC 4180 has it: the first row names the columns, quotes enclose what has commas, quotes or line ends;
  /// a byte order mark and carriage returns before line feeds are passed over.
  /// - Throws: `ReportError.badTable` where it is no UTF-8, is empty, a quote is not closed, or a row has another number of
  ///   cells than the first.
  package init(parsing bytes: some Collection<UInt8>, file: String) throws(ReportError) {
    guard var text = String(validating: bytes, as: UTF8.self) else {
      throw .badTable(file: file, reason: "it is not UTF-8")
    }
    if text.first == "\u{FEFF}" { text.removeFirst() }
    let rows = try CSV.rows(of: text.unicodeScalars, file)
    guard let heading = rows.first?.cells else { throw .badTable(file: file, reason: "it is empty") }
    self.init(heading)
    for row in rows.dropFirst() {
      guard row.cells.count == heading.count else {
        let found = "line \(row.line): \(counted(row.cells.count, "cell")) where the heading has \(heading.count)"
        throw .badTable(file: file, reason: found)
      }
      add(row.cells)
    }
  }

  /// The cells of each row, and the line that it begins on. Empty lines are none.
  private static func rows(
    of text: String.UnicodeScalarView, _ file: String
  ) throws(ReportError) -> [(line: Int, cells: [String])] {
    var rows: [(line: Int, cells: [String])] = []
    var (line, begin) = (1, 1)
    var (cells, cell): ([String], String) = ([], "")
    var (isQuoted, wasQuoted) = (false, false)
    func endRow() {
      if !cells.isEmpty || !cell.isEmpty || wasQuoted { rows.append((begin, cells + [cell])) }
      (cells, cell, wasQuoted) = ([], "", false)
    }
    var place = text.startIndex
    while place < text.endIndex {
      let next = text.index(after: place)
      let (sign, after) = (text[place], next < text.endIndex ? text[next] : nil)
      place = next
      if sign == "\n" { line += 1 }
      switch (sign, isQuoted) {
      case ("\"", true) where after == "\"":
        cell.unicodeScalars.append(sign)
        place = text.index(after: next)
      case ("\"", true): isQuoted = false
      case ("\"", false) where cell.isEmpty && !wasQuoted: (isQuoted, wasQuoted) = (true, true)
      case (",", false):
        cells.append(cell)
        (cell, wasQuoted) = ("", false)
      case ("\r", false) where after == "\n": continue
      case ("\n", false):
        endRow()
        begin = line
      default: cell.unicodeScalars.append(sign)
      }
    }
    guard !isQuoted else { throw .badTable(file: file, reason: "line \(begin): a quote is not closed") }
    endRow()
    return rows
  }

  /// Where a column stands.
  /// - Throws: `ReportError.badTable` with the names that there are.
  func column(_ name: String, file: String) throws(ReportError) -> Int {
    guard let place = heading.firstIndex(of: name) else {
      throw .badTable(file: file, reason: "no column \"\(name)\"; there are \(heading.joined(separator: ", "))")
    }
    return place
  }
}
