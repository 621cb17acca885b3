import Base
import Foundation
import Ranks

/// Runs the cells of a study on this host, parents first, several at a time where asked. Everything that is known of a
/// cell lies in its folder: whoever looks there later, this runner or another, goes on from it.
public final class SweepRunner {
  /// How a sweep is carried out.
  public struct Options {
    /// Cells at the same time.
    public var jobs = 1
    /// One cell alone; its parent must be done.
    public var only: String?
    /// What stays of cells; nil: as the grid says.
    public var kept: Set<SweepGrid.Kept>?
    /// The program that cells run.
    public var program: String

    public init(program: String) { self.program = program }
  }

  /// How it ended.
  public enum Ending: Equatable {
    case finished
    /// So many cells failed, and so many wait for one of them.
    case failed(Int, waiting: Int)
    /// A signal asked for it.
    case stopped
    /// It was asked twice.
    case broken(code: Int32)
  }

  let graph: StudyGraph
  let folder: StudyFolder
  private let options: Options
  private let keeping: Keeping
  private let launcher: Launcher
  private let shares: CoreShares
  private let page: SweepPage
  private var running: [RunningCell] = []
  /// Cells that failed in this sweep: they are not tried again in it.
  private var failed: Set<String> = []
  private var endedAt = 0.0

  /// - Parameters:
  ///   - say: a line of the sweep's course.
  ///   - show: how far it is, drawn again and again; an empty text takes it away.
  public init(
    _ graph: StudyGraph, in folder: StudyFolder, _ options: Options, say: @escaping (String) -> Void,
    show: @escaping (String) -> Void
  ) throws {
    (self.graph, self.folder, self.options) = (graph, folder, options)
    keeping = Keeping(graph: graph, folder: folder, kept: options.kept ?? graph.grid.kept)
    launcher = try Launcher(program: options.program, graph.grid.launch, shares: options.jobs > 1)
    shares = try CoreShares(jobs: options.jobs)
    page = SweepPage(graph, folder, say: say, show: show)
    if let only = options.only, graph[only] == nil {
      throw StudyError.unknownCell(id: only, grid: graph.grid.file.relativePath)
    }
  }

  // MARK: - The loop

  /// Runs what is missing. Signals are caught while it runs.
  public func run() throws -> Ending {
    // A cell alone does not count what the others take: it leaves the graph as it was written for the whole.
    if options.only == nil || PathKind(folder.graph) == .absent { try folder.write(graph) }
    if let only = options.only.flatMap({ graph[$0] }) {
      try requireParent(of: only)
      let cell = folder.cell(only.id)
      if !cell.isDone { try SlurmAccounting.noteJob(in: cell) }
    }
    StopRequest.install()
    for cell in graph.cells { keeping.clear(cell) }
    page.begin(pending: pending.count, jobs: options.jobs, cores: shares.coresPerShare)
    do { return try runCells() } catch {
      // What the sweep itself cannot go on from (a full disk): nothing is left running behind it.
      running.forEach { $0.ask(SIGTERM) }
      while running.contains(where: { $0.isRunning }) { usleep(50_000) }
      throw error
    }
  }

  private func runCells() throws -> Ending {
    var asked = 0
    var lastLook = -1.0
    while true {
      try takeEnded()
      if StopRequest.askedCount > asked {
        asked = StopRequest.askedCount
        if let ending = stop(asked) { return ending }
      }
      // A cell that another writer holds is looked at now and then; one of ours at once.
      if asked == 0, monotonicSeconds() - lastLook > 1 || endedAt > lastLook {
        lastLook = monotonicSeconds()
        try goOn()
        if running.isEmpty, !(try startReady()) {
          if pending.isEmpty || !pending.contains(where: isHeldElsewhere) { break }
          page.waiting(for: pending.filter(isHeldElsewhere).map { folder.cell($0.id) })
        } else {
          _ = try startReady()
        }
      }
      if asked > 0, running.isEmpty { return endStopped() }
      page.show(running)
      usleep(50_000)
    }
    return end()
  }

  /// Cells that are to run, as things are.
  private var pending: [Cell] {
    graph.cells.filter { cell in
      if let only = options.only { return cell.id == only && !folder.cell(cell.id).isDone && !failed.contains(cell.id) }
      return !failed.contains(cell.id) && keeping.isNeeded(cell)
    }
  }

  /// - Returns: whether a cell was started.
  private func startReady() throws -> Bool {
    var hasStarted = false
    let taken = Set(running.map(\.cell.id))
    for cell in pending where running.count < options.jobs && !taken.contains(cell.id) {
      guard keeping.hasStart(of: cell) else { continue }
      hasStarted = try start(cell) || hasStarted
    }
    return hasStarted
  }

  private func start(_ cell: Cell) throws -> Bool {
    let own = folder.cell(cell.id)
    try createFolders(own.url.path)
    guard let lock = try CellLock.take(own.lock) else { return false }
    // Another may have done it between the look and the lock.
    if own.isDone, graph.children(of: cell.id).allSatisfy({ !keeping.isNeeded($0) || keeping.hasStart(of: $0) }) {
      return false
    }
    own.remove(own.done)
    own.remove(own.failure)
    if PathKind(own.description) == .absent { try folder.write(cell) }
    let slot = (0..<options.jobs).first { slot in !running.contains { $0.slot == slot } } ?? 0
    let work = RunningCell(
      cell, CellWork(cell, in: folder, graph.grid.launch), lock, slot: slot, log: own.log, launcher: launcher,
      cpus: shares.shares[slot], cores: shares.coresPerShare)
    running.append(work)
    advance(work)
    return true
  }

