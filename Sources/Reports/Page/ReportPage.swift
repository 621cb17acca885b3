/// One HTML file, with all that it shows inside it: no script, no font, no picture from elsewhere.
struct ReportPage {
  /// A part of a page.
  struct Section {
    let id: String
    let title: String
    let html: String
  }

  let title: String
  /// Lines below the title.
  let lead: [String]
  var sections: [Section] = []

  mutating func add(_ id: String, _ title: String, _ html: String) {
    if !html.isEmpty { sections.append(Section(id: id, title: title, html: html)) }
  }

  var bytes: [UInt8] {
    var text = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    text += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
    text += "<meta name=\"color-scheme\" content=\"light dark\"><title>\(escapedMarkup(title))</title>\n"
    text += "<style>\(PageStyle.sheet)\n\(FigureStyle.sheet)</style></head>\n<body><main><header>"
    text += "<h1>\(escapedMarkup(title))</h1>" + lead.map { "<p>\(escapedMarkup($0))</p>" }.joined() + "<nav>"
    text += sections.map { "<a href=\"#\($0.id)\">\(escapedMarkup($0.title))</a>" }.joined(separator: " ")
    text += "</nav></header>\n"
    for section in sections {
      text += "<section id=\"\(section.id)\"><h2>\(escapedMarkup(section.title))</h2>\n\(section.html)</section>\n"
    }
    return Array((text + "</main></body></html>\n").utf8)
  }

  /// A part that opens on demand; open in print by what the reader opened.
  static func folded(_ title: String, _ html: String) -> String {
    "<details><summary>\(escapedMarkup(title))</summary>\n\(html)</details>\n"
  }

  /// A list of lines.
  static func list(_ lines: [String]) -> String {
    lines.isEmpty ? "" : "<ul>" + lines.map { "<li>\(escapedMarkup($0))</li>" }.joined() + "</ul>\n"
  }

  /// A paragraph.
  static func paragraph(_ text: String) -> String { "<p>\(escapedMarkup(text))</p>\n" }
}
