import Base
import Foundation
import Observability

/// The report of a single run.
public struct RunReport {
  private let log: RunLog
  private let options: ReportOptions

  /// Whether a folder is a run's.
  public static func isRun(_ url: URL) -> Bool { PathKind(url.appendingPathComponent(RunLog.fileName)) == .file }

  /// Reads the folder.
  /// - Throws: one line where its log cannot be read or has no step.
  public init(_ url: URL, _ options: ReportOptions) throws {
    log = try RunLog(url)
    self.options = options
  }

  /// All files.
  public func files() -> ReportFiles {
    var files = ReportFiles()
    if log.unreadableLineCount > 0 {
      files.warnings.append("\(RunLog.fileName): \(counted(log.unreadableLineCount, "line")) cannot be read")
    }
    let figures = RunFigures(log: log)
    let sites = figures.sites
    let all = ([figures.loss, figures.scores] + sites.figures + [options.hasTimes ? figures.phases : nil]).compactMap {
      $0
    }
    all.forEach { files.add($0) }
    let scores = scoreTable
    let tables = [scores, labelTable].filter { !$0.rows.isEmpty }
    files.add("table.md", Array(tables.map(\.markdown).joined(separator: "\n").utf8))
    files.add("table.tex", Array(tables.map(\.latex).joined(separator: "\n").utf8))
    files.add("table.csv", scoreCSV.bytes)
    var page = ReportPage(title: "Run: \(log.url.lastPathComponent)", lead: lead)
    page.add("state", "What happened", events)
    page.add("scores", "Scores", tables.map(\.html).joined())
    page.add("figures", "Figures", all.map(\.html).joined())
    page.add("sites", "Quantizer sites", sites.tableHTML)
    if options.hasTimes { page.add("cost", "Cost", costTable.html) }
    page.add("provenance", "Provenance", provenance)
    files.add("report.html", page.bytes)
    return files
  }

  private var lead: [String] {
    guard let last = log.steps.last else { return [] }
    let total = log.records.last { $0.kind == "step" }?.double("total_steps").flatMap { Int(exactly: $0) }
    let ofTotal = total.map { " of \(grouped($0))" } ?? ""
    let end = isFinished ? "." : "; the run has not ended."
    var lines = ["Step \(grouped(last.step))\(ofTotal), loss \(String(format: "%.4f", last.loss))\(end)"]
    if let at = log.switchStep { lines.append("Switch from the first stage to the second after step \(grouped(at)).") }
    return lines
  }

  private var isFinished: Bool { log.records.contains { $0.kind == "end" } }

  private var events: String {
    var lines: [String] = []
    for record in log.records {
      let step = "step \(grouped(record.globalStep)): "
      switch record.kind {
      case "collapse":
        lines.append(step + "\(record.string("stage") ?? "?") collapsed: \(record.string("reason") ?? "?")")
      case "dead_site":
        lines.append(step + "site \(record.string("site") ?? "?") is dead: \(record.string("reason") ?? "?")")
      case "scheme":
        lines.append(step + "scheme \(record.string("before") ?? "?") becomes \(record.string("after") ?? "?")")
      // Warnings come again with every start.
      case "warning" where options.hasTimes: lines.append(step + "warning: \(record.string("text") ?? "?")")
      default: break
      }
    }
    return lines.isEmpty ? ReportPage.paragraph("No site died, no stage collapsed.") : ReportPage.list(lines)
  }

