import Foundation

/// The figures of a sweep's scores; each is nil where its data are not there yet.
struct SweepFigures {
  let grid: ScoreGrid
  let contrasts: [PlannedContrast]

  /// A style a scheme, the same in all figures; float32 is always the grey one.
  static func style(_ group: ScoreGrid.Group, in groups: [ScoreGrid.Group]) -> Int {
    let grey = FigureStyle.colours.count - 1
    if group.isFloat32 { return grey }
    // Post-training baselines look as the scheme that they come to.
    let like = group.trained ?? group
    let others = groups.filter { !$0.isFloat32 && $0.baseline == nil }
    let index = others.firstIndex(of: like) ?? others.count
    return index < grey ? index : index + 1
  }

  private func style(_ group: ScoreGrid.Group) -> Int { SweepFigures.style(group, in: grid.groups) }

  private func title(_ column: ScoreGrid.Column) -> String { "\(column.task), \(column.model)" }

  private func yAxis(_ column: ScoreGrid.Column) -> Axis {
    Axis((grid.measures[column.task]?.title ?? "score") + " (%)")
  }

  private func interval(_ entry: ScoreEntry?) -> (mean: Double, low: Double, high: Double)? {
    entry?.test.map { (100 * $0.mean, max(0, 100 * $0.lowerEnd), min(100, 100 * $0.upperEnd)) }
  }

  private func float32(_ column: ScoreGrid.Column) -> (mean: Double, low: Double, high: Double)? {
    guard let group = grid.groups.first(where: { $0.isFloat32 && $0.variant.isEmpty }) else { return nil }
    return interval(grid.entry(group, 0, column))
  }

  /// The α that validation chose, or the only one.
  private func chosen(_ group: ScoreGrid.Group, _ column: ScoreGrid.Column) -> Double? {
    if let found = contrasts.first(where: { $0.group == group && $0.column == column }) { return found.chosen }
    let alphas = grid.alphas[group] ?? []
    return alphas.count == 1 ? alphas[0] : alphas.first { $0 > 0 && grid.entry(group, $0, column)?.test != nil }
  }

  /// F1 against α, a line a scheme, a band for float32.
  var scoresByAlpha: Figure? {
    var legend = Legend()
    var csv = CSV(["task", "model", "scheme", "alpha", "mean_percent", "low_percent", "high_percent", "collapsed"])
    var panels: [Figure.Part] = []
    for column in grid.columns {
      var panel = Panel(title(column), x: Axis("α", marks: marks), y: yAxis(column))
      if let level = float32(column) {
        let style = FigureStyle.colours.count - 1
        panel.levels.append(.init(style, level.mean, low: level.low, high: level.high))
        legend.add("float32, α 0", style, .band)
      }
      for group in grid.groups where group.baseline == nil {
        let alphas = grid.alphas[group] ?? []
        if group.isFloat32, alphas.count < 2 { continue }
        let points = alphas.compactMap { alpha -> Panel.Point? in
          guard let entry = grid.entry(group, alpha, column), let at = interval(entry) else { return nil }
          csv.add([
            column.task, column.model, group.title, alphaText(alpha), CSV.number(at.mean), CSV.number(at.low),
            CSV.number(at.high), "\(entry.collapsedCount)",
          ])
          return Panel.Point(alpha, at.mean, low: at.low, high: at.high)
        }
        guard !points.isEmpty else { continue }
        panel.series.append(.init(group.title, style(group), .lineAndPoints, points))
        legend.add(group.title, style(group), .lineAndPoint)
      }
      if !panel.series.isEmpty { panels.append(.panel(panel)) }
    }
    guard !panels.isEmpty else { return nil }
    return Figure(
      "scores-by-alpha", "Test score against α",
      caption:
        "Means over seeds of runs that did not collapse, with 95 % intervals where there are several seeds; the band "
        + "is float32 without a first stage. Lines are set side by side a little, so that intervals do "
        + "not hide each other.",
      parts: panels, legend: legend, data: csv)
  }

  private var marks: [Double] { Set(grid.alphas.values.joined()).sorted() }

