import Base
import Foundation

/// Rows of values after RFC 4180: comma, quotes where they are needed, a line feed each.
package struct CSV: Equatable, Sendable {
  package let heading: [String]
  package private(set) var rows: [[String]] = []

  package init(_ heading: [String]) { self.heading = heading }

  /// Adds a row.
  package mutating func add(_ cells: [String]) { rows.append(cells) }

  /// The text.
  package var bytes: [UInt8] {
    Array(([heading] + rows).map { CSV.line($0) + "\n" }.joined().utf8)
  }

  /// A lone empty cell has quotes: an empty line would be no row.
  private static func line(_ cells: [String]) -> String {
    let text = cells.map(CSV.quoted).joined(separator: ",")
    return text.isEmpty ? "\"\"" : text
  }

  private static func quoted(_ cell: String) -> String {
    let text = cell.printable
    // A spreadsheet would take a text that begins so for a formula; numbers it may.
    let safe = text.first.map { "=+@".contains($0) } == true && Double(text) == nil ? "'" + text : text
    guard safe.contains(where: { $0 == "," || $0 == "\"" }) else { return safe }
    return "\"" + safe.replacingOccurrences(of: "\"", with: "\"\"") + "\""
  }

  /// A number with all its digits; empty where there is none.
  package static func number(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "" }
    return value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : value.description
  }

  /// A count; empty where there is none.
  package static func number(_ value: Int?) -> String { value.map(String.init) ?? "" }
}
