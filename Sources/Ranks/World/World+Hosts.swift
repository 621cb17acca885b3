/// Where one rank runs.
public struct RankHost: Codable, Equatable, Sendable {
  /// The rank's number in the world.
  public var rank: Int
  /// The node's name.
  public var host: String
  /// The rank's number on its node.
  public var localRank: Int

  /// One line of the host table.
  public init(rank: Int, host: String, localRank: Int) {
    self.rank = rank
    self.host = host
    self.localRank = localRank
  }
}

extension World {
  /// Where every rank runs, in rank order, on every rank. Collective.
  public func hosts() throws -> [RankHost] {
    try allGather(encoded: RankHost(rank: rank, host: hostName, localRank: localRank))
  }
}
