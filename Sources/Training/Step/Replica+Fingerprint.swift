import Compute
import Ranks

extension Replica {
  /// A 64-bit hash of the parameters; with the moments where asked.
  func fingerprint(withMoments: Bool) -> UInt64 {
    var hash = hashBits(model.parameters)
    if withMoments {
      hash = hash &* 0x9E37_79B9_7F4A_7C15 ^ hashBits(optimizer.first)
      hash = hash &* 0x9E37_79B9_7F4A_7C15 ^ hashBits(optimizer.second)
    }
    return hash
  }

  /// The ranks whose replica differs from the majority's; empty while all agree; all ranks where no majority tells who is
  /// right. Shards of moments have no replica to be compared with: `StateChecksum` watches those. Collective.
  package func differingRanks() throws -> [Int] {
    let all = try world.allGather(fingerprint(withMoments: !isSharded))
    guard Set(all).count > 1 else { return [] }
    let votes = Dictionary(grouping: all.indices) { all[$0] }
    guard let majority = votes.first(where: { $0.value.count * 2 > all.count })?.key else { return Array(all.indices) }
    return all.indices.filter { all[$0] != majority }
  }
}
