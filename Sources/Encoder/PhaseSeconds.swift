/// Seconds of wall time by phase of a step.
public struct PhaseSeconds: Sendable {
  /// A part of a step, by its name in logs. Rooms that have more parts than the encoder's passes add theirs.
  public struct Phase: Hashable, Sendable {
    public let rawValue: String

    public init(_ name: String) { rawValue = name }

    public static let quantize = Phase("quantize")
    public static let forwardRows = Phase("forwardRows")
    public static let attentionForward = Phase("attentionForward")
    public static let head = Phase("head")
    public static let backwardRows = Phase("backwardRows")
    public static let attentionBackward = Phase("attentionBackward")
    public static let weightGradients = Phase("weightGradients")
    /// A teacher's forward pass.
    public static let teacher = Phase("teacher")
    public static let embeddings = Phase("embeddings")
    public static let finish = Phase("finish")
  }

  public private(set) var seconds: [Phase: Double] = [:]

  mutating func add(_ phase: Phase, _ more: Double) { seconds[phase, default: 0] += more }

  /// All zero.
  public mutating func clear() { seconds = [:] }
}
