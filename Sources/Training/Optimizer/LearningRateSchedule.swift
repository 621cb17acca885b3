import Configuration
import Foundation

/// A stage's learning rates: warm-up to a peak, then the shape that the configuration names (docs/numerics.md, "Schedule").
public struct LearningRateSchedule: Sendable, Equatable {
  public let peak: Double
  /// Updates that warm up.
  public let warmupSteps: Int
  /// Updates of the stage.
  public let stepCount: Int
  public let kind: RunConfiguration.ScheduleKind
  /// The share of the peak at which the fall ends.
  public let finalShare: Double
  /// Updates of a `wsd` stage that fall, at its end.
  public let decaySteps: Int
  public let decayShape: RunConfiguration.DecayShape

  /// Linear warm-up, then linear decay to zero.
  /// - Parameter warmupFraction: the share of `stepCount` that warms up, rounded to whole steps.
  public init(peak: Double, warmupFraction: Double, stepCount: Int) {
    var optimizer = RunConfiguration.Optimizer()
    optimizer.warmupFraction = warmupFraction
    self.init(peak: peak, optimizer, stepCount: stepCount)
  }

  /// As the section `optimizer` has it.
  public init(peak: Double, _ optimizer: RunConfiguration.Optimizer, stepCount: Int) {
    self.peak = peak
    self.stepCount = stepCount
    warmupSteps = optimizer.warmupSteps(of: stepCount)
    (kind, finalShare) = (optimizer.schedule, optimizer.finalShare)
    (decaySteps, decayShape) = (optimizer.decaySteps(of: stepCount), optimizer.decayShape)
  }

  /// The rate of the update numbered `step` from 0.
  ///
  /// Update i of w warm-up steps runs at peak·(i + 1)/(w + 1), so that none is lost to a rate of zero; after them each shape falls
  /// from the peak to the final share, which it would reach one step past the last.
  public func rate(at step: Int) -> Double {
    if step < warmupSteps { return peak * Double(step + 1) / Double(warmupSteps + 1) }
    switch kind {
    case .linear where finalShare == 0:
      // As it was before there was a final share, to the bit.
      let rest = max(stepCount - warmupSteps, 1)
      return peak * Double(max(stepCount - step, 0)) / Double(rest)
    case .linear: return fallen(to: 1 - share(of: step, from: warmupSteps))
    case .cosine: return fallen(to: (1 + cos(Double.pi * share(of: step, from: warmupSteps))) / 2)
    case .wsd:
      let start = max(stepCount - decaySteps, warmupSteps)
      guard step > start else { return peak }
      let x = share(of: step, from: start)
      return fallen(to: decayShape == .sqrt ? 1 - x.squareRoot() : 1 - x)
    case .constant: return peak
    }
  }

  /// How much of the way from `start` to the stage's end lies behind a step, from 0 to 1.
  private func share(of step: Int, from start: Int) -> Double {
    min(Double(step - start) / Double(max(stepCount - start, 1)), 1)
  }

  /// The rate where `height`, 1 to 0, of the fall is left.
  private func fallen(to height: Double) -> Double { peak * (finalShare + (1 - finalShare) * height) }
}
