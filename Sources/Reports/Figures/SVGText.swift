import Base
import Foundation

/// Text that becomes part of HTML or SVG.
package func escapedMarkup(_ text: String) -> String {
  var escaped = ""
  for character in text.printable.unicodeScalars {
    switch character {
    case "&": escaped += "&amp;"
    case "<": escaped += "&lt;"
    case ">": escaped += "&gt;"
    case "\"": escaped += "&quot;"
    case "'": escaped += "&#39;"
    default: escaped.unicodeScalars.append(character)
    }
  }
  return escaped
}

/// A coordinate in at most two decimals.
func coordinate(_ value: Double) -> String {
  var text = String(format: "%.2f", value)
  while text.hasSuffix("0") { text.removeLast() }
  if text.hasSuffix(".") { text.removeLast() }
  return text == "-0" ? "0" : text
}

/// About how wide a text is at a font size, in the same units; rather too much than too little.
func textWidth(_ text: String, size: Double = 11) -> Double {
  text.unicodeScalars.reduce(0) { width, scalar in
    switch scalar {
    case "i", "l", "j", "t", "f", "I", ".", ",", ":", ";", "|", "'", " ", "(", ")", "-": width + 0.36 * size
    case "m", "w", "M", "W", "@", "%", "—": width + 0.95 * size
    case "A"..."Z", "0"..."9", "_", "α", "×": width + 0.67 * size
    default: width + 0.58 * size
    }
  }
}

/// The text, cut to `width` with an ellipsis.
func fitted(_ text: String, to width: Double, size: Double = 11) -> String {
  guard textWidth(text, size: size) > width else { return text }
  var short = text
  while !short.isEmpty, textWidth(short + "…", size: size) > width { short.removeLast() }
  return short + "…"
}

/// A part of a figure: what is drawn, and its size.
struct Drawing: Equatable, Sendable {
  var width: Double
  var height: Double
  /// SVG elements, from (0, 0).
  var body = ""

  mutating func text(
    _ text: String, x: Double, y: Double, anchor: String = "start", kind: String = "", turned: Bool = false
  ) {
    let place = turned ? " transform=\"rotate(-90 \(coordinate(x)) \(coordinate(y)))\"" : ""
    let name = kind.isEmpty ? "" : " class=\"\(kind)\""
    let start = anchor == "start" ? "" : " text-anchor=\"\(anchor)\""
    body += "<text x=\"\(coordinate(x))\" y=\"\(coordinate(y))\"\(start)\(name)\(place)>\(escapedMarkup(text))</text>"
  }

  mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, kind: String, dashes: String = "") {
    let dash = dashes.isEmpty ? "" : " stroke-dasharray=\"\(dashes)\""
    body +=
      "<line x1=\"\(coordinate(x1))\" y1=\"\(coordinate(y1))\" x2=\"\(coordinate(x2))\" y2=\"\(coordinate(y2))\""
      + " class=\"\(kind)\"\(dash)/>"
  }

  mutating func path(_ points: [(x: Double, y: Double)], style: FigureStyle, isClosed: Bool = false) {
    guard let first = points.first else { return }
    var data = "M\(coordinate(first.x)) \(coordinate(first.y))"
    for point in points.dropFirst() { data += "L\(coordinate(point.x)) \(coordinate(point.y))" }
    if isClosed {
      // A style's fill stands before the rule that empties paths.
      body += "<polygon points=\"" + points.map { "\(coordinate($0.x)),\(coordinate($0.y))" }.joined(separator: " ")
      body += "\" class=\"band f\(style.colour)\"/>"
      return
    }
    let dash = style.dashes.isEmpty ? "" : " stroke-dasharray=\"\(style.dashes)\""
    body += "<path d=\"\(data)\" class=\"line s\(style.colour)\"\(dash)/>"
  }

  mutating func marker(_ x: Double, _ y: Double, style: FigureStyle, isHollow: Bool = false) {
    let fill = [.cross, .plus].contains(style.marker) ? "" : isHollow ? " hole" : " f\(style.colour)"
    let path = style.marker.path
    body +=
      "<path d=\"\(path)\" transform=\"translate(\(coordinate(x)) \(coordinate(y)))\""
      + " class=\"mark s\(style.colour)\(fill)\"/>"
  }

  mutating func rectangle(_ x: Double, _ y: Double, _ width: Double, _ height: Double, kind: String) {
    body +=
      "<rect x=\"\(coordinate(x))\" y=\"\(coordinate(y))\" width=\"\(coordinate(width))\""
      + " height=\"\(coordinate(height))\" class=\"\(kind)\"/>"
  }
}