  private var scoreNames: [String] {
    log.evaluations.flatMap { $0.scores.map(\.name) }.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  /// The last evaluation of each stage and split, the best on validation, and what the test split gave.
  private var scoreTable: ReportTable {
    let names = scoreNames
    var table = ReportTable(
      "Scores (%; loss in nats)",
      columns: ["stage", "split", "parameters of step"] + names.map { $0.replacingOccurrences(of: "_", with: " ") },
      nameCount: 2)
    for evaluation in shownEvaluations {
      let split = evaluation.split + (evaluation.isAverage ? ", average of weights" : "")
      table.add(
        [RunLog.title(evaluation.stage), split, grouped(evaluation.step)]
          + names.map { name in
            evaluation.scores.first { $0.name == name }.map {
              String(format: name == "loss" ? "%.4f" : "%.1f", name == "loss" ? $0.value : 100 * $0.value)
            } ?? ""
          })
    }
    return table
  }

  private var shownEvaluations: [RunLog.Evaluation] {
    var last: [String: Int] = [:]
    for (index, evaluation) in log.evaluations.enumerated() {
      last["\(evaluation.stage) \(evaluation.split) \(evaluation.isAverage)"] = index
    }
    return last.values.sorted().map { log.evaluations[$0] }
  }

  private var scoreCSV: CSV {
    var csv = CSV(["step", "stage", "split", "average"] + scoreNames)
    for evaluation in log.evaluations {
      csv.add(
        ["\(evaluation.step)", evaluation.stage, evaluation.split, evaluation.isAverage ? "1" : "0"]
          + scoreNames.map { name in CSV.number(evaluation.scores.first { $0.name == name }?.value) })
    }
    return csv
  }

  private var labelTable: ReportTable {
    var table = ReportTable(
      "By label (%), last evaluation with labels", columns: ["label", "precision", "recall", "F1", "support"])
    guard let last = log.evaluations.last(where: { !$0.labels.isEmpty }) else { return table }
    table.caption = "By label (%): \(last.split), parameters of step \(grouped(last.step))"
    for label in last.labels {
      let percent = { (value: Double) in String(format: "%.1f", 100 * value) }
      table.add([
        label.label, percent(label.precision), percent(label.recall), percent(label.f1), grouped(label.support),
      ])
    }
    return table
  }

  private var costTable: ReportTable {
    var table = ReportTable("Time and energy", columns: ["what", "value"], nameCount: 1)
    let tokens = log.steps.reduce(0) { $0 + $1.tokens }
    let seconds = log.steps.reduce(0) { $0 + $1.seconds }
    table.add(["steps' time", Numbers.significant(seconds) + " s"])
    table.add(["tokens", grouped(Int(tokens))])
    if seconds > 0 { table.add(["tokens a second", grouped(Int(tokens / seconds))]) }
    let start = log.records.last { $0.kind == "start" }
    // Threads are those of rank zero; ranks have as many.
    let counts = ["ranks", "threads"].compactMap { key in start?.double(key).flatMap { Int(exactly: $0) } }
    if counts.count == 2 { table.add(["ranks × threads", "\(counts[0]) × \(counts[1])"]) }
    let coreHours = counts.count == 2 ? seconds * Double(counts[0]) * Double(counts[1]) / 3600 : nil
    if let coreHours { table.add(["core-hours of the steps", Numbers.significant(coreHours)]) }
    energy(&table, coreHours: coreHours)
    return table
  }

  private func energy(_ table: inout ReportTable, coreHours: Double?) {
    let end = log.records.last { $0.kind == "end" }
    var energy = CellEnergy.unknown
    if let joules = end?.double("joules") {
      let scope = end?.string("energy_method") ?? "RAPL counters"
      energy = CellEnergy(method: .rapl, scope: scope, low: joules / 3.6e6, high: joules / 3.6e6)
    } else if let power = options.power, let coreHours {
      let range = power.kilowattHours(coreHours: coreHours)
      energy = CellEnergy(method: .model, scope: power.scope, low: range.lowerBound, high: range.upperBound)
    }
    guard let low = energy.low, let high = energy.high else {
      table.add(["energy", "no figure: no counters could be read"])
      return
    }
    table.add(["energy", "\(Numbers.range(low, high)) kWh (\(energy.method.title); \(energy.scope))"])
    let pue = options.pue ?? 1
    if options.pue != nil {
      table.add([String(format: "with PUE %g", pue), Numbers.range(low * pue, high * pue) + " kWh"])
    }
    guard let carbon = options.carbon else { return }
    let grams = Numbers.range(low * pue * carbon.grams, high * pue * carbon.grams)
    table.add(["CO₂", String(format: "%@ g at %g g/kWh (%@; %@)", grams, carbon.grams, carbon.source, carbon.year)])
  }

  private var provenance: String {
    var facts = ReportTable("What the run was", columns: ["what", "value"], nameCount: 2)
    if let print = log.records.last(where: { $0.kind == "fingerprint" }) {
      facts.add(["parameters after step \(print.globalStep)", print.string("parameters") ?? "?"])
    }
    let start = log.records.first { $0.kind == "start" }
    if let version = start?.string("palier") { facts.add(["Palier", version]) }
    for (key, node) in start?.object("arithmetic") ?? [:] { facts.add([key, node.string ?? ""]) }
    for (key, node) in start?.object("data") ?? [:] { facts.add(["data, \(key)", node.string ?? ""]) }
    // What the log's first record says too is not said twice.
    let told = Set((start?.object("arithmetic")?.keys ?? []) + ["palier"])
    for (key, value) in file("versions.json") where start == nil || !told.contains(key) { facts.add([key, value]) }
    var text = facts.html
    if options.hasTimes {
      var hosts = ReportTable("Hosts", columns: ["rank", "host", "threads"])
      let ranks = (try? StudyFields(fileAt: log.url.appendingPathComponent("hosts.json")).objects("ranks")) ?? []
      for rank in ranks {
        hosts.add([
          (try? rank.count("rank")).map { "\($0)" } ?? "?", (try? rank.text("host")) ?? "?",
          (try? rank.count("threads")).map { "\($0)" } ?? "?",
        ])
      }
      if !hosts.rows.isEmpty { text += ReportPage.folded("Hosts", hosts.html) }
    }
    let configuration = log.url.appendingPathComponent("run.yaml")
    if let yaml = try? String(contentsOf: configuration, encoding: .utf8), yaml.utf8.count < 1 << 18 {
      let lines = yaml.split(separator: "\n", omittingEmptySubsequences: false).map { escapedMarkup(String($0)) }
      text += "<details><summary>Configuration</summary><pre class=\"scroll\">" + lines.joined(separator: "\n")
      text += "</pre></details>\n"
    }
    return text
  }

  private func file(_ name: String) -> [(key: String, value: String)] {
    let url = log.url.appendingPathComponent(name)
    guard PathKind(url) == .file else { return [] }
    return (try? StudyFields(fileAt: url).flat) ?? []
  }
}
