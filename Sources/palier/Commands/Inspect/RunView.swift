import Base
import Checkpoints
import Foundation
import Observability

/// What a run's output folder holds, in words.
struct RunView {
  private let url: URL

  init(_ url: URL) throws { self.url = url }

  func show() throws {
    Output.say("run:          \(url.path)")
    let metrics = url.appendingPathComponent("metrics.jsonl")
    if PathKind(metrics) == .file { try show(metrics) }
    let folder = url.appendingPathComponent("checkpoints")
    let series = CheckpointSeries(folder: folder, keepLast: 1)
    let named = [series.alpha, series.alphaAveraged, series.best, series.averaged].filter(AtomicFolder.isComplete)
      .map(\.lastPathComponent)
    let names = series.complete().map(\.url.lastPathComponent) + named
    Output.say("checkpoints:  " + (names.isEmpty ? "none" : names.joined(separator: ", ")))
    if let last = series.complete().last { Output.say("              palier inspect \(last.url.path)") }
  }

  private func show(_ metrics: URL) throws {
    let (records, unreadable) = try MetricsRecord.all(at: metrics)
    if unreadable > 0 { Output.warn("\(metrics.path): \(counted(unreadable, "line")) cannot be read") }
    if let step = records.last(where: { $0.kind == "step" }) {
      let total = step.double("total_steps").map { String(format: " of %.0f", $0) } ?? ""
      let loss = step.double("loss").map { String(format: "%.4f", $0) } ?? "?"
      Output.say("last step:    \(step.globalStep)\(total), stage \(step.string("stage") ?? "?"), loss \(loss)")
    }
    if let print = records.last(where: { $0.kind == "fingerprint" }), let hash = print.string("parameters") {
      Output.say("parameters:   \(oneLine(hash)) after step \(print.globalStep)")
    }
    let warnings = records.filter { $0.kind == "warning" }
    for warning in warnings.suffix(5) { Output.say("warning:      " + oneLine(warning.string("text") ?? "")) }
    for fault in records where fault.kind == "dead_site" || fault.kind == "collapse" {
      let what = fault.kind == "dead_site" ? "dead site" : "collapsed"
      let name = fault.string("site") ?? fault.string("stage") ?? "?"
      Output.say(
        (what + ":").padding(toLength: 14, withPad: " ", startingAt: 0)
          + oneLine("\(name) at step \(fault.globalStep): \(fault.string("reason") ?? "")"))
    }
    Output.say("finished:     \(records.contains { $0.kind == "end" } ? "yes" : "no (palier train --resume goes on)")")
  }
}
