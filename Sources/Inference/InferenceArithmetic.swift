import Base
import Compute
import Encoder
import Foundation
import Models
import Quantization

/// In which arithmetic a checkpoint's products run: that of its training where this CPU has it, so that logits are the same
/// bits.
enum InferenceArithmetic {
  /// The tagging model of a checkpoint folder.
  static func open(_ url: URL) throws -> TaggingModel {
    try TaggingModel(url) { precision(noted: $0.arithmetic, scheme: $0.scheme, features: .current) }
  }

  /// - Parameter noted: what the checkpoint says of its training (`PalierMetadata.arithmetic`); empty: what training would take
  ///   here.
  static func precision(noted: [NamedText], scheme: Scheme, features: CPUFeatures) -> Precision {
    func word(_ name: String) -> String? { noted.first { $0.name == name }?.value }
    let hasCodes = scheme.hasIntegerProducts && features.hasInt8Products
    let automatic: ForwardArithmetic = hasCodes ? .integer : .float
    var forward = word("forward").flatMap(ForwardArithmetic.init(rawValue:)) ?? automatic
    if forward == .integer, !hasCodes { forward = .float }
    let attention =
      word("attention").flatMap(FloatArithmetic.init(rawValue:))
      ?? (scheme.isQuantized && features.hasBfloat16Products ? .bfloat16 : .float)
    // There is no backward pass; of its products bfloat16 asks for least.
    return Precision(forward: forward, backward: .bfloat16, attention: attention, head: .float)
  }
}
