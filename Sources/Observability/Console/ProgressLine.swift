import Base

/// One line that says where a run is. Parts fall away, least wanted first, until it fits its width.
package struct ProgressLine {
  /// The step it stands for.
  package var report: StepReport
  /// The loss as shown: smoothed.
  package var loss: Double
  /// The first score of the last evaluation on the validation split.
  package var score: Score?
  /// Figures over the last steps, where there are any.
  package var tokensPerSecond: Double?
  package var communicationShare: Double?
  package var secondsLeft: Double?

  /// All fields, in order.
  package init(
    _ report: StepReport, loss: Double, score: Score?, tokensPerSecond: Double?, communicationShare: Double?,
    secondsLeft: Double?
  ) {
    self.report = report
    self.loss = loss
    self.score = score
    self.tokensPerSecond = tokensPerSecond
    self.communicationShare = communicationShare
    self.secondsLeft = secondsLeft
  }

  /// The parts after the stage and step, as shown, each with how long it is kept: the highest goes last.
  private var parts: [(text: String, worth: Int)] {
    var parts = [("loss " + Figures.significant(loss, 4), 9)]
    if let score { parts.append(("val " + score.name.printable + " " + Figures.significant(score.value, 3), 5)) }
    parts.append(("lr " + Figures.significant(report.learningRate, 2), 3))
    if let tokensPerSecond { parts.append((Figures.rate(tokensPerSecond) + " tok/s", 7)) }
    if let communicationShare { parts.append(("comm " + Figures.percent(communicationShare), 4)) }
    if let secondsLeft { parts.append((Figures.duration(secondsLeft) + " left", 8)) }
    return parts
  }

  private var head: String { "\(report.stage.printable) \(report.step)/\(report.stageSteps)" }

  /// A whole line for a file: all parts, and the run's step where there is more than one stage.
  package var plain: String {
    let run = report.totalSteps == report.stageSteps ? "" : " (run \(report.globalStep)/\(report.totalSteps))"
    return ([head + run] + parts.map(\.text)).joined(separator: "  ")
  }

  /// A line of at most `width` characters, with a bar where there is room for one.
  package func fitted(to width: Int) -> String {
    var kept = parts
    func length() -> Int { head.count + kept.reduce(0) { $0 + 2 + $1.text.count } }
    while length() > width, let least = kept.indices.min(by: { kept[$0].worth < kept[$1].worth }) {
      kept.remove(at: least)
    }
    let room = min(width - length() - 2, 30)
    let pieces = [head] + (room >= 8 ? [bar(width: room)] : []) + kept.map(\.text)
    return String(pieces.joined(separator: "  ").prefix(max(width, 0)))
  }

  /// "[====>    ]", the share of the run that is done.
  private func bar(width: Int) -> String {
    let inner = width - 2
    let share = report.totalSteps > 0 ? Double(report.globalStep) / Double(report.totalSteps) : 0
    let done = min(max(Int(share * Double(inner)), 0), inner)
    let head = done == inner ? "" : ">"
    return "[" + (String(repeating: "=", count: done) + head).padded(to: inner) + "]"
  }
}
