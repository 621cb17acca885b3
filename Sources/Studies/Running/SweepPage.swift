import Base
import Checkpoints
import Foundation

/// What a sweep says: a line a cell that ended, and how far the whole is.
final class SweepPage {
  private let graph: StudyGraph
  private let folder: StudyFolder
  let say: (String) -> Void
  private let draw: (String) -> Void
  private let start = monotonicSeconds()
  private var lastShown = 0.0
  private var lastWait = -1e9
  private var ended = 0
  private var failures = 0
  /// Work done in this sweep, and work that there was, in tokens.
  private var doneWork = 0.0
  private var allWork = 0.0

  /// A cell without training counts as so many tokens.
  private static let leastWork = 2_000.0

  init(
    _ graph: StudyGraph, _ folder: StudyFolder, say: @escaping (String) -> Void, show: @escaping (String) -> Void
  ) {
    (self.graph, self.folder, self.say, draw) = (graph, folder, say, show)
  }

  private static func work(_ cell: Cell) -> Double { leastWork + Double(cell.tokens) }

  private var doneCount: Int { graph.cells.count { folder.cell($0.id).isDone } }

  func begin(pending: Int, jobs: Int, cores: Int) {
    allWork = graph.cells.filter { !folder.cell($0.id).isDone }.reduce(0) { $0 + Self.work($1) }
    let beside = jobs > 1 ? ", \(jobs) at a time on \(counted(cores, "core")) each" : ""
    say("\(graph.grid.name): \(counted(graph.cells.count, "cell")), \(doneCount) done, \(pending) to do\(beside)")
    graph.notes.forEach { say("note: \($0)") }
  }

  func ended(_ work: RunningCell) {
    ended += 1
    doneWork += Self.work(work.cell)
    let outcome = CellOutcome(folder.cell(work.cell.id).result).words
    line("done", work, outcome.isEmpty ? "" : "\(outcome), ")
  }

  func failed(_ work: RunningCell, _ message: String) {
    failures += 1
    line("FAILED", work, "\(oneLine(message)), ")
  }

  private func line(_ what: String, _ work: RunningCell, _ outcome: String) {
    draw("")
    say(
      "[\(doneCount)/\(graph.cells.count)] \(what) \(work.cell.id) \(work.cell.words): \(outcome)"
        + "\(Self.time(work.seconds))\(left)")
  }

  /// "; about 12 min left" by the work that was done in this sweep.
  private var left: String {
    guard doneWork > 0, allWork > doneWork else { return "" }
    return "; about \(Self.time((monotonicSeconds() - start) * (allWork - doneWork) / doneWork)) left"
  }

  /// How far the whole is, once a second.
  func show(_ running: [RunningCell]) {
    let now = monotonicSeconds()
    guard now - lastShown >= 1, !running.isEmpty else { return }
    lastShown = now
    let parts = running.map { work -> String in
      let reached = RunRecords.reached(folder.cell(work.cell.id).run.appendingPathComponent("metrics.jsonl"))
      let steps = reached.map { " step \($0.step) of \($0.of)" } ?? ""
      return work.cell.words + (work.isWaiting ? " waits for its token store" : steps)
    }
    let failed = failures > 0 ? ", \(failures) failed" : ""
    draw("\(doneCount) of \(graph.cells.count) done\(failed), running: \(parts.joined(separator: "; "))\(left)")
  }

  func waiting(for cells: [CellFolder]) {
    guard monotonicSeconds() - lastWait > 60, let first = cells.first else { return }
    lastWait = monotonicSeconds()
    draw("")
    say("waiting for \(counted(cells.count, "cell")) of other writers (\(CellLock.holder(first.lock)))")
  }

  func stopping(_ count: Int) {
    draw("")
    say("\(StopRequest.name): asking \(counted(count, "cell")) to save and end (once more: stops at once)")
  }

  func stopped() {
    draw("")
    say("stopped: \(doneCount) of \(graph.cells.count) cells done; the same command goes on from here")
  }

  func end(failed: [Cell], waiting: [Cell]) {
    draw("")
    let seconds = Self.time(monotonicSeconds() - start)
    say("\(graph.grid.name): \(doneCount) of \(graph.cells.count) cells done, \(seconds)")
    for cell in failed { say("failed: \(cell.id) \(cell.words): \(folder.cell(cell.id).log.path)") }
    let unmet = Set(waiting.map(\.id))
    for cell in waiting where cell.parent.map({ !unmet.contains($0) }) ?? false {
      say("waits for \(cell.parent ?? ""): \(cell.id) \(cell.words)")
    }
    if !failed.isEmpty { say("the same command tries failed cells again, from where they stood") }
  }

  /// "12 s", "3.4 min", "5.6 h".
  static func time(_ seconds: Double) -> String {
    if seconds < 100 { return String(format: "%.0f s", seconds) }
    return seconds < 6000 ? String(format: "%.1f min", seconds / 60) : String(format: "%.1f h", seconds / 3600)
  }
}

/// A done cell in a few words.
struct CellOutcome {
  let words: String

  init(_ result: URL) {
    guard let fields = try? JSONFields(readingFileAt: result) else {
      words = ""
      return
    }
    var parts: [String] = []
    if let test = fields["scores"]?.object?["test"]?.object {
      for (key, name) in [("strict_f1", "strict F1"), ("weighted_f1", "weighted F1")] {
        if let value = test[key]?.double { parts.append(String(format: "%@ %.3f on test", name, value)) }
      }
    } else if let last = fields["pretraining"]?.array?.last?.object?["validation_loss"]?.double {
      parts.append(String(format: "masked-LM loss %.3f", last))
    }
    if let first = fields["collapsed"]?.array?.first?.object?["reason"]?.string {
      parts.append("collapsed: \(first)")
    }
    words = parts.joined(separator: ", ")
  }
}
