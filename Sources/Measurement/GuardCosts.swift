import Base
import Checkpoints
import Compute
import Encoder
import Foundation
import Ranks
import Synchronization
import Training

/// What a run pays for exact sums, for comparing replicas and for checkpoints, measured beside the steps of one process.
public struct GuardCosts: Sendable {
  /// One of them.
  public struct Cost: Sendable {
    public let name: String
    /// What one occurrence adds; below zero where it is lost in the spread of the steps.
    public let seconds: Double
    /// The steps from one occurrence to the next.
    public let everySteps: Int

    package init(name: String, seconds: Double, everySteps: Int) {
      (self.name, self.seconds, self.everySteps) = (name, seconds, everySteps)
    }

    /// What one occurrence adds, in steps of `stepSeconds`.
    public func shareOfStep(_ stepSeconds: Double) -> Double { seconds / stepSeconds }

    /// What a run of such steps becomes longer by.
    public func shareOfRun(_ stepSeconds: Double) -> Double { shareOfStep(stepSeconds) / Double(everySteps) }
  }

  /// The median step with exact sums, without anything beside it.
  public let stepSeconds: Double
  /// The middle half of those steps, from end to end, over their median.
  public let spread: Double
  public let costs: [Cost]
  /// How long one checkpoint took to write.
  public let writeSeconds: Double

  /// Measures. Collective.
  /// - Parameters:
  ///   - folder: where the checkpoints of the measurement are written, and removed.
  ///   - checkEvery, saveEvery: steps between two comparisons and two checkpoints.
  public static func measure(
    _ setting: StepBenchmark.Setting, world: World, folder: URL, checkEvery: Int, saveEvery: Int
  ) throws -> GuardCosts {
    let benchmarked = try BenchmarkedModel(setting, world: world)
    let replica = try benchmarked.replica(.fixedPoint, shardsOptimizer: setting.shardsOptimizer)
    let (exact, plain) = try stepsInTurns(benchmarked, replica)
    let check = try median(3, world) { _ = try replica.differingRanks() }
    let writing = try stepsWhileWriting(benchmarked, replica, folder)
    let step = middle(exact)
    var costs = [
      Cost(name: "exact sums against float32", seconds: step - middle(plain), everySteps: 1),
      Cost(name: "comparing replicas, once", seconds: check, everySteps: checkEvery),
      Cost(name: "checkpoint: copying the state", seconds: writing.copySeconds, everySteps: saveEvery),
      Cost(
        name: "checkpoint: steps slowed while it is written",
        seconds: (writing.busyStep - writing.idleStep) * writing.writeSeconds / writing.busyStep, everySteps: saveEvery),
    ]
    if replica.isSharded {
      costs.append(Cost(name: "watching memory between updates", seconds: writing.guardSeconds, everySteps: 1))
    }
    return GuardCosts(
      stepSeconds: step, spread: spread(exact), costs: costs, writeSeconds: writing.writeSeconds)
  }

  /// Steps of both kinds of sums, one after the other, so that a machine that slows down slows both.
  private static func stepsInTurns(
    _ benchmarked: BenchmarkedModel, _ exact: Replica
  ) throws -> (exact: [Double], plain: [Double]) {
    let plain = try benchmarked.replica(.float32, shardsOptimizer: benchmarked.setting.shardsOptimizer)
    var seconds: (exact: [Double], plain: [Double]) = ([], [])
    for _ in 0..<benchmarked.setting.steps {
      seconds.exact.append(try benchmarked.step(exact).seconds)
      seconds.plain.append(try benchmarked.step(plain).seconds)
    }
    return seconds
  }

  private struct Writing {
    var idleStep = 0.0
    var busyStep = 0.0
    var copySeconds = 0.0
    var writeSeconds = 0.0
    var guardSeconds = 0.0
  }

  /// Steps alone and steps beside the leader's writer, in turns; how long the copies and the writes took.
  private static func stepsWhileWriting(
    _ benchmarked: BenchmarkedModel, _ replica: Replica, _ folder: URL
  ) throws -> Writing {
    let world = benchmarked.world
    let writer = world.isLeader ? BenchmarkWriter(folder) : nil
    defer { writer?.remove() }
    var (idle, busy, copies): ([Double], [Double], [Double]) = ([], [], [])
    // The first copy takes its pages from the system: a run does that once.
    try copy(replica, to: writer)
    replica.model.clearPhases()
    for _ in 0..<benchmarked.setting.steps {
      idle.append(try benchmarked.step(replica).seconds)
      let start = monotonicSeconds()
      try copy(replica, to: writer)
      copies.append(monotonicSeconds() - start)
      try world.agree { try writer?.startWritingUntilTold() }
      busy.append(try benchmarked.step(replica).seconds)
      try world.agree { try writer?.finish() }
    }
    let steps = Double(2 * benchmarked.setting.steps)
    return Writing(
      idleStep: middle(idle), busyStep: middle(busy), copySeconds: try world.maximum(middle(copies)),
      writeSeconds: try world.maximum(writer.map { middle($0.seconds) } ?? 0),
      guardSeconds: (replica.model.phases.seconds[.guards] ?? 0) / steps)
  }

  /// The copy that a checkpoint is written from. Collective.
  private static func copy(_ replica: Replica, to writer: BenchmarkWriter?) throws {
    try replica.takeSnapshot(into: writer?.snapshot)
  }

  private static func median(_ count: Int, _ world: World, _ body: () throws -> Void) throws -> Double {
    middle(
      try (0..<count).map { _ in
        try world.barrier()
        let start = monotonicSeconds()
        try body()
        return monotonicSeconds() - start
      })
  }

  private static func middle(_ seconds: [Double]) -> Double {
    seconds.median ?? 0
  }

  private static func spread(_ seconds: [Double]) -> Double {
    let sorted = seconds.sorted()
    return (sorted[sorted.count * 3 / 4] - sorted[sorted.count / 4]) / middle(seconds)
  }
}

/// The leader's writer, kept busy for as long as a step takes.
private final class BenchmarkWriter {
  let snapshot = TensorSnapshot()
  private let writer = AsynchronousWriter()
  private let folder: URL
  private let log = WriteLog()

  /// In a folder of `folder` that nobody else has: what it replaces and removes is its own.
  init(_ folder: URL) { self.folder = folder.appendingPathComponent("palier-bench-\(UUID().uuidString)") }

  var seconds: [Double] { log.seconds }

  /// Writes one checkpoint after the other, as a run does, until `finish`.
  func startWritingUntilTold() throws {
    log.start()
    try writer.submit { [snapshot, folder, log] in
      repeat {
        let start = monotonicSeconds()
        try AtomicFolder.write(to: folder, replacingAnything: true) {
          try TrainerStateFile.write(into: $0, arrays: snapshot.tensors, values: [:])
        }
        log.add(monotonicSeconds() - start)
      } while log.goesOn
    }
  }

  func finish() throws {
    log.end()
    try writer.drain()
  }

  func remove() { try? FileManager.default.removeItem(at: folder) }
}

/// How long each write took; shared with the writer's thread.
private final class WriteLog: Sendable {
  private let state = Mutex<(seconds: [Double], goesOn: Bool)>(([], false))

  var seconds: [Double] { state.withLock { $0.seconds } }
  var goesOn: Bool { state.withLock { $0.goesOn } }
  func start() { state.withLock { $0.goesOn = true } }
  func end() { state.withLock { $0.goesOn = false } }
  func add(_ seconds: Double) { state.withLock { $0.seconds.append(seconds) } }
}
