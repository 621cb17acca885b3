import Foundation

extension Panel {
  /// The size of a panel: two stand beside each other on a page, one fits on a telephone.
  static let width = 360.0
  static let height = 250.0

  /// Where values come to lie.
  private struct Frame {
    let left: Double
    let right: Double
    let top: Double
    let bottom: Double
    let x: PlacedAxis
    let y: PlacedAxis

    func place(_ x: Double, _ y: Double) -> (x: Double, y: Double)? {
      guard let across = self.x.place(x), let up = self.y.place(y) else { return nil }
      return (left + across * (right - left), self.bottom - up * (bottom - top))
    }

    /// The height of a value, kept within the frame.
    func height(_ y: Double) -> Double? {
      self.y.place(y).map { bottom - min(max($0, 0), 1) * (bottom - top) }
    }
  }

  var drawing: Drawing {
    var drawing = Drawing(width: Panel.width, height: Panel.height)
    let frame = self.frame
    drawing.text(fitted(title, to: Panel.width - 16, size: 13.5), x: 8, y: 16, kind: "title")
    axes(&drawing, frame)
    for level in levels { draw(level, &drawing, frame) }
    for mark in marks { draw(mark, &drawing, frame) }
    for series in series where series.drawn == .line { band(series, &drawing, frame) }
    for (index, series) in series.enumerated() { draw(series, nudge: nudge(index), &drawing, frame) }
    names(&drawing, frame)
    return drawing
  }

  private var frame: Frame {
    let all = series.flatMap(\.points)
    var ys = all.map(\.y) + all.compactMap(\.low) + all.compactMap(\.high)
    ys += levels.flatMap { [$0.low, $0.high, $0.y] }
    let placedX = PlacedAxis(x, values: all.map(\.x) + marks.map(\.x), airShare: 0.04)
    let placedY = PlacedAxis(y, values: ys, airShare: 0.06)
    let widest = placedY.ticks.labels.map { textWidth($0) }.max() ?? 0
    return Frame(
      left: 24 + widest + 6, right: Panel.width - 14, top: 28, bottom: Panel.height - 40, x: placedX, y: placedY)
  }

  /// Whiskers of several series at one x must not hide each other.
  private func nudge(_ index: Int) -> Double {
    let many = series.filter { $0.points.contains { $0.low != nil } && $0.drawn == .lineAndPoints }.count
    return many > 1 ? (Double(index) - Double(series.count - 1) / 2) * min(3, 16 / Double(series.count)) : 0
  }

  private func axes(_ drawing: inout Drawing, _ frame: Frame) {
    for (value, label) in zip(frame.y.ticks.values, frame.y.ticks.labels) {
      guard let y = frame.height(value) else { continue }
      drawing.line(frame.left, y, frame.right, y, kind: "grid")
      drawing.text(label, x: frame.left - 5, y: y + 3.8, anchor: "end", kind: "soft")
    }
    var free = -Double.infinity
    for (value, label) in zip(frame.x.ticks.values, frame.x.ticks.labels) {
      guard let across = frame.x.place(value), (-0.001...1.001).contains(across) else { continue }
      let x = frame.left + across * (frame.right - frame.left)
      drawing.line(x, frame.bottom, x, frame.bottom + 4, kind: "axis")
      let half = textWidth(label) / 2
      guard x - half > free else { continue }
      free = x + half + 3
      let place = min(x, Panel.width - half - 1)
      drawing.text(label, x: place, y: frame.bottom + 15, anchor: "middle", kind: "soft")
    }
    drawing.line(frame.left, frame.bottom, frame.right, frame.bottom, kind: "axis")
    drawing.text(
      x.label, x: (frame.left + frame.right) / 2, y: Panel.height - 8, anchor: "middle")
    drawing.text(
      fitted(y.label, to: frame.bottom - frame.top + 20), x: 13, y: (frame.top + frame.bottom) / 2, anchor: "middle",
      turned: true)
  }

  private func draw(_ level: Level, _ drawing: inout Drawing, _ frame: Frame) {
    guard let low = frame.height(level.low), let high = frame.height(level.high), let middle = frame.height(level.y)
    else { return }
    drawing.rectangle(
      frame.left, high, frame.right - frame.left, max(low - high, 0.5), kind: "band f\(level.style.colour)")
    drawing.line(
      frame.left, middle, frame.right, middle, kind: "thin s\(level.style.colour)", dashes: level.style.dashes)
  }

