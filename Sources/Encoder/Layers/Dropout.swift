import Compute

/// Dropout of one step; a rate of zero is off.
public struct SliceDropout: Sendable {
  public let hidden: DropoutDraws
  public let attention: DropoutDraws
  public let classifier: DropoutDraws

  public init(seed: UInt64, step: UInt32, hidden: Float, attention: Float, classifier: Float) {
    self.hidden = DropoutDraws(seed: seed, step: step, rate: hidden)
    self.attention = DropoutDraws(seed: seed, step: step, rate: attention)
    self.classifier = DropoutDraws(seed: seed, step: step, rate: classifier)
  }

  /// Nothing is dropped: evaluation.
  public static let off = SliceDropout(seed: 0, step: 0, hidden: 0, attention: 0, classifier: 0)
}

/// The sites of dropout: a part of every counter.
enum DropoutSite {
  static let embeddings: UInt32 = 0
  static func attention(_ layer: Int) -> UInt32 { UInt32(1 + 3 * layer) }
  static func attentionOutput(_ layer: Int) -> UInt32 { UInt32(2 + 3 * layer) }
  static func output(_ layer: Int) -> UInt32 { UInt32(3 + 3 * layer) }
  static let classifier: UInt32 = 0xFFFF
}
