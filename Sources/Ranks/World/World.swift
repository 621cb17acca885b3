internal import COpenMPI
import Compute
import Foundation
import Synchronization

/// The ranks of a run, as MPI started them. One rank alone is a world too, with or without `mpirun`.
///
/// Made once a process, on the main thread. Every collective must be reached by all ranks in the same order.
/// The good path ends with `finalize()`, an error with `end(with:)` or `abort(line:)`: never with a plain `exit`,
/// or the other ranks wait for ever.
public final class World: @unchecked Sendable {
  /// This rank's number, from 0.
  public let rank: Int
  /// The number of ranks.
  public let count: Int
  /// The node's name, as MPI knows it.
  public let hostName: String
  /// This rank's number among those of its node, from 0.
  public let localRank: Int
  /// The number of ranks on this node.
  public let localCount: Int
  /// The world's number of this node's first rank: says which ranks share a node, where names may not.
  let nodeLeader: Int
  /// What the library allows; with `.serialized`, calls take turns behind a lock.
  public let threadLevel: ThreadLevel
  /// The cores that the launcher gave this process, as they were before any thread was pinned.
  public let launchCores: CPUSet
  /// The cores of this rank's own threads: those of the launcher, or fewer (`keepThreads`).
  public private(set) var threadCores: CPUSet

  /// For collectives, and for gradient reductions: two, so that a reduction in flight cannot meet a collective.
  let communicator: MPI_Comm
  let reductionCommunicator: MPI_Comm
  /// MPI counts are 32-bit: longer messages travel in parts of this many bytes. The self-check tries small ones.
  var largestMessage = 1 << 28
  let collectiveActivity = Activity()
  let reductionActivity = Activity()
  let reductionsInFlight = Atomic<Int>(0)
  private let reducerCount = Atomic<Int>(0)
  private let callLock = NSLock()
  private let isFinalized = Atomic<Bool>(false)
  /// The description of the error that all ranks last agreed on.
  let agreedFailure = Mutex<String?>(nil)

  /// Keeps this thread, and those that it and this world start from now on, on `cores`. C function: `sched_setaffinity`.
  func keepThreads(on cores: CPUSet) throws {
    try cores.bindThisThread()
    threadCores = cores
  }

  /// Whether this is rank zero, which plans, evaluates, writes and logs.
  public var isLeader: Bool { rank == 0 }

  /// Starts MPI. C function: `MPI_Init_thread`.
  /// - Parameters:
  ///   - threads: the thread support asked for; a library that offers only `.serialized` is accepted.
  ///   - allowSeparateWorlds: accept an environment that tells of more ranks than the world has.
  /// - Throws: `RankError.launch` when a launcher started several worlds of one rank; `.alreadyStarted`,
  ///   `.threadsUnsupported`, `.callFailed`.
  public init(threads: ThreadLevel = .multiple, allowSeparateWorlds: Bool = false) throws {
    guard palier_mpi_is_initialized() == 0 else { throw RankError.alreadyStarted }
    let environment = ProcessInfo.processInfo.environment
    if !allowSeparateWorlds, let diagnosis = LaunchDiagnosis.beforeStart(environment: environment) {
      throw RankError.launch(diagnosis)
    }
    try requireDescriptors()
    launchCores = try CPUSet.ofThisThread()
    threadCores = launchCores
    setLibraryDefaults()
    var provided: Int32 = 0
    try MPICall.start.check(palier_mpi_init(threads.rawValue, &provided))
    threadLevel = try ThreadLevel.settled(offered: provided, asked: threads)
    communicator = try duplicate(palier_mpi_comm_world())
    reductionCommunicator = try duplicate(palier_mpi_comm_world())
    (rank, count) = try place(in: communicator)
    var node: MPI_Comm? = nil
    try MPICall.splitNode.check(palier_mpi_comm_split_node(communicator, Int32(rank), &node))
    (localRank, localCount) = try place(in: node!)  // set on success, by the C contract
    var leader = Int32(rank)
    try MPICall.broadcast.check(palier_mpi_broadcast(&leader, Int32(MemoryLayout<Int32>.size), 0, node!))
    nodeLeader = Int(leader)
    palier_mpi_comm_free(&node)
    hostName = mpiText { palier_mpi_processor_name($0) } ?? ProcessInfo.processInfo.hostName
    if !allowSeparateWorlds, let diagnosis = LaunchDiagnosis.find(environment: environment, worldCount: count) {
      throw RankError.launch(diagnosis)
    }
  }

