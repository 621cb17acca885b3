import Base
import Compute
import Foundation
import Ranks

/// A program of a cell, in a process group of its own: the terminal's Ctrl-C reaches the runner alone, which asks it
/// to end.
final class ChildProcess {
  /// How it ended, as a shell tells it: the exit code, or 128 + the signal.
  private(set) var code: Int32?
  let command: [String]
  private let process: pid_t

  /// Under this number the cell's lock is open in its programs.
  private static let lockDescriptor: Int32 = 198

  /// Starts `command`, its first word a path. C function: `posix_spawn`.
  /// - Parameters:
  ///   - environment: over the runner's own.
  ///   - log: standard output and errors are added to it.
  ///   - lock: a descriptor that stays open in the program.
  ///   - cpus: what it may run on; nil: as the runner.
  init(
    _ command: [String], environment extra: [String: String], log: URL, lock: Int32, cpus: CPUSet?
  ) throws {
    self.command = command
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, log.path, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    posix_spawn_file_actions_adddup2(&actions, lock, Self.lockDescriptor)
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    for signal in StopRequest.signals { sigaddset(&signals, signal) }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
    let variables = ProcessInfo.processInfo.environment.merging(extra) { $1 }.map { "\($0)=\($1)" }.sorted()
    var words = command.map { strdup($0) } + [nil]
    var environment = variables.map { strdup($0) } + [nil]
    defer { for text in words + environment { free(text) } }
    var id: pid_t = 0
    // The program has the CPUs of the thread that starts it.
    let own = try cpus.map { _ in try CPUSet.ofThisThread() }
    try cpus?.bindThisThread()
    let status = posix_spawn(&id, command[0], &actions, &attributes, &words, &environment)
    try own?.bindThisThread()
    guard status == 0 else {
      throw StudyError.cannotStart(program: command[0], reason: String(cString: strerror(status)))
    }
    process = id
  }

  /// Whether it has ended. C function: `waitpid`.
  func hasEnded() -> Bool {
    guard code == nil else { return true }
    var status: Int32 = 0
    let ended = waitpid(process, &status, WNOHANG)
    guard ended == process else { return false }
    code = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    return true
  }

  /// Sends a signal to the program itself: `launch/mpirun` hands it to the ranks as one that lets them save.
  func ask(_ signal: Int32) { if code == nil { kill(process, signal) } }

  /// Ends everything of its process group at once.
  func end() { if code == nil { kill(-process, SIGKILL) } }
}