  /// Size on disk against F1, with the frontier.
  var scoresBySize: Figure? {
    var legend = Legend()
    var csv = CSV([
      "task", "model", "scheme", "alpha", "megabytes", "file", "mean_percent", "low_percent", "high_percent",
      "on_frontier",
    ])
    var panels: [Figure.Part] = []
    for column in grid.columns {
      var panel = Panel(title(column), x: Axis("size on disk (MB)", scale: .logarithmic), y: yAxis(column))
      var points: [(group: ScoreGrid.Group, alpha: Double, point: Panel.Point, isPacked: Bool)] = []
      for group in grid.groups {
        guard let alpha = chosen(group, column) ?? grid.alphas[group]?.first,
          let entry = grid.entry(group, alpha, column), let at = interval(entry),
          let size = SizeTable.size(of: entry.runs.map(\.cell), isFloat32: group.isFloat32)
        else { continue }
        let point = Panel.Point(Numbers.megabytes(size.bytes), at.mean, low: at.low, high: at.high)
        points.append((group, alpha, point, size.isPacked))
      }
      guard !points.isEmpty else { continue }
      let frontier = SweepFigures.frontier(points.map(\.point))
      panel.series.append(.init("frontier", 0, .frontier, frontier))
      for (group, alpha, point, isPacked) in points {
        let isHollow = group.baseline != nil
        panel.series.append(.init(group.title, style(group), .points(hollow: isHollow), [point]))
        legend.add(group.title, style(group), .point(hollow: isHollow))
        csv.add([
          column.task, column.model, group.title, alphaText(alpha), CSV.number(point.x),
          isPacked ? "packed" : "checkpoint", CSV.number(point.y), CSV.number(point.low), CSV.number(point.high),
          frontier.contains(point) ? "1" : "0",
        ])
      }
      legend.add("frontier", 0, .frontier)
      panels.append(.panel(panel))
    }
    guard !panels.isEmpty else { return nil }
    return Figure(
      "scores-by-size", "Size against test score",
      caption:
        "Bytes of the packed checkpoint (of float32: of the checkpoint), as measured on disk; each scheme at the α "
        + "that validation chose. No point lies above and left of the frontier.", parts: panels, legend: legend,
      data: csv)
  }

  /// Points that none beats by being both no larger and better.
  static func frontier(_ points: [Panel.Point]) -> [Panel.Point] {
    var best = -Double.infinity
    return points.sorted { ($0.x, -$0.y) < ($1.x, -$1.y) }.filter { point in
      guard point.y > best else { return false }
      best = point.y
      return true
    }
  }

  /// Post-training quantization beside training with quantizers.
  var postTraining: Figure? {
    var legend = Legend()
    var csv = CSV([
      "task", "model", "scheme", "kind", "alpha", "mean_percent", "low_percent", "high_percent", "collapsed",
    ])
    var panels: [Figure.Part] = []
    for column in grid.columns {
      var rows: [(name: String, items: [BarPanel.Item])] = []
      for group in grid.groups {
        guard let trained = group.trained else { continue }
        let alphas = grid.alphas[group] ?? []
        var items: [BarPanel.Item] = []
        func add(_ kind: String, _ style: Int, _ of: ScoreGrid.Group, _ alpha: Double?) {
          guard let alpha, let entry = grid.entry(of, alpha, column), !entry.runs.isEmpty else { return }
          // A row of collapsed runs has no mean; what they scored says why.
          let scores = entry.runs.map { 100 * $0.test }
          let at = interval(entry) ?? (scores.reduce(0, +) / Double(scores.count), scores.min()!, scores.max()!)
          let isHollow = entry.test == nil
          items.append(.init(style, at.mean, low: at.low, high: at.high, isHollow: isHollow))
          legend.add(kind, style, .point(hollow: false))
          if isHollow { legend.add(kind + ", all collapsed", style, .point(hollow: true)) }
          csv.add([
            column.task, column.model, group.baseline ?? "", kind, alphaText(alpha), CSV.number(at.mean),
            CSV.number(at.low), CSV.number(at.high), "\(entry.collapsedCount)",
          ])
        }
        add("post-training", 1, group, alphas.contains(0) ? 0 : alphas.first)
        add("trained with quantizers, α 0", 0, trained, 0)
        add("trained with quantizers, best α", 2, trained, chosen(trained, column).flatMap { $0 > 0 ? $0 : nil })
        if !items.isEmpty { rows.append((group.baseline ?? "", items)) }
      }
      guard !rows.isEmpty else { continue }
      panels.append(.bars(BarPanel(title(column), x: yAxis(column), hasBars: false, rows: rows)))
    }
    guard !panels.isEmpty else { return nil }
    return Figure(
      "post-training", "Post-training quantization against training with quantizers",
      caption:
        "Test scores with 95 % intervals over seeds. Post-training: the float32 run (α 0 where it is there) quantized "
        + "without further training.", parts: panels, legend: legend, data: csv)
  }
}
