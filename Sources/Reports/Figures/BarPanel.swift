import Foundation

/// Values by name, one row each: bars from zero, or points with their range.
package struct BarPanel: Sendable {
  /// A value of a row.
  package struct Item: Sendable {
    package var style: FigureStyle
    package var value: Double
    package var low: Double?
    package var high: Double?
    package var isHollow: Bool

    package init(_ style: Int, _ value: Double, low: Double? = nil, high: Double? = nil, isHollow: Bool = false) {
      (self.style, self.value, self.low, self.high) = (FigureStyle(style), value, low, high)
      self.isHollow = isHollow
    }
  }

  package var title: String
  package var x: Axis
  package var rows: [(name: String, items: [Item])]
  /// Bars from zero; else points.
  package var hasBars: Bool

  package init(_ title: String, x: Axis, hasBars: Bool, rows: [(name: String, items: [Item])]) {
    (self.title, self.x, self.hasBars, self.rows) = (title, x, hasBars, rows)
  }

  /// From one item of a row to the next.
  private var spacing: Double { hasBars ? 12 : 8 }

  private func height(of row: (name: String, items: [Item])) -> Double {
    Double(max(row.items.count, 1)) * spacing + 8
  }

  var drawing: Drawing {
    let bottom = 28 + rows.reduce(0) { $0 + height(of: $1) }
    var drawing = Drawing(width: Panel.width, height: bottom + 40)
    drawing.text(fitted(title, to: Panel.width - 16, size: 13.5), x: 8, y: 16, kind: "title")
    let items = rows.flatMap(\.items)
    var values = items.map(\.value) + items.compactMap(\.low) + items.compactMap(\.high)
    if hasBars { values.append(0) }
    let axis = PlacedAxis(x, values: values, airShare: 0.05)
    let left = min(150, (rows.map { textWidth($0.name) }.max() ?? 0)) + 14
    let right = Panel.width - 16
    func place(_ value: Double) -> Double? { axis.place(value).map { left + min(max($0, 0), 1) * (right - left) } }
    grid(&drawing, axis, bottom: bottom, place)
    var top = 28.0
    for row in rows {
      let height = height(of: row)
      drawing.text(fitted(row.name, to: 150), x: left - 6, y: top + height / 2 + 3.8, anchor: "end")
      for (index, item) in row.items.enumerated() { draw(item, index, top: top, place, &drawing) }
      top += height
    }
    drawing.text(x.label, x: (left + right) / 2, y: bottom + 32, anchor: "middle")
    return drawing
  }

  private func grid(
    _ drawing: inout Drawing, _ axis: PlacedAxis, bottom: Double, _ place: (Double) -> Double?
  ) {
    var free = -Double.infinity
    for (value, label) in zip(axis.ticks.values, axis.ticks.labels) {
      guard let x = place(value) else { continue }
      drawing.line(x, 26, x, bottom, kind: "grid")
      let half = textWidth(label) / 2
      guard x - half > free else { continue }
      free = x + half + 3
      drawing.text(label, x: min(x, Panel.width - half - 1), y: bottom + 14, anchor: "middle", kind: "soft")
    }
  }

  private func draw(
    _ item: Item, _ index: Int, top: Double, _ place: (Double) -> Double?, _ drawing: inout Drawing
  ) {
    guard let x = place(item.value) else { return }
    let y = top + 4 + (Double(index) + 0.5) * spacing
    let kind = "thin s\(item.style.colour)"
    if hasBars, let zero = place(0) {
      drawing.rectangle(min(zero, x), y - 4, max(abs(x - zero), 0.5), 8, kind: "f\(item.style.colour)")
    }
    if let low = item.low.flatMap(place), let high = item.high.flatMap(place), high - low > 0.5 {
      drawing.line(low, y, high, y, kind: hasBars ? "axis" : kind)
      for end in [low, high] { drawing.line(end, y - 3, end, y + 3, kind: hasBars ? "axis" : kind) }
    }
    if !hasBars { drawing.marker(x, y, style: item.style, isHollow: item.isHollow) }
  }
}
