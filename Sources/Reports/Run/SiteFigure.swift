import Foundation

/// Panels of step sizes and clipped shares: by kind of site the median, with a band from the least to the largest.
struct SiteFigure {
  /// Sites with what they are of, and the step of the switch.
  struct Part {
    let name: String
    let courses: [SiteCourse]
    let switchStep: Int?
  }

  let parts: [Part]

  static let caption =
    "By kind of site the median over sites, in a band from the least to the largest; every site is in the CSV. "
    + "Steps are those of the run, the first stage and then the second."

  /// Nil where no part has a site.
  func figure(_ name: String, _ title: String) -> Figure? {
    let shown = parts.filter { !$0.courses.isEmpty }
    guard !shown.isEmpty else { return nil }
    var legend = Legend()
    var panels: [Figure.Part] = []
    var csv = CSV([
      "of", "site", "kind", "step", "step_size", "clipped_share", "step_over_rms", "codes", "levels", "entropy_bits",
    ])
    for part in shown {
      let prefix = part.name.isEmpty ? "" : part.name + ": "
      panels.append(.panel(panel(part, prefix + "step size", "step size", .logarithmic, \.stepSize, 1)))
      panels.append(.panel(panel(part, prefix + "clipped share", "clipped values (%)", .linear, \.clippedShare, 100)))
      for course in part.courses {
        for look in course.looks {
          csv.add([
            part.name, course.site, course.kind.rawValue, "\(look.step)", CSV.number(look.stepSize),
            CSV.number(look.clippedShare), CSV.number(look.report?.stepOverRMS), CSV.number(look.report?.codesInUse),
            CSV.number(look.report?.levelCount), CSV.number(look.report?.entropy),
          ])
        }
      }
    }
    for (index, kind) in SiteCourse.Kind.allCases.enumerated()
    where shown.contains(where: { $0.courses.contains { $0.kind == kind } }) { legend.add(kind.rawValue, index, .line) }
    return Figure(name, title, caption: SiteFigure.caption, parts: panels, legend: legend, data: csv)
  }

  private func panel(
    _ part: Part, _ title: String, _ label: String, _ scale: Axis.Scale, _ value: KeyPath<SiteCourse.Look, Double>,
    _ factor: Double
  ) -> Panel {
    var panel = Panel(title, x: Axis("step"), y: Axis(label, scale: scale))
    for (index, kind) in SiteCourse.Kind.allCases.enumerated() {
      let looks = part.courses.filter { $0.kind == kind }.flatMap(\.looks)
      let points = Dictionary(grouping: looks, by: \.step).sorted { $0.key < $1.key }.compactMap {
        step, looks -> Panel.Point? in
        let values = looks.map { factor * $0[keyPath: value] }.filter { $0.isFinite && (scale == .linear || $0 > 0) }
          .sorted()
        guard let low = values.first, let high = values.last else { return nil }
        let middle = (values[(values.count - 1) / 2] + values[values.count / 2]) / 2
        return Panel.Point(Double(step), middle, low: low, high: high)
      }
      if !points.isEmpty { panel.series.append(.init(kind.rawValue, index, .line, points)) }
    }
    if let step = part.switchStep { panel.marks.append(.init(Double(step), "switch")) }
    return panel
  }
}
