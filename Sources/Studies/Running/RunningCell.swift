import Base
import Compute
import Foundation
import Ranks

/// A cell while it runs: its lock, its cores, the program at hand.
final class RunningCell {
  let cell: Cell
  let slot: Int
  let log: URL
  /// Whether it waits for another cell's work.
  private(set) var isWaiting = false
  /// Whether the cell goes on where the program at hand fails.
  private(set) var isOptional = false
  private let work: CellWork
  private let launcher: Launcher
  private let cpus: CPUSet?
  private let cores: Int
  private var lock: CellLock?
  private var child: ChildProcess?
  private let start = monotonicSeconds()
  /// OpenMPI's session: two runs that start at once in one folder of sessions clash.
  private let session: URL

  init(
    _ cell: Cell, _ work: CellWork, _ lock: CellLock, slot: Int, log: URL, launcher: Launcher, cpus: CPUSet?, cores: Int
  ) {
    (self.cell, self.work, self.lock, self.slot, self.log) = (cell, work, lock, slot, log)
    (self.launcher, self.cpus, self.cores) = (launcher, cpus, cores)
    // On the host's own disk, and short: it holds sockets.
    session = FileManager.default.temporaryDirectory.appendingPathComponent("palier-\(cell.id)-\(getpid())")
  }

  /// Since the runner took it up.
  var seconds: Double { monotonicSeconds() - start }

  /// Whether a program of it runs.
  var isRunning: Bool { child != nil && endedCode == nil }

  /// The code of the program at hand, once it has ended.
  var endedCode: Int32? { child.flatMap { $0.hasEnded() ? $0.code : nil } }

  /// Starts the next program.
  /// - Returns: whether there is none.
  func advance() throws -> Bool {
    switch try work.next() {
    case .done: return true
    case .wait:
      isWaiting = true
      return false
    case .run(let words, let isOptional):
      (isWaiting, self.isOptional) = (false, isOptional)
      try createFolders(session.path)
      let command = launcher.command(words)
      try note("+ \(command.joined(separator: " "))\n")
      let environment = launcher.environment(cores: cores).merging(["OMPI_MCA_orte_tmpdir_base": session.path]) { $1 }
      child = try ChildProcess(
        command, environment: environment, log: log, lock: lock?.inherited ?? 0, cpus: cpus)
      return false
    }
  }

  func noteEnd() {
    child = nil
    work.noteEnd()
  }

  func ask(_ signal: Int32) { child?.ask(signal) }
  func end() { child?.end() }

  /// Gives the lock back.
  func release() {
    lock = nil
    try? FileManager.default.removeItem(at: session)
  }

  private func note(_ line: String) throws {
    let file = try AppendFile(path: log.path, mustBeNew: false)
    try file.append(Array(line.utf8))
  }

  /// The last lines of a log.
  static func tail(of log: URL, lines: Int) -> [String] {
    FileTail.lines(of: log, atMost: 32_768).suffix(lines).map(String.init)
  }
}
