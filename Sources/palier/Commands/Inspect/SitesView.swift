import Base
import Foundation
import Observability

/// The worst sites of a run's last report, in 80 columns.
struct SitesView {
  private let reports: [SiteReport]
  private let dead: [String: Int]
  /// How many are shown.
  static let shownCount = 15

  /// - Throws: one line where the log has no report that can be shown.
  init(folder: URL) throws {
    let file = folder.appendingPathComponent("metrics.jsonl")
    guard PathKind(file) == .file else { throw CommandLineError.noMetrics(path: folder.path) }
    let records = try MetricsRecord.all(at: file).records
    let last = records.last { $0.kind == "site" }?.globalStep
    reports = records.filter { $0.globalStep == last }.compactMap(SiteReport.init)
    guard !reports.isEmpty else { throw CommandLineError.noSites(path: file.path, isOfEarlierBuild: last != nil) }
    dead = Dictionary(
      records.filter { $0.kind == "dead_site" }.compactMap { record in
        record.string("site").map { ($0, record.globalStep) }
      }, uniquingKeysWith: min)
  }

  func show() {
    let worst = reports.sorted { ($1.lostShare, $0.site) < ($0.lostShare, $1.site) }.prefix(SitesView.shownCount)
    Output.say(
      "sites:        \(reports.count) at step \(reports[0].globalStep), "
        + "\(reports.filter { dead[$0.site] != nil }.count) of them dead (†); the worst \(worst.count):")
    var table = TextTable(
      ["W weights, A input", "codes", "bits", "below", "above", "s/rms", "moved", "dead"], right: Set(1..<8))
    for report in worst { table.add(cells(report)) }
    Output.say(table.text)
    Output.say(
      """
      codes: in use of the grid's; bits: their entropy; below, above: clipped there;
      moved: codes that changed since the report before; dead: rows of one code
      """)
  }

  private func cells(_ report: SiteReport) -> [String] {
    [
      SitesView.shortName(report.site) + (dead[report.site] == nil ? "" : " †"),
      "\(report.codesInUse)/\(report.levelCount)", Figures.fixed(report.entropy, 2),
      SitesView.percent(report.clippedBelow), SitesView.percent(report.clippedAbove),
      Figures.significant(report.stepOverRMS, 2), report.rows?.changedShare.map(SitesView.percent) ?? "",
      report.rows.map { "\($0.deadCount)" } ?? "",
    ]
  }

  /// In five columns.
  private static func percent(_ share: Double) -> String {
    share >= 0.9995 ? "100%" : share > 0 && share < 0.0005 ? "<0.1%" : Figures.percent(share)
  }

  /// `11.attention.output W` for `roberta.encoder.layer.11.attention.output.dense.weight_quantizer`; at most 24 letters.
  static func shortName(_ site: String) -> String {
    var name = site
    for start in ["roberta.", "encoder.layer.", "embeddings."] where name.hasPrefix(start) {
      name.removeFirst(start.count)
    }
    var sign = ""
    for (end, letter) in [(".weight_quantizer", " W"), (".input_quantizer", " A")] where name.hasSuffix(end) {
      (name, sign) = (String(name.dropLast(end.count)), letter)
    }
    if name.hasSuffix(".dense") { name.removeLast(".dense".count) }
    name += sign
    return name.count > 24 ? "…" + name.suffix(23) : name
  }
}
