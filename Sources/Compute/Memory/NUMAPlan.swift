internal import CNUMA

/// Where a rank's threads and memory belong on a machine of several NUMA nodes.
///
/// Loops hand their work out to any thread that is free, so within a rank no page has a thread of its own: what counts is
/// that a rank's pages are near all of its threads.
public enum NUMAPlan: Equatable, Sendable, Codable {
  /// One node, or none known: there is nothing to choose.
  case oneNode
  /// The launcher keeps the rank on one node's CPUs: its memory goes there too.
  case launchedOn(node: Int)
  /// The launcher left all ranks free on all nodes and they divide: the rank keeps to these CPUs of one node, and its memory.
  case keptOn(node: Int, cpus: [Int])
  /// The rank's CPUs are of several nodes: its pages take turns over these, so that no node's memory is the bottleneck.
  case across(nodes: [Int])

  /// - Parameters:
  ///   - nodes: the machine's.
  ///   - cpus: those that the launcher gave this rank.
  ///   - threads: of each rank.
  ///   - localRank, localCount: the rank's number among those of the machine, and how many there are.
  ///   - sharesCPUs: whether all of them were given the same CPUs.
  public init(
    nodes: [NUMAMap.Node], cpus: [Int], threads: Int, localRank: Int, localCount: Int, sharesCPUs: Bool
  ) {
    let own = Set(cpus)
    let touched = nodes.map { (id: $0.id, cpus: $0.cpus.filter(own.contains)) }.filter { !$0.cpus.isEmpty }
    guard nodes.filter({ !$0.cpus.isEmpty }).count > 1, let first = touched.first else {
      self = .oneNode
      return
    }
    let ranksANode = localCount / touched.count
    let divides = ranksANode * touched.count == localCount
    if touched.count == 1 {
      self = .launchedOn(node: first.id)
    } else if sharesCPUs, divides, touched.allSatisfy({ $0.cpus.count >= ranksANode * threads }) {
      let mine = touched[localRank / ranksANode]
      self = .keptOn(node: mine.id, cpus: mine.cpus)
    } else {
      self = .across(nodes: touched.map(\.id))
    }
  }

  /// The nodes that the rank's pages should lie on; empty where there is nothing to choose.
  public var nodes: [Int] {
    switch self {
    case .oneNode: []
    case .launchedOn(let node), .keptOn(let node, _): [node]
    case .across(let nodes): nodes
    }
  }

  /// Asks the kernel for this thread's new pages on the plan's nodes, and for those of the threads that it starts. To be
  /// called before the first parallel loop. C functions: `numa_set_preferred`, `numa_set_interleave_mask`.
  public func placeMemory() {
    switch self {
    case .oneNode: break
    case .launchedOn(let node), .keptOn(let node, _): palier_numa_prefer_node(Int32(node))
    case .across(let nodes):
      // A refusal leaves the kernel's own rule, the toucher's node: slower at worst, and `pages` in the log shows it.
      _ = palier_numa_interleave(nodes.map(Int32.init), Int32(nodes.count))
    }
  }

  /// The share of a block's touched pages that lies on the plan's nodes; nil where none is touched or known.
  public func shareOfPages(_ bytes: UnsafeRawBufferPointer) -> Double? {
    let counts = NUMAMap.pageCounts(of: bytes).filter { $0.key >= 0 }
    let total = counts.values.reduce(0, +)
    guard total > 0 else { return nil }
    return Double(counts.filter { nodes.contains($0.key) }.values.reduce(0, +)) / Double(total)
  }
}
