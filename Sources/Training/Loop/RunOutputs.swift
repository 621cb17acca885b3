import Base
import Checkpoints
import Configuration
import Foundation
import Models
import Observability
import Ranks

/// What only rank zero has: the run's folder, its logs and its checkpoint writer.
final class RunOutputs {
  let folder: RunFolder
  let series: CheckpointSeries
  let writer = AsynchronousWriter()
  let snapshot = TensorSnapshot()
  private(set) var observers: RunObservers?
  private let terminal: Terminal

  /// Opens the folder: unwritable, in use, or holding another run is said before any work is done.
  init(_ configuration: RunConfiguration, resumes: Bool) throws {
    folder = try RunFolder(URL(fileURLWithPath: configuration.output), resuming: resumes)
    series = CheckpointSeries(folder: folder.checkpoints, keepLast: configuration.checkpoints.keepLast)
    terminal = .standardOutput()
  }

  /// Prints a line before the logs are open.
  func say(_ line: String) {
    print(line)
    fflush(nil)
  }

  // MARK: - Checkpoints

  /// What a run that has come to `step` should leave and does not, in words; every write must have ended.
  func missing(at step: Int, alpha: Bool) -> [String] {
    var names: [URL] = []
    if alpha { names.append(series.alpha) }
    names.append(series.url(ofStep: step))
    let missing = names.filter { !AtomicFolder.isComplete($0) }.map { "checkpoints/\($0.lastPathComponent)" }
    return missing + (observers?.losses ?? [])
  }

  // MARK: - Logs

  /// - Parameters:
  ///   - fineTuningTokens: the tokens of a step of the second stage, about; nil without one.
  ///   - step: the step of the checkpoint that the run goes on from; nil where it begins.
  func openLogs(
    _ configuration: RunConfiguration, _ start: StartReport, fineTuningTokens: Double?, resumingAt step: Int?
  ) throws {
    // Where an earlier start left its log without a checkpoint, this run begins again in it.
    let step = step ?? (folder.wasStartedBefore ? 0 : nil)
    let plan = [
      StagePlan(
        stage: TrainingStage.pretraining.shortName, steps: configuration.budget.pretrainingSteps,
        tokensPerStep: Double(configuration.batch.size * configuration.pretraining.blockLength)),
      StagePlan(
        stage: TrainingStage.fineTuning.shortName, steps: configuration.budget.fineTuningSteps,
        tokensPerStep: fineTuningTokens),
    ]
    let console = Console(
      terminal, every: Console.Interval(seconds: configuration.logging.consoleEverySeconds), plan: plan)
    let metrics = try MetricsFile(folder.metrics, resumingAt: step)
    var sinks: [RunObserver] = [console, metrics]
    if configuration.logging.tensorboard {
      sinks.append(try TensorBoardWriter(folder: folder.tensorBoard, resumingAt: step))
    }
    observers = RunObservers(sinks)
    observers?.observe(.start(start))
    if let note = metrics.repair.note { observers?.note("\(metrics.name): \(note)") }
  }

  /// The resolved configuration, versions and hosts.
  func writeFacts(_ configuration: RunConfiguration, _ arithmetic: Arithmetic, hosts: [RankHost], threads: Int) throws {
    try folder.write(configuration: configuration.resolvedYAML())
    var versions: [(name: String, value: String)] = [
      ("palier", PalierVersion.text), ("mpi", World.libraryVersion),
    ]
    versions += arithmetic.entries
    versions += MachineDescription.current()
    try folder.write(versions: versions)
    try folder.write(
      hosts: hosts.map { HostEntry(rank: $0.rank, host: $0.host, localRank: $0.localRank, threads: threads) })
  }

  /// - Parameter unwritten: what the run should have left, in words.
  func end(
    _ progress: RunProgress, elapsed: Double, evaluations: [EvaluationReport], energy: EnergyReport, unwritten: [String]
  ) {
    observers?.observe(
      .end(
        RunSummary(
          globalStep: progress.globalStep, seconds: elapsed, tokens: progress.tokenCount, evaluations: evaluations,
          energy: energy, collapses: progress.collapseReports,
          deadSites: progress.deadSiteReports, skippedStepCount: progress.skippedInRun ?? 0)))
    warn(unwritten: unwritten)
    observers?.finish()
  }

  /// The last words of a run that could not write all that it should leave.
  func warn(unwritten: [String]) {
    guard !unwritten.isEmpty else { return }
    observers?.warn("not written: \(unwritten.joined(separator: ", ")): make room in \(folder.url.path)")
  }
}
