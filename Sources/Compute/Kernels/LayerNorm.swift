/// y = (x − mean)/√(variance + ε)·weight + bias over one row, forward and backward.
public enum LayerNorm {
  /// Mean and reciprocal standard deviation of one row; two passes over the row.
  @inlinable
  public static func statistics(_ x: UnsafePointer<Float>, _ count: Int, epsilon: Float) -> (
    mean: Float, inverse: Float
  ) {
    guard count > 0 else { fatalError("layer norm of \(count) elements") }
    let mean = rowSum(x, count) / Float(count)
    let variance = rowSquaredDeviation(x, centre: mean, count) / Float(count)
    return (mean, 1 / (variance + epsilon).squareRoot())
  }

  /// x̂ = (x − mean)·inverse.
  @inlinable
  public static func normalise(
    _ x: UnsafePointer<Float>, mean: Float, inverse: Float, into normalised: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    let shift = -mean * inverse
    for i in 0..<count { normalised[i] = shift.addingProduct(x[i], inverse) }
  }

  /// y = x̂·weight + bias.
  @inlinable
  public static func scale(
    _ normalised: UnsafePointer<Float>, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>,
    into y: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    for i in 0..<count { y[i] = bias[i].addingProduct(normalised[i], weight[i]) }
  }

  /// Replaces dY of one row by dX and adds to dWeight and dBias.
  ///
  /// g = dY·weight; dX = inverse·(g − mean(g) − x̂·mean(g·x̂)); dWeight += dY·x̂; dBias += dY.
  @inlinable
  public static func backward(
    _ gradient: UnsafeMutablePointer<Float>, normalised: UnsafePointer<Float>, inverse: Float,
    weight: UnsafePointer<Float>,
    dWeight: UnsafeMutablePointer<Float>, dBias: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    guard count > 0 else { fatalError("layer norm of \(count) elements") }
    for i in 0..<count { dWeight[i] = dWeight[i].addingProduct(gradient[i], normalised[i]) }
    addRow(gradient, to: dBias, count)
    for i in 0..<count { gradient[i] *= weight[i] }
    let meanGradient = rowSum(gradient, count) / Float(count)
    let meanProduct = rowDot(gradient, normalised, count) / Float(count)
    for i in 0..<count {
      let centred = gradient[i] - meanGradient
      gradient[i] = inverse * centred.addingProduct(-normalised[i], meanProduct)
    }
  }
}
