import Base
import Compute

/// Masked-LM's choice of tokens: 15 % of the ordinary ones; of these 80 % become `<mask>`, 10 % a random ordinary token,
/// 10 % stay (Devlin et al. 2019, section 3.1; RoBERTa's dynamic masking, Liu et al. 2019).
///
/// Each token is drawn for itself, as in transformers: the share varies from sequence to sequence. A draw follows from
/// (seed, step, sequence, position) alone.
public struct Masking: Sendable {
  /// The step that validation uses: the same masks at every evaluation, and no training step's.
  public static let validationStep = UInt32.max

  private let philox: Philox
  private let tokenIDs: TokenIDs
  /// Draws below are chosen: the probability in units of 2⁻³².
  private let threshold: UInt64

  /// Masking with a run's seed. `probability` in 0...1.
  public init(seed: UInt64, probability: Double = 0.15, tokenIDs: TokenIDs) {
    precondition(probability >= 0 && probability <= 1, "Masking: probability \(probability)")
    philox = Philox(seed: seed, purpose: .masking)
    self.tokenIDs = tokenIDs
    threshold = UInt64((probability * 0x1p32).rounded())
  }

  /// The masked ids, and the labels: the true id where the token was chosen, else `TokenLabel.ignored`.
  ///
  /// - Parameters:
  ///   - ids: a sequence; its special tokens and `<unk>` are never chosen.
  ///   - step: the training step, or `validationStep`.
  ///   - sequence: the sequence's number in the global batch of the step (in validation: of the block).
  public func apply(to ids: [Int32], step: UInt32, sequence: UInt32) -> (ids: [Int32], labels: [Int32]) {
    var masked = ids
    var labels = [Int32](repeating: TokenLabel.ignored, count: ids.count)
    let ordinary = tokenIDs.ordinary
    for (position, id) in ids.enumerated() where ordinary.contains(id) {
      let draw = philox.draw(step, sequence, UInt32(position), 0)
      guard UInt64(draw[0]) < threshold else { continue }
      labels[position] = id
      if draw[1] < 0xCCCC_CCCD {  // 0.8 · 2³²
        masked[position] = tokenIDs.mask
      } else if draw[1] < 0xE666_6666 {  // 0.9 · 2³²
        let bits = UInt64(draw[2]) << 32 | UInt64(draw[3])
        masked[position] = ordinary.lowerBound + Int32(bits.multipliedFullWidth(by: UInt64(ordinary.count)).high)
      }
    }
    return (masked, labels)
  }
}
