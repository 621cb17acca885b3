import Compute

extension World {
  /// Places this rank's threads and memory on the machine's NUMA nodes, and says how. Before the first parallel loop, the
  /// first large buffer and the first reducer; nothing happens on a machine of one node.
  public func settleOnNodes(_ placement: Placement, threads: Int, nodes: [NUMAMap.Node] = NUMAMap.nodes) throws
    -> NUMAPlan
  {
    let plan = NUMAPlan(
      nodes: nodes, cpus: launchCores.numbers, threads: threads, localRank: localRank, localCount: localCount,
      sharesCPUs: placement.sharing == .same || localCount == 1)
    if case .keptOn(_, let cpus) = plan { try keepThreads(on: CPUSet(cpus)) }
    plan.placeMemory()
    return plan
  }
}
