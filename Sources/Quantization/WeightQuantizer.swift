import Compute

/// The quantizer of one weight matrix or embedding table as it stands in this step.
public struct WeightQuantizer: Sendable {
  public let rule: QuantizerRule
  /// What a level stands for: s of LSQ, γ of BitNet (unless γ is per row); 1 where nothing is quantized.
  public let step: Float
  public let clipsGradient: Bool

  /// A quantizer with this step (or γ).
  public init(rule: QuantizerRule, step: Float = 1, clipsGradient: Bool = true) {
    (self.rule, self.step, self.clipsGradient) = (rule, step, clipsGradient)
  }

  /// γ of BitNet: mean |W| over `count` weights, at least 1e−5, from the weights' absolute sum.
  public static func gamma(absoluteSum: Double, count: Int) -> Float { max(Float(absoluteSum / Double(count)), 1e-5) }

  /// Writes the codes of one row of weights.
  public func codes(_ weights: UnsafePointer<Float>, into codes: UnsafeMutablePointer<Int8>, _ count: Int) {
    Levels.signedCodes(weights, into: codes, count, step: step, n: rule.n, p: rule.p)
  }

  /// Writes the levels of one row as floats (exact), or the weights themselves where nothing is quantized.
  public func levels(_ weights: UnsafePointer<Float>, into levels: UnsafeMutablePointer<Float>, _ count: Int) {
    guard rule.isOn else {
      levels.update(from: weights, count: count)
      return
    }
    let (n, p, step) = (rule.n, rule.p, step)
    for i in 0..<count { levels[i] = Levels.level(weights[i], step: step, n: n, p: p) }
  }

  /// destination += quantized values of one row.
  public func addValues(_ weights: UnsafePointer<Float>, to destination: UnsafeMutablePointer<Float>, _ count: Int) {
    guard rule.isOn else { return addRow(weights, to: destination, count) }
    let (n, p, step) = (rule.n, rule.p, step)
    for i in 0..<count {
      destination[i] = destination[i].addingProduct(Levels.level(weights[i], step: step, n: n, p: p), step)
    }
  }

  /// Replaces `gradient`, dL/dŴ of a row, by dL/dW and returns the row's Σ of the step's gradient (without the factor g).
  ///
  /// LSQ as in `ActivationQuantizer.backward`; BitNet passes straight through and has no step.
  /// - Parameter scratch: `count` floats.
  public func backward(
    _ gradient: UnsafeMutablePointer<Float>, weights: UnsafePointer<Float>, scratch: UnsafeMutablePointer<Float>,
    _ count: Int
  ) -> Float {
    guard case .lsq = rule else { return 0 }
    scratch.update(repeating: 0, count: count)
    Levels.stepTerms(
      gradient, x: weights, terms: scratch, count, step: step, offset: 0, n: rule.n, p: rule.p,
      clips: clipsGradient)
    return rowSum(scratch, count)
  }

  /// How many of a row's weights lie outside [n, p].
  public func clippedCount(_ weights: UnsafePointer<Float>, _ count: Int) -> Int {
    guard rule.isOn else { return 0 }
    return Levels.clippedCount(weights, count, step: step, offset: 0, n: rule.n, p: rule.p)
  }
}