  /// The MPI library's name and version. C function: `MPI_Get_library_version`.
  public static var libraryVersion: String {
    mpiText { palier_mpi_library_version($0) } ?? "unknown MPI library"
  }

  /// Ends MPI on the good path; every rank calls it, and calls nothing of the world after it. C function: `MPI_Finalize`.
  public func finalize() throws {
    guard isFinalized.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
    else { return }
    collectiveActivity.mark(.finalize)
    defer { collectiveActivity.clear() }
    try exclusively { try MPICall.finalize.check(palier_mpi_finalize()) }
  }

  /// Makes one blocking MPI call on `communicator`, under the watchdog's eye.
  func run(_ call: MPICall, _ body: (MPI_Comm) -> Int32) throws {
    precondition(
      threadLevel == .multiple || reductionsInFlight.load(ordering: .relaxed) == 0,
      "a blocking \(call.name) during a gradient reduction needs MPI_THREAD_MULTIPLE: call waitAll() first")
    collectiveActivity.mark(call)
    defer { collectiveActivity.clear() }
    try exclusively { try call.check(body(communicator)) }
  }

  /// Runs `body` while no other thread is in MPI, where the library asks for that.
  func exclusively<Result>(_ body: () throws -> Result) rethrows -> Result {
    guard threadLevel == .serialized else { return try body() }
    callLock.lock()
    defer { callLock.unlock() }
    return try body()
  }

  /// A number for a new reducer, the same on all ranks as they make reducers in the same order.
  func nextReducerNumber() -> Int { reducerCount.add(1, ordering: .relaxed).oldValue }
}

/// Settings of OpenMPI that a user's own (environment, `mpirun --mca`, parameter files of the launcher) go before.
private func setLibraryDefaults() {
  // A world of one without mpirun: no daemon is started beside it (a tenth of a second, and a failure without ssh).
  setenv("OMPI_MCA_ess_singleton_isolated", "1", 0)
  // A rank that waits yields its core: the reducing thread shares the cores with the computing ones.
  setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0)
}

/// The files that a rank opens while MPI starts, its own included: measured, and twice that.
private let fewestDescriptors = 64

/// MPI ends a process that runs out of descriptors with a page of text: this ends it with a line. C function: `getrlimit`.
private func requireDescriptors() throws {
  var limit = rlimit()
  guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < fewestDescriptors else {
    return
  }
  limit.rlim_cur = min(limit.rlim_max, 1024)
  guard limit.rlim_cur >= fewestDescriptors, setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
    throw RankError.tooFewDescriptors(limit: Int(clamping: limit.rlim_max), needed: fewestDescriptors)
  }
}

/// C function: `MPI_Comm_dup`.
private func duplicate(_ communicator: MPI_Comm) throws -> MPI_Comm {
  var copy: MPI_Comm? = nil
  try MPICall.duplicate.check(palier_mpi_comm_dup(communicator, &copy))
  return copy!  // set on success, by the C contract
}

/// C functions: `MPI_Comm_rank`, `MPI_Comm_size`.
private func place(in communicator: MPI_Comm) throws -> (rank: Int, count: Int) {
  var rank: Int32 = 0
  var count: Int32 = 0
  try MPICall.rank.check(palier_mpi_comm_rank(communicator, &rank))
  try MPICall.count.check(palier_mpi_comm_size(communicator, &count))
  return (Int(rank), Int(count))
}
