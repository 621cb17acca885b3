import Base
import Foundation

/// The console of rank zero: a progress line redrawn in place on a terminal, a plain line now and then elsewhere, and
/// tables at the end.
public final class Console: RunObserver {
  /// What a warning calls it.
  public var name: String { "the console" }
  /// A person reads it as it comes.
  public var isSeenAtOnce: Bool { true }

  /// When a plain line is due: at these steps of the run, or after this time. Zero switches one off.
  public struct Interval: Sendable, Equatable {
    /// Every so many steps of the run.
    public var steps: Int
    /// After so many seconds.
    public var seconds: Double

    /// Both, each 0 for never.
    public init(steps: Int = 0, seconds: Double = 10) {
      self.steps = steps
      self.seconds = seconds
    }
  }

  private let terminal: Terminal
  private let interval: Interval
  private let now: () -> Double
  private var lastDrawn = -Double.infinity
  private var isLineDrawn = false
  private var smoothedLoss = SmoothedLoss()
  private var speed = SlidingSpeed()
  private var timeLeft: TimeLeft
  private var stage: String?
  private var score: Score?
  private var secondsByPhase: [String: Double] = [:]
  private var stepSeconds = 0.0
  private var communicationSeconds = 0.0

  /// - Parameters:
  ///   - terminal: where lines go.
  ///   - interval: how often a plain line is due.
  ///   - plan: the run's stages, for the time left.
  ///   - now: a clock, in seconds.
  public init(
    _ terminal: Terminal = .standardOutput(), every interval: Interval = Interval(), plan: [StagePlan] = [],
    now: @escaping () -> Double = { ProcessInfo.processInfo.systemUptime }
  ) {
    self.terminal = terminal
    self.interval = interval
    self.now = now
    timeLeft = TimeLeft(plan: plan)
  }

  /// Shows what is worth a line; sites, cosines and fingerprints are for the files.
  @discardableResult public func observe(_ event: RunEvent) throws -> Bool {
    switch event {
    case .start(let report): try show(line: "arithmetic: " + report.summary)
    case .step(let report): return try show(report)
    case .evaluation(let report): try show(report)
    case .deadSite(let report):
      try show(line: "\(report.site) at step \(report.globalStep): \(report.reason)", label: "dead site")
    case .collapse(let report): try show(line: "\(report.stage): \(report.words)", label: "collapsed")
    case .scheme(let report):
      try show(
        line: "\(report.stage) from step \(report.globalStep) on: \(report.after) in the place of \(report.before), "
          + "steps measured anew")
    case .note(let report): try show(line: report.text)
    case .warning(let report): try show(line: report.text, label: "warning")
    case .end(let summary): try show(summary)
    case .sites, .gradientCosines, .hiddenCosines, .fingerprint: return false
    }
    return true
  }

  /// Ends a drawn line.
  public func finish() throws { try leaveLine() }

  // MARK: Steps

  /// Takes the step in, and shows it where that is due.
  private func show(_ report: StepReport) throws -> Bool {
    if report.stage != stage {
      stage = report.stage
      score = nil
      speed.clear()
    }
    let smoothed = smoothedLoss.add(report.loss, stage: report.stage)
    speed.add(report)
    timeLeft.add(report)
    for (phase, seconds) in report.secondsByPhase { secondsByPhase[phase, default: 0] += seconds }
    stepSeconds += report.secondsTotal
    communicationSeconds += report.secondsCommunication
    guard isDue(report) else { return false }
    lastDrawn = now()
    let line = ProgressLine(
      report, loss: smoothed, score: score, tokensPerSecond: speed.tokensPerSecond,
      communicationShare: speed.communicationShare, secondsLeft: timeLeft.seconds)
    switch terminal.style {
    case .plain:
      try put(line.plain + "\n")
    case .redrawn:
      // One column stays free: many terminals wrap as soon as the last is filled.
      try put("\r\u{1B}[K" + line.fitted(to: terminal.width() - 1))
      isLineDrawn = true
    }
    return true
  }

  private func isDue(_ report: StepReport) -> Bool {
    if report.step == 1 || report.step == report.stageSteps || report.globalStep == report.totalSteps { return true }
    let waited = now() - lastDrawn
    if terminal.style != .plain { return waited >= 0.1 }
    return (interval.steps > 0 && report.globalStep % interval.steps == 0)
      || (interval.seconds > 0 && waited >= interval.seconds)
  }

  // MARK: Evaluations

