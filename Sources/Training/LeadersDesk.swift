import Checkpoints
import Compute
import Configuration
import Foundation
import Observability
import Ranks

/// What only rank zero has: the run's folder, its logs and its checkpoint writer.
final class LeadersDesk {
  let folder: RunFolder
  let series: CheckpointSeries
  let writer = AsynchronousWriter()
  let snapshot = TensorSnapshot()
  private(set) var observers: RunObservers?
  private var energy: EnergyMeter?
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
    fflush(stdout)
  }

  func openLogs(_ configuration: RunConfiguration, _ trainer: Trainer, resumingAt step: Int?) throws {
    let plan = [
      StagePlan(stage: RunProgress.Stage.pretraining.shortName, steps: configuration.budget.pretrainingSteps),
      StagePlan(stage: RunProgress.Stage.fineTuning.shortName, steps: configuration.budget.fineTuningSteps),
    ]
    let console = Console(
      terminal, every: Console.Interval(seconds: configuration.logging.consoleEverySeconds), plan: plan)
    let meter = EnergyMeter()
    energy = meter
    var sinks: [RunObserver] = [console, try MetricsFile(folder.metrics, resumingAt: step), meter]
    if configuration.logging.tensorboard {
      sinks.append(try TensorBoardWriter(folder: folder.tensorBoard, resumingAt: step))
    }
    observers = RunObservers(sinks)
  }

  /// The resolved configuration, versions and hosts.
  func writeFacts(_ configuration: RunConfiguration, hosts: [RankHost], threads: Int) throws {
    try folder.write(configuration: configuration.resolvedYAML())
    var versions: [(name: String, value: String)] = [
      ("palier", PalierVersion.text), ("onednn", ProductBackend.version), ("onednn_isa", ProductBackend.instructionSet),
      ("mpi", World.libraryVersion),
    ]
    versions += MachineDescription.current()
    try folder.write(versions: versions)
    try folder.write(
      hosts: hosts.map { HostEntry(rank: $0.rank, host: $0.host, localRank: $0.localRank, threads: threads) })
  }

  func end(_ progress: RunProgress, elapsed: Double, evaluations: [EvaluationReport]) {
    observers?.observe(
      .end(
        RunSummary(
          globalStep: progress.globalStep, seconds: elapsed, tokens: progress.tokenCount, evaluations: evaluations,
          energy: energy?.reading() ?? .unavailable("no meter"), collapses: progress.collapseReports,
          deadSites: progress.deadSiteReports, skippedStepCount: progress.skippedInRun ?? 0)))
    observers?.finish()
  }
}

/// Palier's own version.
public enum PalierVersion {
  public static let text = "0.1.0"
}
