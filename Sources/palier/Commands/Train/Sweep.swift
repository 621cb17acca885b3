import ArgumentParser
import Base
import Configuration
import Foundation
import Ranks
import Studies

/// `palier sweep`: a study of many runs, from one file.
struct Sweep: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a study: models × schemes × α × tasks × seeds, from one grid file, with what they share done once.",
    usage: "palier sweep <grid> --out <folder> [--plan] [--jobs <n>] [--cell <id>] [--submit slurm [--go]]",
    discussion: """
      The grid file names a run's configuration as its base and what is crossed with what; configs/paper.yaml and \
      configs/sweep-demo.yaml are examples, docs/studies.md has every key. Each run is a cell, a folder under FOLDER/cells that is \
      named by what determines its bits. First stages are shared by all tasks and head seeds; under optimizer.schedule: wsd with \
      optimizer.warmup_steps those of all α share a trunk, from which each α branches.

      What is done is not done again; a cell that was stopped goes on from its checkpoint. A failed cell is told, its log named, and \
      the rest goes on; the same command tries it again. Several sweeps may work on one folder: each cell has one writer.

      Ctrl-C or SIGTERM lets the running cells save, and ends with code 75; the same command goes on. --plan says cells, steps, \
      tokens, hours and disk, and starts nothing. --submit slurm writes one job array a level of the graph into FOLDER/slurm, with \
      --go it submits them; each task is one --cell. The exit code is 1 where cells failed.

      Examples:
        palier sweep configs/sweep-demo.yaml --out runs/sweep-demo
        palier sweep grid.yaml --out study --plan --rate 40000
        palier sweep grid.yaml --out study --jobs 4 --keep metrics
        palier sweep grid.yaml --out study --submit slurm --go
      """)

  /// Batch systems that cells can be given to.
  enum BatchSystem: String, ExpressibleByArgument, CaseIterable { case slurm }

  @Argument(
    help: ArgumentHelp("The study's YAML file.", valueName: "grid"), completion: .file(extensions: ["yaml", "yml"]))
  var grid: String
  @Option(help: ArgumentHelp("The study's folder.", valueName: "folder"), completion: .directory)
  var out: String
  @Flag(help: "Say what there is to do and what it takes, and start nothing.")
  var plan = false
  @Option(help: ArgumentHelp("With --plan: tokens a second of a cell, in place of a measurement.", valueName: "n"))
  var rate: Double?
  @Option(help: ArgumentHelp("Cells at a time, each on cores of its own.", valueName: "n"))
  var jobs = 1
  @Option(help: ArgumentHelp("Run this cell alone; the one that it starts from must be done.", valueName: "id"))
  var cell: String?
  @Option(help: "Write the study as job arrays of a batch system.")
  var submit: BatchSystem?
  @Flag(help: "With --submit: submit them, too.")
  var go = false
  @Flag(
    help:
      "Take what each cell's jobs used from Slurm's accounting (sacct), once they have ended; its last job does so. Starts no cell."
  )
  var energy = false
  @Option(
    help: ArgumentHelp(
      "What stays of a cell that is done: best, alpha, metrics, or none; the grid's unless given.", valueName: "list"))
  var keep: String?
  @OptionGroup var shared: SharedFilesOption

  func validate() throws {
    if let rate {
      guard plan else { throw ValidationError("--rate goes with --plan") }
      guard rate > 0, rate.isFinite else { throw ValidationError("--rate \(rate) is no number of tokens a second") }
    }
    guard (1...4_096).contains(jobs) else { throw ValidationError("--jobs \(jobs) is not from 1 to 4096") }
    if go && submit == nil { throw ValidationError("--go goes with --submit") }
    if plan && (cell != nil || submit != nil) {
      throw ValidationError("--plan is of the whole study, and starts nothing")
    }
    if energy && (plan || cell != nil || submit != nil) { throw ValidationError("--energy goes alone") }
    if cell != nil && (submit != nil || jobs > 1) { throw ValidationError("--cell is one cell, here") }
    _ = try kept()
  }

  private func kept() throws -> Set<SweepGrid.Kept>? {
    guard let keep, keep != "none" else { return keep.map { _ in [] } }
    let names = SweepGrid.Kept.allCases.map(\.rawValue)
    return Set(
      try keep.split(separator: ",", omittingEmptySubsequences: false).map { name in
        guard let one = SweepGrid.Kept(rawValue: String(name)) else {
          throw ValidationError("--keep \(name): none, or a list of \(names.joined(separator: ", "))")
        }
        return one
      })
  }

  func run() throws {
    shared.apply()
    let file = try Paths.file(grid, "a study's YAML file")
    guard !out.isEmpty else { throw CommandLineError.emptyPath(wanted: "the study's folder") }
    let folder = StudyFolder(Paths.url(out))
    let study = try SweepGrid(URL(fileURLWithPath: file.path))
    let graph = try StudyGraph(study, counts: cell == nil && !energy)
    if plan { return try showPlan(graph, folder) }
    if energy { return try takeEnergy(graph, folder) }
    try requireInputs(graph)
    if submit != nil { return try submitJobs(graph, folder) }
    var options = SweepRunner.Options(program: program)
    (options.jobs, options.only, options.kept) = (jobs, cell, try kept())
    let line = ProgressLineOnTerminal()
    let runner = try SweepRunner(graph, in: folder, options, say: { Output.say($0) }, show: line.draw)
    try end(runner.run())
  }

  private func end(_ ending: SweepRunner.Ending) throws {
    switch ending {
    case .finished: return
    case .failed(let count, let waiting):
      let rest = waiting > 0 ? ", and \(counted(waiting, "cell")) could not start without them" : ""
      Output.fail("\(counted(count, "cell")) failed\(rest)")
      throw ExitCode.failure
    case .stopped: throw ExitCode(Train.stoppedExitCode)
    case .broken(let code): throw ExitCode(code)
    }
  }

  /// This program.
  private var ownProgram: String {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
  }

  /// The program that cells run: this one, unless a test has another stand in for it.
  private var program: String {
    let other = ProcessInfo.processInfo.environment["PALIER_CELL_PROGRAM"] ?? ""
    return other.isEmpty ? ownProgram : other
  }

  /// What cells read, but for what others of the study write.
  private func requireInputs(_ graph: StudyGraph) throws {
    for cell in graph.cells { try cell.configuration.checkInputs() }
  }

  // MARK: - Plan

  private func showPlan(_ graph: StudyGraph, _ folder: StudyFolder) throws {
    let canMeasure = graph.missingData.isEmpty && rate == nil
    var paces: [String: Double] = [:]
    if canMeasure {
      let measurement = try PaceMeasurement(graph, program: program) { Output.say($0) }
      for cell in graph.cells where cell.tokens > 0 { paces[cell.id] = try measurement.pace(of: cell) }
    }
    let given = rate.map { 1 / $0 }
    let page = StudyPlan(
      graph, in: folder, kept: try kept(), jobs: jobs, pace: { given ?? paces[$0.id] },
      source: rate == nil ? "by steps measured here" : "by the rate given")
    Output.say(page.text)
  }

  // MARK: - Slurm

  private func takeEnergy(_ graph: StudyGraph, _ folder: StudyFolder) throws {
    let outcome = try SlurmAccounting(graph, in: folder).write()
    var line = "energy of \(counted(outcome.known, "cell")) by Slurm's accounting"
    if outcome.running > 0 { line += "; \(outcome.running) with jobs that go on" }
    if outcome.unmeasured > 0 { line += "; \(outcome.unmeasured) for which it has no figure" }
    Output.say(line)
  }

  private func submitJobs(_ graph: StudyGraph, _ folder: StudyFolder) throws {
    let options = keep.map { ["--keep", $0] } ?? []
    let working = FileManager.default.currentDirectoryPath
    let submission = try SlurmScripts(
      graph, in: folder, program: ownProgram, workingFolder: working, options: options
    ).write()
    guard go else {
      Output.say("written: \(submission.deletingLastPathComponent().path); \(submission.path) submits them")
      return
    }
    let process = Process()
    process.executableURL = submission
    do { try process.run() } catch {
      throw StudyError.cannotStart(program: submission.path, reason: error.localizedDescription)
    }
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw StudyError.badOutput(
        path: submission.path,
        reason: "ended with code \(process.terminationStatus): is this a host that submits to Slurm?")
    }
  }
}

/// A line on standard error that is drawn again; where nobody watches, one a minute.
private final class ProgressLineOnTerminal {
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var lastShown = monotonicSeconds()
  private var isDrawn = false

  /// An empty text takes the line away.
  func draw(_ text: String) {
    if text.isEmpty {
      if isDrawn { writeToStandardError("\r\u{1B}[K") }
      isDrawn = false
      return
    }
    if isTerminal {
      writeToStandardError("\r\u{1B}[K" + String(text.prefix(160)))
      isDrawn = true
    } else if monotonicSeconds() - lastShown >= 60 {
      lastShown = monotonicSeconds()
      writeToStandardError(text + "\n")
    }
  }
}
