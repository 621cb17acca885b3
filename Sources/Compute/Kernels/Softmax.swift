import Foundation

/// The row kernels of attention's softmax. Scores come unscaled from the product; `scale` is 1/√(head size).
public enum Softmax {
  /// Replaces a row of scores by e^(scale·(s − max)) and returns 1/Σ and scale·max + ln Σ, of which the backward pass makes
  /// the probabilities again.
  @inlinable
  public static func exponentials(
    _ scores: UnsafeMutablePointer<Float>, _ count: Int, scale: Float
  ) -> (inverseSum: Float, logSum: Float) {
    guard count > 0 else { fatalError("softmax of \(count) scores") }
    let top = rowMaximum(scores, count) * scale
    for j in 0..<count { scores[j] = vectorExp((-top).addingProduct(scores[j], scale)) }
    let sum = rowSum(scores, count)
    return (1 / sum, top + logf(sum))
  }

  /// The backward pass through dropout and softmax of one row.
  ///
  /// P = e^(scale·s − logSum). On entry `scores` holds s and `dDropped` the gradient to the dropped-out probabilities; on return
  /// `scores` holds the dropped-out probabilities and `dDropped` the gradient to s, P·(dP − Σ P·dP)·scale.
  /// - Parameters:
  ///   - dot: Σ dO·O of the row, which equals Σ P·dP.
  ///   - dropout: a probability is dropped where its draw is below the threshold, else multiplied by the scale; nil: off.
  @inlinable
  public static func backward(
    _ scores: UnsafeMutablePointer<Float>, _ dDropped: UnsafeMutablePointer<Float>, _ count: Int, scale: Float,
    logSum: Float, dot: Float, dropout: (draws: UnsafePointer<UInt16>, threshold: UInt16, scale: Float)?
  ) {
    if let (draws, threshold, keptScale) = dropout {
      for j in 0..<count {
        let probability = vectorExp((-logSum).addingProduct(scores[j], scale))
        let kept: Float = draws[j] >= threshold ? keptScale : 0
        let gradient = dDropped[j] * kept - dot
        scores[j] = probability * kept
        dDropped[j] = probability * gradient * scale
      }
    } else {
      for j in 0..<count {
        let probability = vectorExp((-logSum).addingProduct(scores[j], scale))
        scores[j] = probability
        dDropped[j] = probability * (dDropped[j] - dot) * scale
      }
    }
  }
}
