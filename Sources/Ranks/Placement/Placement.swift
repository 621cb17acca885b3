import Base
import Compute
import Foundation

/// How many threads a rank should run, from what the launcher gave it and the other ranks of its node.
///
/// OpenMPI binds one or two ranks to a single core each unless told otherwise: a rank that then starts a thread for each
/// of the node's cores has them all on one, eight times slower or worse, and nothing says so. This does.
public struct Placement: Equatable, Sendable {
  /// How the CPUs of a node's ranks lie to each other.
  public enum Sharing: String, Sendable {
    /// One rank on the node.
    case alone
    /// No CPU belongs to two ranks.
    case disjoint
    /// All ranks have the same CPUs.
    case same
    /// Some CPUs belong to several ranks, some do not.
    case overlapping
  }

  /// This rank, in the world.
  public var rank: Int
  /// This rank's node.
  public var host: String
  /// The number of ranks on the node.
  public var localCount: Int
  /// The number of ranks in the world.
  public var worldCount: Int
  /// The number of nodes.
  public var nodeCount: Int
  /// The CPUs that the launcher gave this rank.
  public var cpus: CPUSet
  /// How the node's ranks share theirs.
  public var sharing: Sharing
  /// Cores of this rank; hardware threads of one core count once, here and below.
  public var ownCoreCount: Int
  /// Cores of all ranks on the node together.
  public var givenCoreCount: Int
  /// Cores that the launcher itself may use: what it had to give, which is the node, or the container.
  public var launcherCoreCount: Int
  /// The node's control group may use this many CPUs in time; nil without a limit.
  public var cpuQuota: Double?
  /// The threads a rank that `launch/mpirun --threads` was given; nil where it, or another launcher, chose by itself.
  public var launcherThreads: Int?

  /// The variable by which `launch/mpirun` hands `--threads` on. (`OMP_NUM_THREADS` tells no wish: many hosts set it for all.)
  package static let launcherVariable = "PALIER_THREADS_ASKED"

  package init(
    rank: Int = 0, host: String, localCount: Int, worldCount: Int, nodeCount: Int, cpus: CPUSet, sharing: Sharing,
    ownCoreCount: Int, givenCoreCount: Int, launcherCoreCount: Int, cpuQuota: Double?, launcherThreads: Int? = nil
  ) {
    self.rank = rank
    self.host = host
    self.localCount = localCount
    self.worldCount = worldCount
    self.nodeCount = nodeCount
    self.cpus = cpus
    self.sharing = sharing
    self.ownCoreCount = ownCoreCount
    self.givenCoreCount = givenCoreCount
    self.launcherCoreCount = launcherCoreCount
    self.cpuQuota = cpuQuota
    self.launcherThreads = launcherThreads
  }

  /// Measures the world's placement. Collective.
  public static func measure(_ world: World) throws -> Placement {
    try measure(world, files: MachineFiles())
  }

  /// The placement of this process by itself, without MPI.
  public static func alone() throws -> Placement {
    let files = MachineFiles()
    let cpus = try CPUSet.ofThisThread()
    let cores = files.coreCount(cpus)
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    let host = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return Placement(
      host: host, localCount: 1, worldCount: 1, nodeCount: 1, cpus: cpus, sharing: .alone, ownCoreCount: cores,
      givenCoreCount: cores, launcherCoreCount: cores, cpuQuota: files.cpuQuota)
  }

  static func measure(_ world: World, files: MachineFiles) throws -> Placement {
    let members = try world.allGather(encoded: NodeMember(nodeLeader: world.nodeLeader, cpus: world.launchCores))
    let masks = members.filter { $0.nodeLeader == world.nodeLeader }.map(\.cpus)
    let given = masks.reduce(CPUSet()) { $0.union($1) }
    let launcher = (try? CPUSet.ofProcess(getppid())) ?? given
    return Placement(
      rank: world.rank, host: world.hostName, localCount: world.localCount, worldCount: world.count,
      nodeCount: Set(members.map(\.nodeLeader)).count, cpus: world.launchCores, sharing: sharing(of: masks),
      ownCoreCount: files.coreCount(world.launchCores), givenCoreCount: files.coreCount(given),
      launcherCoreCount: files.coreCount(launcher.union(given)), cpuQuota: files.cpuQuota,
      launcherThreads: try world.agree { try launcherThreads(ProcessInfo.processInfo.environment) })
  }

