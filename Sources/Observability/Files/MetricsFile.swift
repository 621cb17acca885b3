import Base
import Foundation

/// `metrics.jsonl`: one JSON object a line, handed to the system line by line, so that a killed run leaves all of them.
///
/// Every line begins with `kind`, `global_step` and `time` (seconds since 1970); the rest is named as in the reports, in
/// snake case. Numbers that are not finite are the strings "NaN", "Infinity", "-Infinity" (see `JSONFields.line`).
public final class MetricsFile: RunObserver {
  /// The file's name.
  public let name: String
  /// What was done to the file on resuming.
  public let repair: MetricsRepair
  private let file: AppendFile
  private let now: () -> Double
  private var globalStep: Int

  /// Opens the file.
  /// - Parameters:
  ///   - resumingAt: the step of the checkpoint that the run goes on from: later lines are cut off, a torn last line is
  ///     dropped. Nil for a new run, which refuses a file that is there.
  ///   - now: seconds since 1970.
  public init(
    _ url: URL, resumingAt step: Int? = nil, now: @escaping () -> Double = { Date().timeIntervalSince1970 }
  ) throws {
    self.now = now
    name = url.lastPathComponent
    globalStep = step ?? 0
    guard let step, FileManager.default.fileExists(atPath: url.path) else {
      repair = MetricsRepair()
      file = try AppendFile(path: url.path, mustBeNew: true)
      return
    }
    repair = try MappedFile(url).withBytes { MetricsRepair(of: $0, resumingAt: step) }
    file = try AppendFile(path: url.path, mustBeNew: false)
    try file.cut(to: repair.keptByteCount)
    if repair.lacksLineEnd { try file.append([0x0A]) }
    try file.sync()
  }

  /// Writes the event as one line, a line a site for sites.
  @discardableResult public func observe(_ event: RunEvent) throws -> Bool {
    globalStep = event.globalStep ?? globalStep
    if case .sites(let reports) = event {
      // A line a site; all in one write, so that a full disk keeps all or none.
      try file.append(reports.flatMap { line("site", $0.add(to:)) })
    } else {
      try file.append(line(for: event))
    }
    return true
  }

  /// Brings everything to the disk.
  public func finish() throws { try file.sync() }

  private func line(for event: RunEvent) -> [UInt8] {
    switch event {
    case .start(let report): return line("start", report.add(to:))
    case .step(let report): return line("step", report.add(to:))
    case .evaluation(let report):
      // A kind of its own: who reads the weights' curve does not find the average's points in it.
      return line(report.isOfAverage ? "averaged_evaluation" : "evaluation", report.add(to:))
    case .sites: return []
    case .fingerprint(let report): return line("fingerprint") { $0.add("parameters", report.parameters) }
    case .gradientCosines(let report):
      return line("gradient_cosine") { fields in
        fields.add("parts") { inner in
          for entry in report.cosines { inner.add(entry.part, entry.cosine) }
        }
      }
    case .hiddenCosines(let report):
      return line("hidden_cosine") { fields in
        fields.add("parts") { inner in
          for part in report.parts { inner.add(part.name, part.cosine) }
        }
      }
    case .deadSite(let report): return line("dead_site", report.add(to:))
    case .collapse(let report): return line("collapse", report.add(to:))
    case .scheme(let report): return line("scheme", report.add(to:))
    case .note(let report): return line("note") { $0.add("text", report.text) }
    case .warning(let report): return line("warning") { $0.add("text", report.text) }
    case .end(let summary): return line("end", summary.add(to:))
    }
  }

  private func line(_ kind: String, _ fill: (inout JSONFields) -> Void) -> [UInt8] {
    var fields = JSONFields()
    fields.add("kind", kind)
    fields.add("global_step", globalStep)
    fields.add("time", (now() * 1000).rounded() / 1000)
    fill(&fields)
    return fields.line()
  }
}

