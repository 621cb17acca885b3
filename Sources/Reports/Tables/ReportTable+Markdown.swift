import Base

extension ReportTable {
  /// A pipe table; headings over columns go before the columns' names, as Markdown has one line for them.
  package var markdown: String {
    var over: [String] = []
    for group in groups { over += [String](repeating: group.text, count: group.span) }
    let names = columns.enumerated().map { index, name in
      index < over.count && !over[index].isEmpty ? "\(over[index]): \(name)" : name
    }
    var text = "**\(ReportTable.plain(caption))**\n\n"
    text += "| " + names.map(ReportTable.plain).joined(separator: " | ") + " |\n"
    text += "|" + columns.indices.map { $0 < nameCount ? "---|" : "---:|" }.joined() + "\n"
    for row in rows {
      switch row {
      case .group(let name):
        let rest = [String](repeating: "", count: columns.count - 1)
        text += "| " + (["*\(ReportTable.plain(name))*"] + rest).joined(separator: " | ") + " |\n"
      case .cells(let cells): text += "| " + cells.map(ReportTable.markdown).joined(separator: " | ") + " |\n"
      }
    }
    return text + "\n" + notes.map { ReportTable.plain($0) + "\n\n" }.joined()
  }

  private static func markdown(_ cell: Cell) -> String {
    let main = cell.isBold ? "**\(plain(cell.text))**" : plain(cell.text)
    return cell.below.isEmpty ? main : main + " (" + cell.below.map(plain).joined(separator: "; ") + ")"
  }

  /// Text that Markdown does not take for its own signs.
  private static func plain(_ text: String) -> String {
    var plain = ""
    for character in text.printable {
      if "\\|*`<>[]_".contains(character) { plain.append("\\") }
      plain.append(character)
    }
    return plain
  }
}
