import Compute

/// The teacher's attention scores of one layer, made block by block from its queries and keys, never as a whole.
struct ScoreTargets {
  /// The teacher's layer, and its pass.
  let attention: SelfAttention
  let pass: SlicePass
  /// Of the difference of scores in its gradient.
  let factor: Float
  /// `[tasks]`, Σ of the squared differences of one head of one sequence each.
  let sums: UnsafeMutablePointer<Double>

  /// Replaces `target`, the teacher's scores of a block, by what this model's exceed them by, and adds its squares to the task's
  /// sum.
  /// - Parameters:
  ///   - stride: elements from one query's scores to the next.
  ///   - length: keys of the sequence; what lies behind them in a row is padding.
  func subtract(
    from scores: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, queries: Int, stride: Int, length: Int,
    task: Int
  ) {
    for r in 0..<queries {
      let (own, row) = (scores + r * stride, target + r * stride)
      for j in 0..<length { row[j] = own[j] - row[j] }
      sums[task] += Double(rowDot(row, row, length))
    }
  }

  /// Adds the differences' gradient to that of the scores.
  func addGradient(
    of difference: UnsafePointer<Float>, to dScores: UnsafeMutablePointer<Float>, queries: Int, stride: Int, length: Int
  ) {
    let factor = factor
    for r in 0..<queries {
      let (from, to) = (difference + r * stride, dScores + r * stride)
      for j in 0..<length { to[j].addProduct(factor, from[j]) }
    }
  }
}
