import Compute
import Ranks

extension CPUFeatures {
  /// What the CPUs of all ranks have: one rank that multiplies otherwise than the others would make a run's bits depend on
  /// which rank got which slice. Collective.
  package static func common(to world: World) throws -> CPUFeatures {
    let all = try world.allGather(encoded: CPUFeatures.current.products.sorted())
    let shared = all.dropFirst().reduce(Set(all[0])) { $0.intersection($1) }
    return CPUFeatures.current.limited(toProducts: shared)
  }
}
