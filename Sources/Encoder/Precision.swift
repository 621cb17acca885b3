/// In which arithmetic the encoder's products run. Heads always run in float32.
public struct Precision: Equatable, Sendable {
  /// The products of the forward pass.
  public enum Forward: String, Sendable {
    /// int8 codes with 32-bit sums, scaled once: exact (numerics.md, "Integer forward").
    case integer
    /// float32 products of the quantized values.
    case float
  }
  /// The products of the backward pass.
  public enum Backward: String, Sendable {
    /// float32 throughout.
    case float
    /// dY rounded to bfloat16, codes exact, float32 sums (numerics.md, "Backward").
    case bfloat16
    /// dY rounded to 16 bits of its row's or column's largest, codes exact, products of 8-bit limbs with 32-bit sums
    /// (`Limbs`): for CPUs with VNNI and no bf16.
    case int16

    /// Products read exact levels, what a level is worth being folded into dY or applied after.
    var usesLevels: Bool { self != .float }
  }
  public var forward: Forward
  public var backward: Backward

  public init(forward: Forward, backward: Backward) {
    (self.forward, self.backward) = (forward, backward)
  }

  /// float32 everywhere: the path of the golden cases.
  public static let float32 = Precision(forward: .float, backward: .float)
}
