import Compute

extension EncoderModel {
  /// How the products of codes run; nil where there are none. Where matrices differ, the slower way of some is told.
  public var codeProducts: CodeProducts? {
    let all = layers.flatMap(\.linears.values).map(\.matrix).filter { $0.forwardArithmetic == .integer }
    return all.first { $0.codeProducts == .floats }?.codeProducts ?? all.first?.codeProducts
  }
}
