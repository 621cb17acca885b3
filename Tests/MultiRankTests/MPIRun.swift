import Foundation
import XCTest

/// One `mpirun` (or, without ranks, the program alone) of an executable built beside the tests, in a process group of its own.
///
/// Never left behind: past its deadline the group is ended, and so are the ranks, which end when `mpirun` does.
final class MPIRun: @unchecked Sendable {
  /// What a run left.
  struct Outcome {
    var status: Int32
    var output: String
    var errors: String
    /// The lines of standard error.
    var errorLines: [String] { errors.split(separator: "\n").map(String.init) }
  }

  private let process: pid_t
  private let output: Collector
  private let errors: Collector
  private let deadline: Date
  private let ending = Ending()

  /// - Parameters:
  ///   - ranks: the number of ranks; nil starts the program without mpirun.
  ///   - binding: arguments that place the ranks.
  ///   - environment: variables added to this process's, from which every launcher's are removed.
  convenience init(
    _ arguments: [String], of executable: String = "RankProbe", ranks: Int?, binding: [String] = ["--bind-to", "none"],
    environment: [String: String] = [:], timeout: Double = 60
  ) throws {
    var words = [try MPIRun.pathOfBuilt(executable)] + arguments
    if let ranks {
      let mpirun = try XCTUnwrap(MPIRun.pathOf("mpirun"), "mpirun is not installed: apt-get install openmpi-bin")
      let options = ["-q", "--allow-run-as-root", "--oversubscribe", "-n", "\(ranks)"]
      words = [mpirun] + options + binding + words
    }
    try self.init(command: words, environment: environment, timeout: timeout)
  }