  private func draw(_ mark: Mark, _ drawing: inout Drawing, _ frame: Frame) {
    guard let across = frame.x.place(mark.x), (0...1).contains(across) else { return }
    let x = frame.left + across * (frame.right - frame.left)
    drawing.line(x, frame.top, x, frame.bottom, kind: "axis", dashes: "3 3")
    let fitsRight = x + textWidth(mark.name) + 6 < frame.right
    drawing.text(
      mark.name, x: fitsRight ? x + 4 : x - 4, y: frame.top + 9, anchor: fitsRight ? "start" : "end", kind: "soft")
  }

  private func band(_ series: Series, _ drawing: inout Drawing, _ frame: Frame) {
    let ends = series.points.compactMap { point -> (x: Double, low: Double, high: Double)? in
      guard let low = point.low.flatMap(frame.height), let high = point.high.flatMap(frame.height),
        let x = frame.place(point.x, point.y)?.x
      else { return nil }
      return (x, low, high)
    }
    guard ends.count > 1 else { return }
    drawing.path(
      ends.map { ($0.x, $0.high) } + ends.reversed().map { ($0.x, $0.low) }, style: series.style, isClosed: true)
  }

  private func draw(_ series: Series, nudge: Double, _ drawing: inout Drawing, _ frame: Frame) {
    let places = series.points.compactMap { point -> (x: Double, y: Double, point: Point)? in
      guard let place = frame.place(point.x, point.y), let y = frame.height(point.y) else { return nil }
      return (place.x + nudge, y, point)
    }
    let corners = places.map { (x: $0.x, y: $0.y) }
    switch series.drawn {
    case .frontier:
      for (a, b) in zip(corners, corners.dropFirst()) { drawing.line(a.x, a.y, b.x, b.y, kind: "axis", dashes: "4 3") }
    case .line: drawing.path(corners, style: series.style)
    case .lineAndPoints:
      drawing.path(corners, style: series.style)
      places.forEach { whisker($0, series.style, &drawing, frame) }
      places.forEach { drawing.marker($0.x, $0.y, style: series.style) }
    case .points(let hollow):
      places.forEach { whisker($0, series.style, &drawing, frame) }
      places.forEach { drawing.marker($0.x, $0.y, style: series.style, isHollow: hollow) }
    }
  }

  private func whisker(
    _ place: (x: Double, y: Double, point: Point), _ style: FigureStyle, _ drawing: inout Drawing, _ frame: Frame
  ) {
    guard let low = place.point.low.flatMap(frame.height), let high = place.point.high.flatMap(frame.height),
      abs(low - high) > 0.5
    else { return }
    drawing.line(place.x, low, place.x, high, kind: "thin s\(style.colour)")
    for y in [low, high] { drawing.line(place.x - 2.5, y, place.x + 2.5, y, kind: "thin s\(style.colour)") }
  }

  /// Names right of their points, or left, above or below, where they meet no name or point before them; else none.
  private func names(_ drawing: inout Drawing, _ frame: Frame) {
    struct Box { let x0, y0, x1, y1: Double }
    let places = pointNames.compactMap { name in frame.place(name.x, name.y).map { ($0, name.name) } }
    var taken = places.map { Box(x0: $0.0.x - 4, y0: $0.0.y - 4, x1: $0.0.x + 4, y1: $0.0.y + 4) }
    for (place, name) in places {
      let width = textWidth(name, size: 10)
      let offers = [(7.0, 3.5), (-7 - width, 3.5), (-width / 2, -8.0), (-width / 2, 15.0)]
      for (dx, dy) in offers {
        let box = Box(x0: place.x + dx, y0: place.y + dy - 9, x1: place.x + dx + width, y1: place.y + dy + 2)
        guard box.x0 > frame.left, box.x1 < Panel.width, box.y0 > frame.top - 6, box.y1 < frame.bottom,
          !taken.contains(where: { $0.x0 < box.x1 && box.x0 < $0.x1 && $0.y0 < box.y1 && box.y0 < $0.y1 })
        else { continue }
        taken.append(box)
        drawing.text(name, x: box.x0, y: place.y + dy, kind: "soft")
        break
      }
    }
  }
}
