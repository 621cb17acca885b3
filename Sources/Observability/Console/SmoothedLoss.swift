/// An exponential mean of the loss over about the last twenty steps of a stage, unbiased from the first.
package struct SmoothedLoss {
  private let decay = 0.95
  private var stage: String?
  private var sum = 0.0
  private var weight = 0.0

  /// Nothing seen yet.
  package init() {}

  /// Takes in a loss and gives the mean. A new stage starts afresh; a loss that is not finite is shown and not kept.
  package mutating func add(_ loss: Double, stage: String) -> Double {
    if stage != self.stage {
      self.stage = stage
      sum = 0
      weight = 0
    }
    guard loss.isFinite else { return loss }
    sum = decay * sum + (1 - decay) * loss
    weight = decay * weight + (1 - decay)
    return sum / weight
  }
}
