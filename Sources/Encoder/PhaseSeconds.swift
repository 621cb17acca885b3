import Compute

/// Seconds of wall time by phase of a step.
public struct PhaseSeconds: Sendable {
  public enum Phase: String, CaseIterable, Sendable {
    case quantize, forwardRows, attentionForward, head, backwardRows, attentionBackward, weightGradients, embeddings,
      finish
    case clear, optimizer, guards
  }
  public private(set) var seconds: [Phase: Double] = [:]

  mutating func add(_ phase: Phase, _ more: Double) { seconds[phase, default: 0] += more }

  /// All zero.
  public mutating func clear() { seconds = [:] }
}
