import Base
import Compute
import Encoder
import Foundation
import Models
import Quantization

/// In which arithmetic a checkpoint's products run: that of its training where this CPU has it, so that logits are the same
/// bits.
package enum InferenceArithmetic {
  /// The tagging model of a checkpoint folder, and what is not as in training, a line each.
  static func open(_ url: URL) throws -> (tagging: TaggingModel, notes: [String]) {
    var notes: [String] = []
    let model = try TaggingModel(url) {
      let chosen = precision(noted: $0.arithmetic, scheme: $0.scheme, features: .current)
      notes = chosen.notes
      return chosen.precision
    }
    return (model, notes)
  }

  /// Products of codes are exact on every CPU (`CodeProducts`); attention's bfloat16 is not everywhere, and its float32 sums
  /// have the library's order, which is another below AVX-512 (InstructionSetTests).
  /// - Parameters:
  ///   - noted: what the checkpoint says of its training (`PalierMetadata.arithmetic`); empty: what training would take here.
  ///   - instructionSet: what the library uses, `ProductBackend.instructionSet`.
  package static func precision(
    noted: [NamedText], scheme: Scheme, features: CPUFeatures, instructionSet: String = ProductBackend.instructionSet
  ) -> (precision: Precision, notes: [String]) {
    func word(_ name: String) -> String? { noted.first { $0.name == name }?.value }
    let automatic: ForwardArithmetic = scheme.hasIntegerProducts ? .integer : .float
    var forward = word("forward").flatMap(ForwardArithmetic.init(rawValue:)) ?? automatic
    if forward == .integer, !scheme.hasIntegerProducts { forward = .float }
    var attention =
      word("attention").flatMap(FloatArithmetic.init(rawValue:))
      ?? (scheme.isQuantized && features.hasBfloat16Products ? .bfloat16 : .float)
    var notes: [String] = []
    if !features.hasBfloat16Products, attention == .bfloat16 || forward == .bfloat16 {
      notes.append(
        "this checkpoint was trained with bf16 products, which this CPU does not have: they run in float32, so that scores differ in their last digits, and a label where two are as likely"
      )
      attention = .float
      if forward == .bfloat16 { forward = .float }
    }
    if notes.isEmpty, let trainedOn = word("onednn_isa"), isNarrow(trainedOn) != isNarrow(instructionSet) {
      notes.append(
        "this checkpoint was trained with \(trainedOn) products and is read with \(instructionSet): float32 sums, attention's and the classifier's, have another order, so that scores may differ in their last digits, and a label where two are as likely"
      )
    }
    // There is no backward pass; of its products bfloat16 asks for least.
    return (Precision(forward: forward, backward: .bfloat16, attention: attention, head: .float), notes)
  }

  /// Of vectors shorter than AVX-512's.
  private static func isNarrow(_ instructionSet: String) -> Bool {
    !["AVX-512", "AMX", "newer"].contains { instructionSet.hasPrefix($0) }
  }
}