  /// One rank for each list of arguments, of `executable` each: ranks that are started unlike.
  convenience init(unlike ranks: [[String]], of executable: String, timeout: Double = 60) throws {
    let mpirun = try XCTUnwrap(MPIRun.pathOf("mpirun"), "mpirun is not installed: apt-get install openmpi-bin")
    let program = try MPIRun.pathOfBuilt(executable)
    let applications = ranks.map { ["-n", "1", program] + $0 }.joined(separator: [":"])
    let options = ["-q", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none"]
    try self.init(command: [mpirun] + options + Array(applications), timeout: timeout)
  }

  /// Starts `command`, its first word a path.
  init(command: [String], environment: [String: String] = [:], timeout: Double = 60) throws {
    output = Collector()
    errors = Collector()
    deadline = Date(timeIntervalSinceNow: timeout)
    process = try spawn(command, environment: MPIRun.environment(adding: environment), output: output, errors: errors)
    Thread.detachNewThread { [process, ending] in ending.collect(process) }
  }

  /// A run that a failed test leaves behind ends with its value.
  deinit {
    guard ending.status(by: .distantPast) == nil else { return }
    kill(-process, SIGTERM)
    if ending.status(by: Date(timeIntervalSinceNow: 4)) == nil { kill(-process, SIGKILL) }
  }

  /// Waits for the end, or ends the run at its deadline.
  func wait(file: StaticString = #filePath, line: UInt = #line) -> Outcome {
    var ended = ending.status(by: deadline)
    if ended == nil {
      XCTFail("no end within the time limit: \(errors.text)", file: file, line: line)
      kill(-process, SIGTERM)
      ended = ending.status(by: Date(timeIntervalSinceNow: 4))
      if ended == nil { kill(-process, SIGKILL) }
    }
    let raw = ended ?? SIGKILL
    let status = raw & 0x7f == 0 ? (raw >> 8) & 0xff : 128 + (raw & 0x7f)
    return Outcome(status: status, output: output.finish(), errors: errors.finish())
  }

  /// Waits for a line of standard output that starts with `prefix`.
  func waitForLine(_ prefix: String) throws -> String {
    try XCTUnwrap(output.waitForLine(prefix, until: deadline), "no line \(prefix)… came: \(errors.text)")
  }

  /// Sends `signal` to mpirun, or to the program when it runs alone.
  func send(_ signal: Int32) { kill(process, signal) }

  /// The path of an executable of this package; skipped where it is not built.
  static func pathOfBuilt(_ executable: String) throws -> String {
    let program = try MPIRun.productsFolder().appendingPathComponent(executable).path
    try XCTSkipUnless(FileManager.default.isExecutableFile(atPath: program), "\(executable) is not built")
    return program
  }

  /// The folder that holds the test bundle and the executables.
  private static func productsFolder() throws -> URL {
    let link = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return URL(fileURLWithPath: link).deletingLastPathComponent()
  }

  static func pathOf(_ name: String) -> String? {
    (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":").map { "\($0)/\(name)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Tests in this process may have started MPI, which leaves variables that would confuse another one.
  private static func environment(adding extra: [String: String]) -> [String] {
    let launchers = ["OMPI_", "PMIX_", "PMI_", "ORTE_", "SLURM_", "OPAL_", "PBS_"]
    var kept = ProcessInfo.processInfo.environment.filter { entry in !launchers.contains { entry.key.hasPrefix($0) } }
    kept["OMP_NUM_THREADS"] = "1"
    // Tests run more ranks and threads than cores: one that waits must leave its core, as under launch/mpirun.
    kept["OMP_WAIT_POLICY"] = "passive"
    kept["GOMP_SPINCOUNT"] = "0"
    return kept.merging(extra) { $1 }.map { "\($0)=\($1)" }
  }
}

/// The end of a child process, awaited on a thread of its own.
private final class Ending: @unchecked Sendable {
  private let condition = NSCondition()
  private var waitStatus: Int32?

  /// C function: `waitpid`.
  func collect(_ process: pid_t) {
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    condition.lock()
    waitStatus = status
    condition.broadcast()
    condition.unlock()
  }

  /// The status as `waitpid` gives it, nil when the process still runs at `end`.
  func status(by end: Date) -> Int32? {
    condition.lock()
    defer { condition.unlock() }
    while waitStatus == nil && condition.wait(until: end) {}
    return waitStatus
  }
}

/// Reads a pipe to its end on a thread of its own.
private final class Collector: @unchecked Sendable {
  private let pipe = Pipe()
  private let condition = NSCondition()
  private var data = Data()
  private var isAtEnd = false

  var writeDescriptor: Int32 { pipe.fileHandleForWriting.fileDescriptor }

  /// Closes this process's writing end and starts to read.
  func start() {
    try? pipe.fileHandleForWriting.close()
    Thread.detachNewThread { [self] in
      // Not `FileHandle.read(upToCount:)`, which waits until it has them all.
      while case let part = pipe.fileHandleForReading.availableData, !part.isEmpty { append(part) }
      append(nil)
    }
  }

  var text: String {
    condition.lock()
    defer { condition.unlock() }
    return String(decoding: data, as: UTF8.self)
  }

  /// All text, once every writer has closed, or two seconds have passed.
  func finish() -> String {
    condition.lock()
    let end = Date(timeIntervalSinceNow: 2)
    while !isAtEnd && condition.wait(until: end) {}
    condition.unlock()
    return text
  }

  func waitForLine(_ prefix: String, until end: Date) -> String? {
    condition.lock()
    defer { condition.unlock() }
    while true {
      let lines = String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
      if let line = lines.dropLast().first(where: { $0.hasPrefix(prefix) }) { return String(line) }
      guard !isAtEnd, condition.wait(until: end) else { return nil }
    }
  }

  private func append(_ part: Data?) {
    condition.lock()
    if let part { data.append(part) } else { isAtEnd = true }
    condition.broadcast()
    condition.unlock()
  }
}

/// Starts `words[0]` as the leader of a new process group. C function: `posix_spawn`.
private func spawn(_ words: [String], environment: [String], output: Collector, errors: Collector) throws -> pid_t {
  var actions = posix_spawn_file_actions_t()
  var attributes = posix_spawnattr_t()
  posix_spawn_file_actions_init(&actions)
  posix_spawnattr_init(&attributes)
  defer {
    posix_spawn_file_actions_destroy(&actions)
    posix_spawnattr_destroy(&attributes)
  }
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
  posix_spawn_file_actions_adddup2(&actions, output.writeDescriptor, 1)
  posix_spawn_file_actions_adddup2(&actions, errors.writeDescriptor, 2)
  // Nothing else of this process: a descriptor that a rank kept would keep a pipe, or somebody's lock, open.
  let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }
  for descriptor in open where descriptor > 2 { posix_spawn_file_actions_addclose(&actions, descriptor) }
  posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
  posix_spawnattr_setpgroup(&attributes, 0)
  var process: pid_t = 0
  let arguments = words.map { strdup($0) } + [nil]
  let variables = environment.map { strdup($0) } + [nil]
  defer { for text in arguments + variables { free(text) } }
  let status = posix_spawn(&process, words[0], &actions, &attributes, arguments, variables)
  output.start()
  errors.start()
  guard status == 0 else { throw POSIXError(POSIXErrorCode(rawValue: status) ?? .EIO) }
  return process
}