  /// The launcher's `--threads` as it stands in `environment`.
  /// - Throws: `RankError.invalidLauncherThreads` where it is no number from 1.
  static func launcherThreads(_ environment: [String: String]) throws -> Int? {
    guard let text = environment[launcherVariable], !text.isEmpty else { return nil }
    guard let count = Int(text), (1...99_999).contains(count) else { throw RankError.invalidLauncherThreads(text) }
    return count
  }

  private struct NodeMember: Codable {
    var nodeLeader: Int
    var cpus: CPUSet
  }

  /// How the CPU sets of a node's ranks lie to each other.
  package static func sharing(of masks: [CPUSet]) -> Sharing {
    guard masks.count > 1, let first = masks.first else { return .alone }
    if masks.allSatisfy({ $0 == first }) { return .same }
    let union = masks.reduce(CPUSet()) { $0.union($1) }
    return masks.reduce(0) { $0 + $1.count } == union.count ? .disjoint : .overlapping
  }

  /// Threads per rank that fill the cores given, and no more; at least one.
  public var recommendedThreadCount: Int {
    let share =
      sharing == .disjoint || sharing == .alone ? ownCoreCount : min(ownCoreCount, givenCoreCount / localCount)
    let quotaShare = cpuQuota.map { Int($0) / localCount } ?? Int.max
    return max(min(share, quotaShare), 1)
  }

  /// The number of threads to run.
  /// - Parameters:
  ///   - asked: the user's wish; nil for the launcher's `--threads`, or without that for the recommended number.
  ///   - allowOversubscription: take any number of threads on any cores.
  /// - Throws: `RankError.singleCoreBinding`, `.tooManyThreads`, `.invalidThreadCount`.
  public func threadCount(asked: Int?, allowOversubscription: Bool = false) throws -> Int {
    if let asked, asked < 1 { throw RankError.invalidThreadCount(asked) }
    let asked = asked ?? launcherThreads
    let threads = asked ?? recommendedThreadCount
    guard !allowOversubscription else { return threads }
    // One core a rank is right where the node's ranks use them all, or where one thread was asked for.
    if ownCoreCount == 1, asked != 1, launcherCoreCount >= 2 * localCount, (cpuQuota ?? .infinity) >= 2 {
      throw RankError.singleCoreBinding(rank: rank, host: host, core: cpus.list, nodeCoreCount: launcherCoreCount)
    }
    let usable = min(givenCoreCount, cpuQuota.map { max(Int($0), 1) } ?? Int.max)
    let fitsTogether = threads * localCount <= usable
    let fitsAlone = threads <= ownCoreCount
    guard fitsTogether && fitsAlone else {
      let (ranks, cores) = fitsAlone ? (localCount, usable) : (1, ownCoreCount)
      throw RankError.tooManyThreads(host: host, ranks: ranks, threads: threads, coreCount: cores)
    }
    return threads
  }

  /// What a run uses: `4 ranks × 8 threads × 1 node (node7: 2 ranks on cores 0-15, disjoint)`.
  public func line(threadCount: Int) -> String {
    let quota = cpuQuota.map { String(format: ", quota of %g CPUs", $0) } ?? ""
    return "\(counted(worldCount, "rank")) × \(counted(threadCount, "thread")) × \(counted(nodeCount, "node")) "
      + "(\(host): \(counted(localCount, "rank")), rank \(rank) on CPUs \(cpus.list), \(sharing.rawValue)\(quota))"
  }
}
