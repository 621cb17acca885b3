internal import COpenMPI

/// A signal that asks for the end of a run.
public enum StopSignal: Int32, Sendable, CaseIterable {
  /// SIGHUP: the terminal was closed, or the connection to it is gone.
  case hangup = 1
  /// SIGINT, Ctrl-C.
  case interrupt = 2
  /// SIGUSR1: Slurm's warning before the time is up (`--signal=USR1@300`), and the one that `mpirun` hands on to its
  /// ranks at once.
  case preemption = 10
  /// SIGTERM.
  case termination = 15

  /// The signal's name.
  public var name: String {
    switch self {
    case .hangup: return "SIGHUP"
    case .interrupt: return "SIGINT"
    case .preemption: return "SIGUSR1"
    case .termination: return "SIGTERM"
    }
  }
}

/// Whether a signal asked for the end: set by an async-signal-safe handler, read between steps.
///
/// A second SIGINT ends the process at once with 130; SIGHUP is left ignored where it is (`nohup`). `mpirun` (OpenMPI 4)
/// hands SIGUSR1 on as it is. On SIGTERM, SIGINT and SIGHUP it ends the job: SIGTERM to every rank after
/// `odls_base_sigkill_timeout` seconds (1), SIGKILL after as many again. So whoever wants a checkpoint first sends SIGUSR1 to `mpirun`, as the launch scripts do.
public enum SignalFlag {
  /// Installs the handlers, after MPI has started. C function: `sigaction`.
  public static func install() throws {
    let status = palier_signals_install()
    guard status == 0 else { throw RankError.systemCall(name: "sigaction", errno: status) }
  }

  /// Makes a write beyond the limit on file sizes (`ulimit -f`) an error of that write, which is told and handled as a full
  /// disk is; the system's default is to kill the process without a word. C function: `signal(SIGXFSZ, SIG_IGN)`.
  public static func ignoreFileSizeLimit() { _ = palier_signals_ignore_file_size() }

  /// The first signal caught on this rank, or nil.
  public static var pending: StopSignal? { StopSignal(rawValue: palier_signals_pending()) }

  /// Forgets what was caught.
  public static func clear() { palier_signals_clear() }

  /// The signal that any rank caught, the same on all ranks, or nil: ranks are signalled at different moments, and all
  /// must leave the loop after the same step. Collective.
  public static func pending(on world: World) throws -> StopSignal? {
    StopSignal(rawValue: try world.allGather(pending?.rawValue ?? 0).max() ?? 0)
  }
}
