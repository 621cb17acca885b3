import Base
import Foundation

/// Panels under one title with one legend, and the data that they show.
package struct Figure: Sendable {
  /// A part of a figure.
  package enum Part: Sendable {
    case panel(Panel)
    case bars(BarPanel)

    var drawing: Drawing {
      switch self {
      case .panel(let panel): panel.drawing
      case .bars(let panel): panel.drawing
      }
    }

    var title: String {
      switch self {
      case .panel(let panel): panel.title
      case .bars(let panel): panel.title
      }
    }
  }

  /// The name of its files, without ending.
  package let name: String
  package let title: String
  /// What is seen, and how it was made.
  package let caption: String
  package var parts: [Part]
  package var legend: Legend
  /// All that is drawn, and more where there is more.
  package var data: CSV

  package init(_ name: String, _ title: String, caption: String, parts: [Part], legend: Legend, data: CSV) {
    (self.name, self.title, self.caption) = (name, title, caption)
    (self.parts, self.legend, self.data) = (parts, legend, data)
  }

  /// The figure as a file of its own.
  package var file: [UInt8] {
    let drawings = parts.map(\.drawing)
    let columns = max(1, min(drawings.count, drawings.count == 4 ? 2 : 3))
    let width = Double(columns) * Panel.width
    var body = ""
    var top = 30.0
    var heading = Drawing(width: width, height: 30)
    heading.text(fitted(title, to: width - 16, size: 12.5), x: 8, y: 20, kind: "title")
    body += heading.body
    let key = legend.drawing(width: width)
    body += "<g transform=\"translate(0 \(coordinate(top)))\">\(key.body)</g>"
    top += key.height
    for start in stride(from: 0, to: drawings.count, by: columns) {
      let row = drawings[start..<min(start + columns, drawings.count)]
      for (column, drawing) in row.enumerated() {
        let left = Double(column) * Panel.width
        body += "\n<g transform=\"translate(\(coordinate(left)) \(coordinate(top)))\">\(drawing.body)</g>"
      }
      top += row.map(\.height).max() ?? 0
    }
    let whole = Drawing(width: width, height: top, body: body)
    return Array(Figure.element(whole, title: title, isFile: true).utf8)
  }

  /// The figure as part of a page: legend and panels flow with its width.
  var html: String {
    var text = "<figure id=\"\(name)\"><h3>\(escapedMarkup(title))</h3>"
    text += "<p class=\"note\">\(escapedMarkup(caption))</p>\(legend.html)<div class=\"panels\">"
    for part in parts { text += Figure.element(part.drawing, title: part.title, isFile: false) + "\n" }
    text += "</div><figcaption>Files: <code>figures/\(name).svg</code>, <code>figures/\(name).csv</code></figcaption>"
    return text + "</figure>\n"
  }

  private static func element(_ drawing: Drawing, title: String, isFile: Bool) -> String {
    let size = "\(coordinate(drawing.width)) \(coordinate(drawing.height))"
    var text = isFile ? "<svg xmlns=\"http://www.w3.org/2000/svg\" " : "<svg "
    text += "class=\"fig\" role=\"img\" viewBox=\"0 0 \(size)\" width=\"\(coordinate(drawing.width))\""
    text += " height=\"\(coordinate(drawing.height))\"><title>\(escapedMarkup(title))</title>"
    if isFile {
      text += "\n<style>\(FigureStyle.sheet)</style>"
      text += "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>"
    }
    return text + drawing.body + "</svg>" + (isFile ? "\n" : "")
  }
}
