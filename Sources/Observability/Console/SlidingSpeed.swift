/// Tokens per second and the share of communication over the last steps: as many as fill `window` seconds of step time, at most 4,096.
///
/// Sums are made afresh over the window, so nothing drifts in a run of a million steps.
package struct SlidingSpeed {
  private static let mostSteps = 4096
  private let window: Double
  private var steps: [(seconds: Double, communication: Double, tokens: Int)] = []
  private var first = 0

  /// A window of `window` seconds; it always holds the last step, however long that took.
  package init(window: Double = 30) { self.window = window }

  /// Adds a step. One with no sensible time is left out.
  package mutating func add(_ report: StepReport) {
    guard report.secondsTotal > 0, report.secondsTotal.isFinite else { return }
    steps.append((report.secondsTotal, report.secondsCommunication, report.tokens))
    var held = seconds
    while first < steps.count - 1, held - steps[first].seconds >= window || steps.count - first > Self.mostSteps {
      held -= steps[first].seconds
      first += 1
    }
    if first > 1024, first * 2 > steps.count {
      steps.removeFirst(first)
      first = 0
    }
  }

  /// Forgets all steps: what comes is not of their kind.
  package mutating func clear() {
    steps.removeAll()
    first = 0
  }

  /// Real tokens per second; nil before the first step.
  package var tokensPerSecond: Double? {
    seconds > 0 ? steps[first...].reduce(0) { $0 + Double($1.tokens) } / seconds : nil
  }

  /// The share of step time that waited for communication; nil before the first step.
  package var communicationShare: Double? {
    seconds > 0 ? steps[first...].reduce(0) { $0 + $1.communication } / seconds : nil
  }

  /// The mean time of a step; nil before the first.
  package var secondsPerStep: Double? {
    seconds > 0 ? seconds / Double(steps.count - first) : nil
  }

  private var seconds: Double { steps[first...].reduce(0) { $0 + $1.seconds } }
}
