import Base

/// What can go wrong between ranks, or between a rank and the machine it was started on. Each description is one line.
public enum RankError: Error, CustomStringConvertible, Equatable {
  /// An MPI call returned a status other than success.
  case callFailed(call: String, reason: String)
  /// The MPI library cannot be called from a second thread.
  case threadsUnsupported(library: String)
  /// A second `World` was made in one process; MPI starts once.
  case alreadyStarted
  /// The launcher started several worlds of one rank, or none of the wanted size.
  case launch(LaunchDiagnosis)
  /// Another rank failed; that rank prints its message, this one ends with it.
  case peerFailed(rank: Int, host: String, message: String)
  /// A rank was started with something else than rank zero.
  case unlike(name: String, value: String, leaderValue: String, leaderHost: String)
  /// A 64-bit sum left its range. `element` counts from the start of the buffer that was summed.
  case sumOverflow(element: Int)
  /// A value from another rank could not be read: other versions of the program in one world.
  case undecodable(type: String, reason: String)
  /// The operating system refused to say on which cores the process may run, or to install a handler.
  case systemCall(name: String, errno: Int32)
  /// The launcher bound the rank to one core of a node that has more.
  case singleCoreBinding(rank: Int, host: String, core: String, nodeCoreCount: Int)
  /// More threads than the cores that the launcher gave.
  case tooManyThreads(host: String, ranks: Int, threads: Int, coreCount: Int)
  /// A number of threads below one.
  case invalidThreadCount(Int)
  /// The launcher's variable for threads holds no number of threads.
  case invalidLauncherThreads(String)
  /// The process may open fewer files than MPI needs.
  case tooFewDescriptors(limit: Int, needed: Int)

  /// One line: what, where, and the cure.
  public var description: String {
    switch self {
    case .callFailed(let call, let reason):
      return "\(call) failed: \(reason)"
    case .threadsUnsupported(let library):
      return "\(library) offers no thread support (MPI_THREAD_SERIALIZED is the least): use an OpenMPI built with it"
    case .alreadyStarted:
      return "a second world was made in one process: MPI starts once, share the first World"
    case .launch(let diagnosis):
      return diagnosis.description
    case .peerFailed(let rank, let host, let message):
      return "rank \(rank) on \(host) failed: \(message)"
    case .unlike(let name, let value, let leaderValue, let leaderHost):
      return "\(name) is \(value) here and \(leaderValue) on rank 0 (\(leaderHost)): "
        + "start all ranks with the same configuration, the same data and the same build of palier"
    case .sumOverflow(let element):
      return "the 64-bit sum over ranks overflows at element \(element): its values are too large for the fixed point"
    case .undecodable(let type, let reason):
      return "a \(type) from another rank cannot be read (\(reason)): run the same build of palier on every host"
    case .systemCall(let name, let errno):
      return "\(name) failed with error \(errno): \(systemReason(errno))"
    case .singleCoreBinding(let rank, let host, let core, let nodeCoreCount):
      return "rank \(rank) is bound to core \(core) alone, while \(host) has \(nodeCoreCount): "
        + "start with launch/mpirun, or mpirun --bind-to none (or --map-by ppr:1:numa:pe=N), or ask for 1 thread "
        + "(compute.threads, or --threads)"
    case .tooManyThreads(let host, let ranks, let threads, let coreCount):
      let most = max(coreCount / max(ranks, 1), 1)
      return "\(counted(ranks, "rank")) × \(counted(threads, "thread")) on \(host) exceed the "
        + "\(counted(coreCount, "core")) given by the launcher: ask for at most \(counted(most, "thread")), "
        + "(compute.threads, or --threads), start fewer ranks, or allow it (compute.allow_oversubscription: true, or "
        + "--allow-oversubscription)"
    case .invalidThreadCount(let count):
      return "\(count) threads asked for: at least 1 is needed"
    case .invalidLauncherThreads(let text):
      return "\(Placement.launcherVariable) is \"\(oneLine(String(text.prefix(40))))\", no number of threads: unset it "
        + "(launch/mpirun --threads sets it)"
    case .tooFewDescriptors(let limit, let needed):
      return "this process may open \(counted(limit, "file")), MPI needs \(needed) or more: ulimit -n 1024 first "
        + "(where that is refused, the administrator's limit on open files is in the way)"
    }
  }
}
