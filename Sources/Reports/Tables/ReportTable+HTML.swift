import Foundation

extension ReportTable {
  /// A table that scrolls in its own frame where the page is narrow.
  var html: String {
    var text = "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"\(escapedMarkup(caption))\">"
    text += isGrouped ? "<table class=\"grouped\">" : "<table>"
    text += "<caption>\(escapedMarkup(caption))</caption><thead>"
    if !groups.isEmpty {
      let cells = groups.map { "<th scope=\"colgroup\" colspan=\"\($0.span)\">\(escapedMarkup($0.text))</th>" }
      text += "<tr>" + cells.joined() + "</tr>"
    }
    text += "<tr>" + columns.enumerated().map { head($0, $1) }.joined() + "</tr></thead><tbody>\n"
    for row in rows {
      switch row {
      case .group(let name):
        text += "<tr class=\"group\"><th colspan=\"\(columns.count)\" scope=\"rowgroup\">"
        text += "<span>\(escapedMarkup(name))</span></th></tr>\n"
      case .cells(let cells): text += "<tr>" + cells.enumerated().map { html($0, $1) }.joined() + "</tr>\n"
      }
    }
    text += "</tbody></table></div>\n"
    return text + notes.map { "<p class=\"note\">\(escapedMarkup($0))</p>\n" }.joined()
  }

  /// Whether the first column says what the headings between rows say: it may go where there is no room.
  private var isGrouped: Bool {
    guard nameCount > 1, rows.count > 1, case .group(let name) = rows[0], case .cells(let cells) = rows[1] else {
      return false
    }
    return cells.first?.text == name
  }

  /// Markup in which an interval or a bound is not torn at a line's end.
  private func whole(_ text: String) -> String {
    var text = escapedMarkup(text)
    for (torn, kept) in [(" ± ", "\u{A0}±\u{A0}"), ("&lt; ", "&lt;\u{A0}"), ("best of ", "best\u{A0}of\u{A0}")] {
      text = text.replacingOccurrences(of: torn, with: kept)
    }
    return text
  }

  private func head(_ index: Int, _ name: String) -> String {
    "<th scope=\"col\"\(index < nameCount ? "" : " class=\"n\"")>\(escapedMarkup(name))</th>"
  }

  private func html(_ index: Int, _ cell: Cell) -> String {
    let main = cell.isBold ? "<b>\(whole(cell.text))</b>" : whole(cell.text)
    let below = cell.below.map { "<small>\(whole($0))</small>" }.joined()
    return index < nameCount ? "<th scope=\"row\">\(main)\(below)</th>" : "<td>\(main)\(below)</td>"
  }
}
