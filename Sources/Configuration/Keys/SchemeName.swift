/// A quantization scheme's name, taken apart: which algorithm, and the bits of tables (E), weights (W) and activations (A).
///
/// The syntax is that of the paper: `fp32`, `LSQ_E8W8A8` (2 to 8 bits each), `LSQplus_E8W8A8` (learned offsets for
/// activations), `BitNet_E6W1.58A6` (ternary weights); 32 in any place leaves that group in float32. It says nothing of how a
/// scheme computes.
public struct SchemeName: Sendable, Hashable, CustomStringConvertible {
  /// How values are put on their grid.
  public enum Algorithm: String, Sendable, CaseIterable {
    /// Nothing is quantized.
    case fp32
    /// Learned step sizes (Esser et al. 2020).
    case lsq = "LSQ"
    /// Learned step sizes, and offsets for activations (Bhalgat et al. 2020).
    case lsqPlus = "LSQplus"
    /// Ternary weights (BitNet b1.58).
    case bitNet = "BitNet"
  }

  /// How values are put on their grid.
  public let algorithm: Algorithm
  /// Bits of the embedding tables; 32 where they are not quantized.
  public let embeddingBits: Int
  /// Bits of the weight matrices as stored: 2 for ternary weights, 32 where they are not quantized.
  public let weightBits: Int
  /// Bits of the activations; 32 where they are not quantized.
  public let activationBits: Int

  /// The scheme without quantization.
  public static let fp32 = SchemeName(.fp32, 32, 32, 32)

  private init(_ algorithm: Algorithm, _ embeddingBits: Int, _ weightBits: Int, _ activationBits: Int) {
    self.algorithm = algorithm
    self.embeddingBits = embeddingBits
    self.weightBits = weightBits
    self.activationBits = activationBits
  }

  /// What the syntax allows, for messages.
  public static let syntax =
    "fp32, LSQ_ExWyAz or LSQplus_ExWyAz with x, y, z from 2 to 8, or BitNet_ExW1.58Ay with x, y from 2 to 8; "
    + "32 in any place: not quantized"

  /// The scheme called `text`, or nil where `text` is not of the syntax.
  public init?(_ text: String) {
    if text == Algorithm.fp32.rawValue {
      self = .fp32
      return
    }
    let halves = text.split(separator: "_", omittingEmptySubsequences: false)
    guard halves.count == 2, let algorithm = Algorithm(rawValue: String(halves[0])), algorithm != .fp32 else {
      return nil
    }
    var rest = halves[1][...]
    guard let embedding = Self.bits(after: "E", in: &rest) else { return nil }
    let weight: Int
    if algorithm == .bitNet {
      if rest.hasPrefix("W1.58") {
        rest = rest.dropFirst(5)
        weight = 2
      } else {
        guard Self.bits(after: "W", in: &rest) == 32 else { return nil }
        weight = 32
      }
    } else {
      guard let bits = Self.bits(after: "W", in: &rest) else { return nil }
      weight = bits
    }
    guard let activation = Self.bits(after: "A", in: &rest), rest.isEmpty else { return nil }
    self.init(algorithm, embedding, weight, activation)
  }

  /// Takes `letter` and one digit from 2 to 8, or 32, off the front of `text`.
  private static func bits(after letter: Character, in text: inout Substring) -> Int? {
    if text.hasPrefix("\(letter)32") {
      text = text.dropFirst(3)
      return 32
    }
    guard text.first == letter, let digit = text.dropFirst().first, ("2"..."8").contains(digit), digit.isASCII else {
      return nil
    }
    text = text.dropFirst(2)
    return digit.wholeNumberValue
  }

  /// Whether weights are ternary.
  public var hasTernaryWeights: Bool { algorithm == .bitNet && weightBits == 2 }

  /// Whether anything is quantized.
  public var isQuantized: Bool { min(embeddingBits, weightBits, activationBits) < 32 }

  /// Whether the products have codes on both sides, as integer products need.
  public var hasIntegerProducts: Bool { weightBits < 32 && activationBits < 32 }

  /// The name, as it is written in a configuration.
  public var description: String {
    guard algorithm != .fp32 else { return algorithm.rawValue }
    return "\(algorithm.rawValue)_E\(embeddingBits)W\(hasTernaryWeights ? "1.58" : "\(weightBits)")A\(activationBits)"
  }
}
