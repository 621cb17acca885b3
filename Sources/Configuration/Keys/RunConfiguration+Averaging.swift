extension RunConfiguration {
  /// An average of the weights beside the weights, evaluated and saved on its own.
  public struct Averaging: SettingsSection {
    /// What it is an average of.
    public var kind = AveragingKind.none
    /// Under ema: the share of the average that an update leaves.
    public var decay = 0.999
    /// Under latest: the evaluation points whose weights it is the mean of.
    public var count = 5
    /// The share of each stage's steps before it begins.
    public var from = 0.0

    /// None.
    public init() {}

    /// The updates of a stage of so many steps that no average takes in; at least the last one is.
    public func firstSteps(of stepCount: Int) -> Int {
      min(Int((from * Double(stepCount)).rounded()), max(stepCount - 1, 0))
    }

    /// The keys of this section.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.choice("kind", &kind, "what of the weights is averaged: their past, or the last evaluation points")
      try visitor.number("decay", &decay, .from(0, below: 1), "under ema: what an update leaves of the average")
      try visitor.integer(
        "count", &count, 2...100, "under latest: evaluation points in the mean; each takes 4 bytes a parameter")
      try visitor.number("from", &from, .from(0, below: 1), "share of a stage's steps before the average begins")
    }
  }

  /// What an average is of.
  public enum AveragingKind: String, SettingsChoice {
    /// There is none.
    case none
    /// An exponential moving average over the updates (Polyak and Juditsky 1992; Izmailov et al. 2018).
    case ema
    /// The mean of the weights at the last evaluation points (Kaddour 2022).
    case latest
  }
}
