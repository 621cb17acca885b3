/// How a product of 8-bit codes is made so that its sums are exact.
///
/// Without VNNI the library multiplies unsigned by signed bytes and adds *pairs* of products in 16 bits, which saturate
/// (`vpmaddubsw`). A pair is at most 2·255·|w|: codes w of weights of up to 64 in magnitude, seven bits, never reach 32,767, whatever
/// the activations are; eight bits do. Those are multiplied as float32 numbers, which holds whole numbers up to 2²⁴: exact too,
/// whatever the order, where the sums are short enough (`longestFloatSum`).
public enum CodeProducts: Sendable {
  /// The library's products of bytes, with 32-bit sums.
  case bytes
  /// float32 products of the codes as whole numbers, in pieces whose sums are added as 32-bit integers.
  case floats

  /// The largest magnitude of a weight's code at which a pair of products fits 16 bits: 2·255·64 = 32,640.
  public static let largestUnsaturated = 64
  /// Inputs over which a sum of codes' products, at most 128·128 each, is a whole number that float32 holds.
  public static let longestFloatSum = 1024

  /// What is exact, and fastest, for weights of codes up to `largestCode` in magnitude.
  /// - Parameter instructionSet: what the library uses, `ProductBackend.instructionSet`.
  public static func exact(largestCode: Int, instructionSet: String = ProductBackend.instructionSet) -> CodeProducts {
    largestCode <= largestUnsaturated || !saturates(instructionSet) ? .bytes : .floats
  }

  /// Whether pairs of products are added in 16 bits. Instruction sets that are not known to do better do so.
  static func saturates(_ instructionSet: String) -> Bool {
    !["AVX-512 VNNI", "AMX", "newer"].contains { instructionSet.hasPrefix($0) }
  }

  /// In words, for logs.
  public var words: String {
    switch self {
    case .bytes: "8-bit products"
    case .floats: "whole numbers in float32 products, since this CPU's 8-bit products saturate"
    }
  }
}
