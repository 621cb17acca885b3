import Foundation
import Observability

/// What a report shows of quantizer sites.
struct SiteViews {
  let parts: [SiteFigure.Part]

  init(_ parts: [SiteFigure.Part]) { self.parts = parts }

  /// Step size and clipped share by site, and how often levels came.
  var figures: [Figure?] {
    [
      SiteFigure(parts: parts).figure("sites", "Quantizer sites: step size and clipped share"),
      LevelFigure(parts: parts).figure("levels"),
    ]
  }

  /// The state at the end, with its heading; empty where no log says enough.
  var tableHTML: String {
    let table = SiteTable(parts: parts).table
    return table.rows.isEmpty ? "" : table.html
  }
}

/// What the grids of a run's sites carry at the last look, by kind of site.
struct SiteTable {
  let parts: [SiteFigure.Part]

  /// A row for each run and kind of site; empty where no log says enough.
  var table: ReportTable {
    var table = ReportTable(
      "Quantizer sites at the last look",
      columns: [
        "of", "sites", "many", "bits of entropy", "step / rms", "clipped (%)", "poorest site", "its codes", "its bits",
        "its step / rms",
      ], nameCount: 2)
    for part in parts {
      for kind in SiteCourse.Kind.allCases {
        let reports = part.courses.filter { $0.kind == kind }.compactMap { course in
          course.looks.last?.report.map { (course: course, report: $0) }
        }
        guard let poorest = reports.max(by: { $0.report.lostShare < $1.report.lostShare }) else { continue }
        let report = poorest.report
        table.add([
          part.name, kind.rawValue, "\(reports.count)", SiteTable.middle(reports.map(\.report.entropy)),
          SiteTable.middle(reports.map(\.report.stepOverRMS)),
          SiteTable.middle(reports.map { 100 * $0.report.clippedShare }), poorest.course.shortName,
          "\(report.codesInUse) of \(report.levelCount)", Numbers.significant(report.entropy),
          Numbers.significant(report.stepOverRMS),
        ])
      }
    }
    table.notes = [
      "Medians over the sites of a kind, with the least and the largest; the poorest site is the one of which most is lost: by "
        + "clipping, by bits that its codes do not carry, or by dead rows. Every site at every look is in figures/sites.csv."
    ]
    return table
  }

  /// "1.42 (0.31 to 1.88)".
  private static func middle(_ values: [Double]) -> String {
    let sorted = values.filter(\.isFinite).sorted()
    guard let low = sorted.first, let high = sorted.last else { return "–" }
    let middle = (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    return "\(Numbers.significant(middle)) (\(Numbers.range(low, high)))"
  }
}
