import Compute

/// In which arithmetic the model's products run. Softmax, losses and norms always run in float32.
public struct Precision: Equatable, Sendable {
  /// The products of the forward pass, and of the backward pass.
  public typealias Forward = ForwardArithmetic
  public typealias Backward = BackwardArithmetic
  public var forward: Forward
  public var backward: Backward
  public var attention: FloatArithmetic
  /// The products of the masked-LM head, forward and backward; a classifier's always run in float32.
  public var head: FloatArithmetic

  public init(
    forward: Forward, backward: Backward, attention: FloatArithmetic = .float, head: FloatArithmetic = .float
  ) {
    (self.forward, self.backward, self.attention, self.head) = (forward, backward, attention, head)
  }

  /// What these products come down to in a model with `rules`: integers need codes on both sides, and values of a grid are
  /// exact in codes of 8 bits and not in bfloat16.
  func resolved(for rules: SiteRules) -> Precision {
    var resolved = self
    if rules.quantizesProducts, forward == .bfloat16 { resolved.forward = .float }
    if !rules.hasCodesAnywhere {
      if forward == .integer { resolved.forward = .float }
      if backward.usesCodes || rules.quantizesProducts { resolved.backward = .float }
    }
    return resolved
  }

  /// The products of one linear, where the model's are these: those in which a side has no codes run in float32, unless
  /// nothing at all is quantized and bfloat16 was asked for.
  ///
  /// Backward, the matrices that share an input share its packed values, and with them the kind of product.
  func ofLinear(_ role: LinearRole, layer: Int, _ rules: SiteRules) -> Precision {
    var own = self
    if forward == .integer, !rules.hasCodes(layer: layer, role) { own.forward = .float }
    if rules.quantizesProducts, !rules.hasCodes(layer: layer, role.input) { own.backward = .float }
    return own
  }

  /// float32 everywhere: the path of the golden cases.
  public static let float32 = Precision(forward: .float, backward: .float)
}
