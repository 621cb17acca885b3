/// How fast a rank works, as far as the dealing of slices asks.
public struct RankPace: Sendable, Equatable {
  /// Seconds for a slice of cost 1 (`Slice.cost`).
  public var secondsPerCost: Double
  /// Seconds of a step that the rank spends beside its slices.
  public var secondsBeside: Double

  /// A pace of these seconds.
  public init(secondsPerCost: Double, secondsBeside: Double = 0) {
    self.secondsPerCost = secondsPerCost
    self.secondsBeside = secondsBeside
  }

  /// The pace of all ranks where none is known.
  public static let same = RankPace(secondsPerCost: 1)
}
