/// Linear warm-up to a peak over a share of the steps, then linear decay to zero at their end (docs/numerics.md).
public struct LearningRateSchedule: Sendable, Equatable {
  public let peak: Double
  public let warmupSteps: Int
  public let stepCount: Int

  /// - Parameter warmupFraction: the share of `stepCount` that warms up, rounded to whole steps.
  public init(peak: Double, warmupFraction: Double, stepCount: Int) {
    self.peak = peak
    self.stepCount = stepCount
    warmupSteps = Int((warmupFraction * Double(stepCount)).rounded())
  }

  /// The rate of the update numbered `step` from 0.
  ///
  /// Update i of w warm-up steps runs at peak·(i + 1)/(w + 1), so that none is lost to a rate of zero; after them the line
  /// falls from the peak to zero, which it would reach one step past the last.
  public func rate(at step: Int) -> Double {
    if step < warmupSteps { return peak * Double(step + 1) / Double(warmupSteps + 1) }
    let rest = max(stepCount - warmupSteps, 1)
    return peak * Double(max(stepCount - step, 0)) / Double(rest)
  }
}
