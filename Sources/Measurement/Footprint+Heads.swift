import Encoder
import Foundation
import Quantization

extension Footprint {
  /// The size of a head, which the tables leave out.
  public struct Head: Sendable, Equatable {
    /// The head, in words.
    public let name: String
    /// Bytes as the scheme has it.
    public let bytes: Double
    /// Bytes in float32.
    public let float32Bytes: Double
  }

  /// Both heads as they would be shipped: matrices at their bits with the steps that read them, biases and norm in 32.
  ///
  /// The decoder of the masked-LM head counts whole also where it is tied: it multiplies the word table in float32, or codes
  /// of its own, and neither are the table's codes.
  public static func heads(of dimensions: EncoderDimensions, _ scheme: Scheme) -> [Head] {
    let (hidden, vocabulary) = (Double(dimensions.hiddenSize), Double(dimensions.vocabularySize))
    func matrix(_ rule: QuantizerRule, rows: Double) -> Double {
      let steps: Double = rule.isOn ? (rule.isPerRow ? rows : 1) : 0
      return (Double(rule.storedBits) * rows * hidden + 32 * steps) / 8
    }
    func languageHead(_ rule: QuantizerRule) -> Double {
      matrix(rule, rows: hidden) + matrix(rule, rows: vocabulary) + 4 * (3 * hidden + vocabulary)
    }
    func classifier(_ rule: QuantizerRule) -> Double { matrix(rule, rows: 1) + 4 }
    return [
      Head(
        name: "masked-LM head", bytes: languageHead(scheme.languageHead), float32Bytes: languageHead(.none)),
      Head(name: "classifier, a label", bytes: classifier(scheme.classifier), float32Bytes: classifier(.none)),
    ]
  }

  /// A line a head, for below the tables.
  static func headLines(of dimensions: EncoderDimensions, _ scheme: Scheme?) -> [String] {
    heads(of: dimensions, scheme ?? .float32).map { head in
      let quantized = head.bytes < head.float32Bytes ? ", \(size(head.bytes)) as \(scheme?.title ?? "") has it" : ""
      return "not counted above: \(head.name), \(size(head.float32Bytes)) in float32\(quantized)"
    }
  }

  private static func size(_ bytes: Double) -> String {
    bytes < 1_048_576 ? String(format: "%.1f kB", bytes / 1_024) : String(format: "%.1f MB*", bytes / 1_048_576)
  }
}
