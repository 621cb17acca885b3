import Base
import Foundation

/// The report of a sweep, finished or not.
public struct SweepReport {
  private let study: StudyFolder
  private let options: ReportOptions
  private let grid: ScoreGrid
  private let contrasts: [PlannedContrast]
  private let optima: [InnerOptimum]
  private let bootstrap: HierarchicalBootstrap
  private let cost: CostTable

  /// Whether a folder is a sweep's.
  public static func isSweep(_ url: URL) -> Bool {
    PathKind(url.appendingPathComponent(StudyFolder.fileName)) == .file
  }

  /// Reads the folder and computes what the report tells.
  /// - Throws: one line where `sweep.json` cannot be read. Cells that cannot be read are warnings.
  public init(_ url: URL, _ options: ReportOptions) throws {
    study = try StudyFolder(url)
    self.options = options
    grid = ScoreGrid(study)
    bootstrap = HierarchicalBootstrap(drawCount: options.drawCount)
    contrasts = PlannedContrast.all(of: grid, bootstrap)
    optima = InnerOptimum.all(of: grid, bootstrap)
    cost = CostTable(cells: study.cells, options: options)
  }

  /// All files.
  public func files() -> ReportFiles {
    var files = ReportFiles()
    var warnings = study.complaints
    let scores = ScoreTable(grid: grid)
    let differences = ContrastTable(grid: grid, contrasts: contrasts, bootstrap: bootstrap)
    let inner = InnerOptimumTable(optima: optima)
    let sites = CourseFigures(study: study, grid: grid, cost: cost).sites { warnings.append($0) }
    let figures = self.figures(sites)
    let tables = [scores.table, differences.table, inner.table].filter { !$0.rows.isEmpty }
    files.add("table.md", Array(tables.map(\.markdown).joined(separator: "\n").utf8))
    files.add("table.tex", Array(tables.map(\.latex).joined(separator: "\n").utf8))
    files.add("table.csv", scores.csv.bytes)
    files.add("contrasts.csv", differences.csv.bytes)
    files.add("inner.csv", inner.csv.bytes)
    let provenance = ProvenanceTables(study: study, options: options)
    files.add("cells.csv", provenance.csv.bytes)
    if options.hasTimes { files.add("cost.csv", cost.csv.bytes) }
    figures.forEach { files.add($0) }
    files.add("report.html", page(scores, differences, inner, figures, sites, provenance, warnings).bytes)
    files.warnings = warnings
    return files
  }

  private func figures(_ sites: SiteViews) -> [Figure] {
    let ofScores = SweepFigures(grid: grid, contrasts: contrasts)
    let ofCourses = CourseFigures(study: study, grid: grid, cost: cost)
    let all =
      [ofScores.scoresByAlpha, ofScores.scoresBySize, ofScores.postTraining, ofCourses.losses]
      + sites.figures + [options.hasTimes ? ofCourses.energy : nil]
    return all.compactMap { $0 }
  }

  private func page(
    _ scores: ScoreTable, _ differences: ContrastTable, _ inner: InnerOptimumTable, _ figures: [Figure],
    _ sites: SiteViews, _ provenance: ProvenanceTables, _ warnings: [String]
  ) -> ReportPage {
    var page = ReportPage(title: "Study: \(study.name)", lead: [state])
    page.add("state", "State", stateHTML(warnings))
    page.add(
      "scores", "Scores", scores.table.rows.isEmpty ? ReportPage.paragraph("No cell is scored.") : scores.table.html)
    page.add("differences", "Differences that count", contrasts.isEmpty ? "" : differences.table.html)
    page.add("inner", "Is an inner α best?", optima.isEmpty ? "" : inner.table.html)
    page.add("figures", "Figures", figures.filter { $0.name != "energy" }.map(\.html).joined())
    page.add("sites", "Quantizer sites", sites.tableHTML)
    page.add("sizes", "Sizes", SizeTable(study: study, grid: grid, footprint: options.footprint).table.html)
    if options.hasTimes {
      let energy = figures.first { $0.name == "energy" }?.html ?? ""
      page.add("cost", "Cost", cost.work.html + cost.energy.html + energy)
    }
    page.add("provenance", "Provenance", provenance.html)
    return page
  }

  /// Cells but first stages that nobody waits for: all that start from them are done, from those of another grid in the folder.
  private var wanted: [StudyCell] {
    let children = Dictionary(grouping: study.cells.filter { $0.parent != nil }) { $0.parent ?? "" }
    return study.cells.filter { cell in
      guard cell.state.word == "waiting", let heirs = children[cell.id] else { return true }
      return !heirs.allSatisfy { $0.state.word == "done" }
    }
  }

  private func count(_ word: String) -> Int { wanted.filter { $0.state.word == word }.count }

  private var state: String {
    let done = count("done")
    let rest = ["failed", "unreadable", "started", "waiting"].compactMap { word in
      count(word) > 0 ? "\(grouped(count(word))) \(word)" : nil
    }
    let start = "\(grouped(done)) of \(counted(wanted.count, "cell")) done"
    return rest.isEmpty ? start + "." : start + "; " + rest.joined(separator: ", ") + ". What follows is preliminary."
  }

  private func stateHTML(_ warnings: [String]) -> String {
    var table = ReportTable(
      "Cells by kind", columns: ["kind", "done", "failed", "unreadable", "started", "waiting", "all"])
    for kind in StudyCell.Kind.allCases {
      let cells = wanted.filter { $0.kind == kind }
      guard !cells.isEmpty else { continue }
      let counts = ["done", "failed", "unreadable", "started", "waiting"].map { word in
        cells.filter { $0.state.word == word }.count
      }
      table.add([kind.title] + (counts + [cells.count]).map(grouped))
    }
    var text = table.html
    let failed = study.cells.compactMap { cell -> String? in
      guard case .failed(let message) = cell.state else { return nil }
      return "\(cell.id) (\(cell.kind.rawValue): \(cell.coordinates.title)): \(message)"
    }
    if !failed.isEmpty { text += "<h3>Cells that failed</h3>\n" + ReportPage.list(failed) }
    if !warnings.isEmpty { text += "<h3>What could not be read</h3>\n" + ReportPage.list(warnings.map(hidingFolder)) }
    let signs = study.cells.flatMap { cell in
      (cell.result?.signs ?? []).map { "\(cell.id) (\(cell.coordinates.title)): \($0)" }
    }
    if !signs.isEmpty {
      text += ReportPage.folded(
        "Signs of collapse that runs gave themselves (\(signs.count))", ReportPage.list(signs))
    }
    return text
  }

  /// The report's bytes do not depend on where the folder lies.
  private func hidingFolder(_ line: String) -> String {
    line.replacingOccurrences(of: study.url.path + "/", with: "")
  }
}