  private func show(_ report: EvaluationReport) throws {
    timeLeft.add(report)
    if report.split == "validation", !report.isOfAverage, let first = report.scores.first { score = first }
    let scores = report.scores.map { "\($0.name) \(Figures.significant($0.value, 4))" }.joined(separator: "  ")
    let cost = "\(Figures.fixed(report.seconds, 1))s, \(Figures.percent(report.shareOfRun)) of the run so far"
    try show(line: "\(report.stage) \(report.what) at \(report.globalStep): \(scores) (\(cost))")
  }

  // MARK: The end

  private func show(_ summary: RunSummary) throws {
    var lines = Self.scoreTable(summary.evaluations) + Self.labelTable(summary.evaluations)
    if !lines.isEmpty { lines.append("") }
    let rate = summary.seconds > 0 ? Figures.rate(Double(summary.tokens) / summary.seconds) : "0"
    lines.append(
      "done at step \(summary.globalStep) in \(Figures.duration(summary.seconds)): "
        + "\(summary.tokens) tokens, \(rate) tok/s with evaluation and checkpoints")
    if let phases = phaseLine() { lines.append(phases) }
    lines.append("energy: \(summary.energy)")
    lines += Self.faults(summary)
    try leaveLine()
    try put(lines.map { $0 + "\n" }.joined())
  }

  /// What went wrong in a run that came to its end: the last lines, so that they are seen.
  package static func faults(_ summary: RunSummary) -> [String] {
    var lines: [String] = []
    if summary.skippedStepCount > 0 {
      lines.append("\(summary.skippedStepCount) of \(summary.globalStep) steps were skipped for bad numbers")
    }
    if let first = summary.deadSites.first {
      let count = summary.deadSites.count
      lines.append(
        "\(count) quantizer \(count == 1 ? "site" : "sites") went dead, the first at step \(first.globalStep): "
          + "\(first.site) (\(first.reason)); metrics.jsonl names all")
    }
    return lines + summary.collapses.map { "collapsed: \($0.stage) at step \($0.globalStep): \($0.words)" }
  }

  /// Scores down, evaluations across; the first row says whose step each column is.
  package static func scoreTable(_ evaluations: [EvaluationReport]) -> [String] {
    if evaluations.isEmpty { return [] }
    var table = TextTable(
      ["score"] + evaluations.map { "\($0.stage) \($0.what)" }, right: Set(1..<evaluations.count + 1))
    var names: [String] = []
    for score in evaluations.flatMap(\.scores) where !names.contains(score.name) { names.append(score.name) }
    // Baselines have no step.
    let steps = evaluations.map { $0.parametersOfStep ?? $0.globalStep }
    table.add(["of step"] + steps.map { $0 > 0 ? "\($0)" : "" })
    for name in names {
      table.add(
        [name]
          + evaluations.map { evaluation in
            evaluation.scores.first { $0.name == name }.map { Figures.fixed($0.value, 4) } ?? ""
          })
    }
    return [""] + table.lines
  }

  /// The figures per label of the last evaluation that has them.
  package static func labelTable(_ evaluations: [EvaluationReport]) -> [String] {
    guard let last = evaluations.last(where: { !$0.perLabel.isEmpty }) else { return [] }
    var table = TextTable(
      ["label (\(last.stage) \(last.what))", "precision", "recall", "f1", "support"], right: [1, 2, 3, 4])
    for label in last.perLabel {
      table.add(
        [label.label] + [label.precision, label.recall, label.f1].map { Figures.fixed($0, 4) } + [String(label.support)]
      )
    }
    return [""] + table.lines
  }

  /// Where the time of all steps went, largest first.
  private func phaseLine() -> String? {
    guard stepSeconds > 0 else { return nil }
    var parts = secondsByPhase.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      .map { "\($0.key.printable) \(Figures.percent($0.value / stepSeconds))" }
    parts.append("communication not hidden \(Figures.percent(communicationSeconds / stepSeconds))")
    return "time of the steps: " + parts.joined(separator: ", ")
  }

  // MARK: Lines

  /// Writes a whole line, above the progress line where there is one.
  private func show(line: String, label: String? = nil) throws {
    let text = line.printable + "\n"
    let isColoured = terminal.style == .redrawn(coloured: true)
    let start = label.map { isColoured ? "\u{1B}[33m\($0):\u{1B}[0m " : "\($0): " } ?? ""
    let clearing = isLineDrawn ? "\r\u{1B}[K" : ""
    isLineDrawn = false
    lastDrawn = terminal.style == .plain ? lastDrawn : -Double.infinity  // the bar comes back with the next step
    try put(clearing + start + text)
  }

  /// Ends a drawn progress line, so that what follows starts on a line of its own.
  private func leaveLine() throws {
    if isLineDrawn { try put("\n") }
    isLineDrawn = false
  }

  private func put(_ text: String) throws { try terminal.write(Array(text.utf8)) }
}
