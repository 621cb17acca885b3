import Compute

/// The quantizer of one weight matrix, embedding table, or row of one, as it stands in this step.
public struct WeightQuantizer: Sendable {
  public let rule: QuantizerRule
  /// s of LSQ, γ of BitNet; 1 where nothing is quantized.
  public let step: Float
  public let clipsGradient: Bool
  private let grid: LevelGrid
  /// A code is factor·level + term: the level itself; 2·level + 1 on the symmetric grid.
  private let factor: Float
  private let term: Float

  /// A quantizer with this step (or γ).
  public init(rule: QuantizerRule, step: Float = 1, clipsGradient: Bool = true) {
    (self.rule, self.step, self.clipsGradient) = (rule, step, clipsGradient)
    grid = LevelGrid(rule, step: step, offset: 0)
    (factor, term) = rule.grid == .symmetric ? (2, 1) : (1, 0)
  }

  /// What a code of 1 stands for: the step, or half of it on the symmetric grid.
  public var levelScale: Float { step / factor }

  /// γ of BitNet: mean |W| over `count` weights, at least 1e−5, from the weights' absolute sum.
  public static func gamma(absoluteSum: Double, count: Int) -> Float { max(Float(absoluteSum / Double(count)), 1e-5) }

  /// Writes the codes of one row as floats (exact), or the weights themselves where nothing is quantized.
  public func levels(_ weights: UnsafePointer<Float>, into levels: UnsafeMutablePointer<Float>, _ count: Int) {
    guard rule.isOn else {
      levels.update(from: weights, count: count)
      return
    }
    let (grid, factor, term) = (grid, factor, term)
    for i in 0..<count { levels[i] = term.addingProduct(grid.level(weights[i]), factor) }
  }

  /// Writes level + 128 of each weight of one row, on whichever grid, also where products have wider codes or none.
  public func unsignedCodes(_ weights: UnsafePointer<Float>, into codes: UnsafeMutablePointer<UInt8>, _ count: Int) {
    grid.unsignedCodes(weights, into: codes, count)
  }

  /// destination += quantized values of one row.
  public func addValues(_ weights: UnsafePointer<Float>, to destination: UnsafeMutablePointer<Float>, _ count: Int) {
    guard rule.isOn else { return addRow(weights, to: destination, count) }
    let (grid, factor, term, levelScale) = (grid, factor, term, levelScale)
    for i in 0..<count {
      let code = term.addingProduct(grid.level(weights[i]), factor)
      destination[i] = destination[i].addingProduct(code, levelScale)
    }
  }

  /// Replaces `gradient`, dL/dŴ of a row, by dL/dW and returns the row's Σ of the step's gradient (without the factor g).
  ///
  /// LSQ as in `ActivationQuantizer.backward`; on the symmetric grid value/s − x/s inside, n + ½ or p + ½ outside. BitNet passes
  /// straight through and has no step.
  /// - Parameter scratch: `count` floats.
  public func backward(
    _ gradient: UnsafeMutablePointer<Float>, weights: UnsafePointer<Float>, scratch: UnsafeMutablePointer<Float>,
    _ count: Int
  ) -> Float {
    guard rule.hasStep else { return 0 }
    scratch.update(repeating: 0, count: count)
    grid.stepTerms(gradient, x: weights, terms: scratch, count, clips: clipsGradient)
    return rowSum(scratch, count)
  }

  /// How many of a row's weights lie outside [n, p].
  public func clippedCount(_ weights: UnsafePointer<Float>, _ count: Int) -> Int {
    rule.isOn ? grid.clippedCount(weights, count) : 0
  }

  /// How many of them lie below n.
  public func clippedBelowCount(_ weights: UnsafePointer<Float>, _ count: Int) -> Int {
    rule.isOn ? grid.clippedBelowCount(weights, count) : 0
  }
}
