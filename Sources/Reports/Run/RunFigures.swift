import Foundation

/// The figures of one run.
struct RunFigures {
  let log: RunLog

  /// So many points a curve has at most: more than a panel has columns of dots.
  static let pointCount = 240

  /// Loss by step: the mean of neighbouring steps, in a band from the least to the largest.
  var loss: Figure {
    var csv = CSV(["step", "stage", "loss", "tokens"])
    for step in log.steps { csv.add(["\(step.step)", step.stage, CSV.number(step.loss), CSV.number(step.tokens)]) }
    var legend = Legend()
    let panels = log.stages.enumerated().map { index, stage -> Figure.Part in
      let steps = log.steps.filter { $0.stage == stage }
      var panel = Panel(RunLog.title(stage), x: Axis("step of the run"), y: Axis("loss"))
      panel.series.append(.init("training", index, .line, RunFigures.binned(steps.map { ($0.step, $0.loss) })))
      legend.add("training, \(stage)", index, .line)
      let points = validation(stage, "loss")
      if !points.isEmpty {
        panel.series.append(.init("validation", 3, .lineAndPoints, points))
        legend.add("validation", 3, .lineAndPoint)
      }
      if let at = log.switchStep { panel.marks.append(.init(Double(at), "switch")) }
      return .panel(panel)
    }
    return Figure(
      "loss", "Loss",
      caption:
        "Training: means of neighbouring steps in a band from the least to the largest of them, every step in the CSV. "
        + "Where a run has two stages, the switch is marked; their losses are of different tasks.",
      parts: panels, legend: legend, data: csv)
  }

  private func validation(_ stage: String, _ score: String) -> [Panel.Point] {
    log.evaluations.filter { $0.stage == stage && $0.split == "validation" && !$0.isAverage }.compactMap { evaluation in
      evaluation.scores.first { $0.name == score }.map { Panel.Point(Double(evaluation.step), $0.value) }
    }
  }

  /// Means of up to `pointCount` runs of neighbours.
  static func binned(_ values: [(step: Int, value: Double)]) -> [Panel.Point] {
    let usable = values.filter { $0.value.isFinite }
    let width = max(1, (usable.count + pointCount - 1) / pointCount)
    return stride(from: 0, to: usable.count, by: width).map { start in
      let bin = usable[start..<min(start + width, usable.count)]
      let mean = bin.reduce(0) { $0 + $1.value } / Double(bin.count)
      let step = Double(bin.reduce(0) { $0 + $1.step }) / Double(bin.count)
      return Panel.Point(
        step, mean, low: width > 1 ? bin.map(\.value).min() : nil, high: width > 1 ? bin.map(\.value).max() : nil)
    }
  }

  /// Validation scores by step, a panel a stage.
  var scores: Figure? {
    var csv = CSV(["step", "stage", "split", "average", "score", "value"])
    var legend = Legend()
    var panels: [Figure.Part] = []
    for evaluation in log.evaluations {
      for score in evaluation.scores {
        csv.add([
          "\(evaluation.step)", evaluation.stage, evaluation.split, evaluation.isAverage ? "1" : "0", score.name,
          CSV.number(score.value),
        ])
      }
    }
    let wanted = ["strict_f1", "f1", "weighted_f1", "accuracy", "precision", "recall"]
    for stage in log.stages {
      let own = log.evaluations.filter { $0.stage == stage && $0.split == "validation" }
      var panel = Panel(RunLog.title(stage), x: Axis("step of the run"), y: Axis("validation score (%)"))
      for (index, name) in wanted.enumerated() {
        for isAverage in [false, true] {
          let points = own.filter { $0.isAverage == isAverage }.compactMap { evaluation in
            evaluation.scores.first { $0.name == name }.map { Panel.Point(Double(evaluation.step), 100 * $0.value) }
          }
          guard !points.isEmpty else { continue }
          let title = name.replacingOccurrences(of: "_", with: " ") + (isAverage ? ", average of weights" : "")
          panel.series.append(
            .init(title, index, isAverage ? .points(hollow: true) : .lineAndPoints, points))
          legend.add(title, index, isAverage ? .point(hollow: true) : .lineAndPoint)
        }
      }
      if let at = log.switchStep, log.stages.count > 1 { panel.marks.append(.init(Double(at), "switch")) }
      if !panel.series.isEmpty { panels.append(.panel(panel)) }
    }
    guard !panels.isEmpty else { return nil }
    return Figure(
      "scores", "Validation scores", caption: "At the evaluation points; the test scores stand in the table.",
      parts: panels, legend: legend, data: csv)
  }

  /// What is known of the run's sites.
  var sites: SiteViews {
    SiteViews([.init(name: "", courses: SiteCourse.all(log.records), switchStep: log.switchStep)])
  }

  /// Mean seconds of a step by phase, a panel a stage.
  var phases: Figure? {
    var csv = CSV(["stage", "phase", "seconds_a_step", "share"])
    var panels: [Figure.Part] = []
    for (index, stage) in log.stages.enumerated() {
      let steps = log.steps.filter { $0.stage == stage }
      let whole = steps.reduce(0) { $0 + $1.seconds }
      guard whole > 0 else { continue }
      var sums = ["waiting for other ranks": steps.reduce(0) { $0 + $1.waiting }]
      for step in steps { for (phase, seconds) in step.phases { sums[phase, default: 0] += seconds } }
      let sorted = sums.filter { $0.value > 0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      for (phase, seconds) in sorted {
        csv.add([stage, phase, CSV.number(seconds / Double(steps.count)), CSV.number(seconds / whole)])
      }
      let rows = sorted.map { (name: $0.key, items: [BarPanel.Item(index, 100 * $0.value / whole)]) }
      panels.append(
        .bars(BarPanel(RunLog.title(stage), x: Axis("share of the steps' time (%)"), hasBars: true, rows: rows)))
    }
    guard !panels.isEmpty else { return nil }
    return Figure(
      "phases", "Phases of time",
      caption:
        "Of rank zero, without evaluations and checkpoints. Phases that overlap can come to more than the whole.",
      parts: panels, legend: Legend(), data: csv)
  }
}