extension StartReport {
  func add(to fields: inout JSONFields) {
    fields.add("palier", version)
    fields.add("arithmetic") { inner in
      for entry in arithmetic { inner.add(entry.name, entry.value) }
    }
    fields.add("data") { inner in
      for entry in data { inner.add(entry.name, entry.value) }
    }
    if !audit.isEmpty { fields["audit"] = .array(audit.map(JSONNode.string)) }
    fields.add("ranks", ranks)
    fields.add("threads", threads)
    if !changes.isEmpty { fields.add("changes", changes.joined(separator: "; ")) }
  }
}

extension StepReport {
  func add(to fields: inout JSONFields) {
    fields.add("stage", stage)
    fields.add("step", step)
    fields.add("stage_steps", stageSteps)
    fields.add("total_steps", totalSteps)
    fields.add("loss", loss)
    if !lossParts.isEmpty {
      fields.add("loss_parts") { inner in
        for part in lossParts { inner.add(part.name, part.value) }
      }
    }
    fields.add("learning_rate", learningRate)
    fields.add("gradient_norm", gradientNorm)
    fields.add("tokens", tokens)
    fields.add("seconds", secondsTotal)
    fields.add("seconds_communication", secondsCommunication)
    if let slowestPace { fields.add("slowest_pace", slowestPace) }
    if secondsByPhase.isEmpty { return }
    fields.add("seconds_by_phase") { phases in
      for (phase, seconds) in secondsByPhase.sorted(by: { $0.key < $1.key }) { phases.add(phase, seconds) }
    }
  }
}

extension EvaluationReport {
  func add(to fields: inout JSONFields) {
    fields.add("stage", stage)
    fields.add("split", split)
    if let parametersOfStep { fields.add("parameters_of_step", parametersOfStep) }
    fields.add("scores") { inner in
      for score in scores { inner.add(score.name, score.value) }
    }
    if !perLabel.isEmpty {
      fields.add("labels", objects: perLabel) { inner, label in
        inner.add("label", label.label)
        inner.add("precision", label.precision)
        inner.add("recall", label.recall)
        inner.add("f1", label.f1)
        inner.add("support", label.support)
      }
    }
    fields.add("seconds", seconds)
    fields.add("share_of_run", shareOfRun)
  }
}

extension DeadSiteReport {
  func add(to fields: inout JSONFields) {
    fields.add("site", site)
    fields.add("reason", reason)
  }
}

extension CollapseReport {
  func add(to fields: inout JSONFields) {
    fields.add("stage", stage)
    fields.add("reason", reason)
    guard let firstSite else { return }
    fields.add("first_site") { inner in
      inner.add("global_step", firstSite.globalStep)
      firstSite.add(to: &inner)
    }
  }
}

extension SchemeReport {
  func add(to fields: inout JSONFields) {
    fields.add("stage", stage)
    fields.add("before", before)
    fields.add("after", after)
  }
}

extension RunSummary {
  func add(to fields: inout JSONFields) {
    fields.add("seconds", seconds)
    fields.add("tokens", tokens)
    fields.add("evaluations", objects: evaluations) { inner, evaluation in
      inner.add("global_step", evaluation.globalStep)
      if evaluation.isOfAverage { inner["averaged"] = true }
      evaluation.add(to: &inner)
    }
    fields.add("collapses", objects: collapses) {
      $0.add("global_step", $1.globalStep); $1.add(to: &$0)
    }
    fields.add("dead_sites", objects: deadSites) {
      $0.add("global_step", $1.globalStep); $1.add(to: &$0)
    }
    fields.add("skipped_steps", skippedStepCount)
    guard let joules = energy.joules else { return }
    fields.add("joules", joules)
    fields.add("joules_before_resume", energy.joulesBefore)
    fields.add("joules_by_host") { inner in
      for host in energy.hosts { if let joules = host.reading.joules { inner.add(host.name, joules) } }
    }
    fields.add("energy_method", EnergyReport.method)
  }
}
