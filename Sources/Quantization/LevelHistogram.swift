/// How often each level of a grid came.
public struct LevelHistogram: Equatable, Sendable {
  /// The lowest level, in steps: −2 of 2 bits, −1.5 on the symmetric grid.
  public var lowest: Double
  /// From the lowest level on, a step apart.
  public var counts: [Int]

  /// A histogram as counted.
  public init(lowest: Double, counts: [Int]) { (self.lowest, self.counts) = (lowest, counts) }
}
