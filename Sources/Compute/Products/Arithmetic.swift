/// In which arithmetic a forward product runs, by the words of the configuration.
public enum ForwardArithmetic: String, CaseIterable, Sendable {
  /// int8 codes with 32-bit sums, scaled once: exact (docs/numerics.md, "Integer forward").
  case integer
  /// float32 products of the quantized values.
  case float
  /// bfloat16 products with float32 sums, for schemes without codes (the FP32 baseline at the speed of autocast).
  case bfloat16 = "bf16"

  /// The elements of the left and the right operand and of the sums.
  var operands: (left: ElementKind, right: ElementKind, sums: ElementKind) {
    switch self {
    case .integer: (.uint8, .int8, .int32)
    case .float: (.float, .float, .float)
    case .bfloat16: (.bfloat16, .bfloat16, .float)
    }
  }
}

/// In which arithmetic products run that have no codes on either side, by the words of the configuration: attention's and the
/// masked-LM head's, forward and backward.
public enum FloatArithmetic: String, CaseIterable, Sendable {
  /// Operands rounded to bfloat16, float32 sums.
  case bfloat16 = "bf16"
  case float = "fp32"
}

/// In which arithmetic the two products of the backward pass run, dY·Ŵ and dYᵀ·X̂, by the words of the configuration.
public enum BackwardArithmetic: String, CaseIterable, Sendable {
  /// dY rounded to bfloat16, codes exact, float32 sums (docs/numerics.md, "Backward").
  case bfloat16 = "bf16"
  /// dY rounded to 16 bits of its row's or column's largest, codes exact, products of 8-bit limbs with 32-bit sums
  /// (`SplitInt16`): for schemes with codes on CPUs with VNNI.
  case int16
  /// dY rounded to 8 bits of its row's or column's largest by a draw, so that the mean is exact (`RoundedInt8`); for schemes
  /// with codes on CPUs with VNNI, by choice alone.
  case int8
  /// The gradient to the input as in `int8`, the weights' as in `int16`.
  case int8InputGradient = "int8-dx"
  /// float32 throughout.
  case float = "fp32"

  /// Products read exact levels, what a level stands for being folded into dY or applied after.
  public var usesLevels: Bool { self != .float }

  /// Products of 8-bit codes: dY is kept in limbs of a byte.
  public var usesCodes: Bool { inputGradientLimbs > 0 }

  /// Whether draws round dY, so that a result holds in the mean over them.
  public var usesDraws: Bool { inputGradientLimbs == 1 }

  /// Bytes that an element of dY is kept in for dY·Ŵ; none where it is no code.
  var inputGradientLimbs: Int {
    switch self {
    case .bfloat16, .float: 0
    case .int16: 2
    case .int8, .int8InputGradient: 1
    }
  }

  /// The same for dYᵀ·X̂.
  var weightGradientLimbs: Int { self == .int8InputGradient ? 2 : inputGradientLimbs }

  /// The elements of both operands and of the sums.
  var operands: (left: ElementKind, right: ElementKind, sums: ElementKind) {
    switch self {
    case .float: (.float, .float, .float)
    case .bfloat16: (.bfloat16, .bfloat16, .float)
    case .int16, .int8, .int8InputGradient: (.uint8, .int8, .int32)
    }
  }
}
