import Foundation

/// What the lines and points of a figure mean.
package struct Legend: Sendable {
  /// What a sample shows.
  package enum Sample: Equatable, Sendable {
    case lineAndPoint, line, point(hollow: Bool), band, bar, frontier
  }

  package var entries: [(name: String, style: FigureStyle, sample: Sample)] = []

  package init() {}

  /// Adds an entry, unless there is one of that name.
  package mutating func add(_ name: String, _ style: Int, _ sample: Sample) {
    guard !entries.contains(where: { $0.name == name }) else { return }
    entries.append((name, FigureStyle(style), sample))
  }

  /// Entries in rows, as many beside each other as `width` holds.
  func drawing(width: Double) -> Drawing {
    var drawing = Drawing(width: width, height: 0)
    var (x, y) = (8.0, 14.0)
    for entry in entries {
      let name = fitted(entry.name, to: width - 50)
      let space = 32 + textWidth(name) + 14
      if x > 8, x + space > width { (x, y) = (8, y + 18) }
      sample(entry.style, entry.sample, x, y - 4, &drawing)
      drawing.text(name, x: x + 32, y: y)
      x += space
    }
    drawing.height = entries.isEmpty ? 0 : y + 8
    return drawing
  }

  /// Entries as a list that flows with the page.
  var html: String {
    guard !entries.isEmpty else { return "" }
    let items = entries.map { entry in
      var drawing = Drawing(width: 28, height: 14)
      sample(entry.style, entry.sample, 1, 7, &drawing)
      return "<li><svg class=\"fig\" viewBox=\"0 0 28 14\" width=\"28\" height=\"14\" aria-hidden=\"true\">"
        + drawing.body + "</svg>\(escapedMarkup(entry.name))</li>"
    }
    return "<ul class=\"key\">" + items.joined() + "</ul>"
  }

  private func sample(_ style: FigureStyle, _ sample: Sample, _ x: Double, _ y: Double, _ drawing: inout Drawing) {
    switch sample {
    case .lineAndPoint:
      drawing.path([(x, y), (x + 26, y)], style: style)
      drawing.marker(x + 13, y, style: style)
    case .line: drawing.path([(x, y), (x + 26, y)], style: style)
    case .point(let hollow): drawing.marker(x + 13, y, style: style, isHollow: hollow)
    case .bar: drawing.rectangle(x, y - 4, 26, 8, kind: "f\(style.colour)")
    case .frontier: drawing.line(x, y, x + 26, y, kind: "axis", dashes: "4 3")
    case .band:
      drawing.rectangle(x, y - 5, 26, 10, kind: "band f\(style.colour)")
      drawing.line(x, y, x + 26, y, kind: "thin s\(style.colour)", dashes: style.dashes)
    }
  }
}