  /// Starts the next program of a cell, or ends the cell.
  private func advance(_ work: RunningCell) {
    do {
      if try work.advance() { try finish(work) }
    } catch {
      fail(work, code: 1, message: "\(error)")
    }
  }

  /// Cells whose program waits for another's work look again.
  private func goOn() throws {
    for work in running where work.isWaiting { advance(work) }
  }

  private func takeEnded() throws {
    for work in running {
      guard let code = work.endedCode else { continue }
      endedAt = monotonicSeconds()
      if code == 0 || work.isOptional {
        work.noteEnd()
        if StopRequest.askedCount > 0 { drop(work) } else { advance(work) }
      } else if StopRequest.askedCount > 0 {
        drop(work)
      } else {
        fail(work, code: Int(code), message: Self.meaning(of: code, work.log))
      }
    }
  }

  // MARK: - The end of a cell

  private func finish(_ work: RunningCell) throws {
    let own = folder.cell(work.cell.id)
    try CellResult(work.cell, in: folder, seconds: work.seconds).write()
    try replaceFile(at: own.done, with: [])
    keeping.clear(after: work.cell)
    page.ended(work)
    drop(work)
  }

  private func fail(_ work: RunningCell, code: Int, message: String) {
    let own = folder.cell(work.cell.id)
    var fields = JSONFields()
    fields.add("code", code)
    fields.add("message", message)
    fields["log"] = .array(RunningCell.tail(of: own.log, lines: 20).map(JSONNode.string))
    // The disk may be what failed.
    try? replaceFile(at: own.failure, with: fields.line())
    failed.insert(work.cell.id)
    page.failed(work, message)
    drop(work)
  }

  /// Gives a cell's cores and its lock back.
  private func drop(_ work: RunningCell) {
    endedAt = monotonicSeconds()
    work.release()
    running.removeAll { $0 === work }
  }

  /// What a failed program said, or what its code means.
  private static func meaning(of code: Int32, _ log: URL) -> String {
    let said = RunningCell.tail(of: log, lines: 60).last {
      $0.hasPrefix("palier: ") && !$0.hasPrefix("palier: warning")
    }
    if let said { return "code \(code): \(said.dropFirst("palier: ".count))" }
    switch code {
    case 75: return "code 75: a signal stopped it, with its state saved"
    case 137: return "code 137: killed (out of memory?)"
    default: return "code \(code): see \(log.path)"
    }
  }

  // MARK: - The end of the sweep

  /// The first request lets the cells save; the second does not.
  private func stop(_ asked: Int) -> Ending? {
    if asked == 1 {
      page.stopping(running.count)
      running.forEach { $0.ask(SIGTERM) }
      return nil
    }
    // The launcher ends its ranks, which are of another process group, itself.
    running.forEach { $0.ask(SIGTERM) }
    let deadline = monotonicSeconds() + 5
    while graph.grid.launch.ranks > 0, monotonicSeconds() < deadline, running.contains(where: { $0.endedCode == nil }) {
      usleep(50_000)
    }
    running.forEach { $0.end() }
    page.say("\(StopRequest.name) again: stopped at once; palier sweep goes on from the last checkpoints")
    return .broken(code: StopRequest.name == "SIGTERM" ? 143 : 130)
  }

  private func endStopped() -> Ending {
    page.stopped()
    return .stopped
  }

  private func end() -> Ending {
    let waiting = options.only == nil ? pending.filter { !failed.contains($0.id) } : []
    page.end(failed: graph.cells.filter { failed.contains($0.id) }, waiting: waiting)
    return failed.isEmpty && waiting.isEmpty ? .finished : .failed(failed.count, waiting: waiting.count)
  }

  // MARK: - Others

  private func isHeldElsewhere(_ cell: Cell) -> Bool {
    let own = folder.cell(cell.id)
    guard keeping.hasStart(of: cell), PathKind(own.lock) == .file, !running.contains(where: { $0.cell.id == cell.id })
    else { return ancestorsHeld(cell) }
    return ((try? CellLock.take(own.lock)) ?? nil) == nil
  }

  /// Whether a cell that it starts from is another's work at the moment.
  private func ancestorsHeld(_ cell: Cell) -> Bool {
    guard let parent = cell.parent.flatMap({ graph[$0] }), !failed.contains(parent.id) else { return false }
    return isHeldElsewhere(parent)
  }

  private func requireParent(of cell: Cell) throws {
    guard let parent = cell.parent, !folder.cell(cell.id).isDone, !keeping.hasStart(of: cell) else { return }
    let state = folder.cell(parent)
    let words = state.hasFailed ? "failed" : state.isDone ? "done but no longer kept" : "not done"
    throw StudyError.parentMissing(id: cell.id, parent: parent, state: words)
  }
}
