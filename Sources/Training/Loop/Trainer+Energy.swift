import Observability
import Ranks

extension Trainer {
  /// What all hosts used so far: the first rank of each reads its counters. Collective.
  func energy() throws -> EnergyReport {
    let own = meter.map { EnergyReport.Host(world.hostName, $0.reading()) }
    return EnergyReport(hosts: try world.allGather(encoded: own).compactMap { $0 }, joulesBefore: joulesBefore)
  }
}
