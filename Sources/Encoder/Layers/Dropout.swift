import Compute

/// The draws of one step: dropout, where a rate of zero is off, and the rounding of gradients.
public struct SliceDropout: Sendable {
  public let hidden: DropoutDraws
  public let attention: DropoutDraws
  public let classifier: DropoutDraws
  /// For backward products in int8.
  public let rounding: RoundingDraws

  public init(seed: UInt64, step: UInt32, hidden: Float, attention: Float, classifier: Float) {
    self.hidden = DropoutDraws(seed: seed, step: step, rate: hidden)
    self.attention = DropoutDraws(seed: seed, step: step, rate: attention)
    self.classifier = DropoutDraws(seed: seed, step: step, rate: classifier)
    rounding = RoundingDraws(seed: seed, step: step)
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

/// The sites of rounded gradients: a part of every counter.
enum RoundingSite {
  /// dY as dY·Ŵ reads it.
  static func inputGradient(_ layer: Int, _ role: LinearRole) -> UInt32 {
    UInt32(2 * (LinearRole.allCases.count * layer + role.rawValue))
  }
  /// dY as dYᵀ·X̂ reads it.
  static func weightGradient(_ layer: Int, _ role: LinearRole) -> UInt32 { inputGradient(layer, role) + 1 }
}
