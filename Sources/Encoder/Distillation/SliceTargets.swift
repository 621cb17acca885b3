import Compute

/// A teacher's pass over one slice, from which a student learns: states, queries and keys are read where the pass left them.
///
/// It holds until the teacher's next slice.
public struct SliceTargets {
  let teacher: EncoderModel
  let pass: SlicePass
  /// What the teacher's last layer gave: all rows, or the labelled ones.
  let read: SlicePass
  let weights: DistillationWeights
  let counts: DistillationCounts

  /// The factor of the difference of states in its gradient.
  var hiddenFactor: Float {
    Float(2 * weights.hidden / (Double(counts.tokens) * Double(teacher.dimensions.hiddenSize)))
  }
  /// What the squares of such differences add to the part.
  var hiddenShare: Double { 1 / (Double(counts.tokens) * Double(teacher.dimensions.hiddenSize)) }

  /// The same of attention scores as they come from their product, which are not yet multiplied by 1/√(head size).
  var scoresFactor: Float { Float(2 * weights.scores * scoresShare) }
  var scoresShare: Double {
    1 / (Double(teacher.dimensions.headCount) * Double(counts.pairs) * Double(teacher.dimensions.headSize))
  }
}

extension EncoderModel {
  /// The pass of this model, as a teacher, over a slice of a student. Its weights must be prepared; it drops nothing.
  public func targets(
    for input: SliceInput, weights: DistillationWeights, counts: DistillationCounts
  ) throws -> SliceTargets {
    let trace = try weights.readsAllRows ? forward(input) : forwardToLoss(input)
    return SliceTargets(teacher: self, pass: trace.pass, read: trace.read, weights: weights, counts: counts)
  }

  /// The forward pass of a student: over all rows where the loss reads all.
  public func forward(_ input: SliceInput, toLearnFrom targets: SliceTargets?) throws -> ForwardTrace {
    try targets?.weights.readsAllRows == true ? forward(input) : forwardToLoss(input)
  }

  // MARK: - Hidden states

  /// Adds the gradient of the squared difference between the teacher's hidden state and this model's to the stream's gradient,
  /// and the difference to `parts`.
  /// - Parameter state: 0 after the embeddings, l after l layers.
  func addHiddenGradient(state: Int, _ pass: SlicePass, _ targets: SliceTargets, _ parts: inout DistillationParts) {
    guard targets.weights.hidden != 0 else { return }
    let (own, teachers) = (source(ofState: state), targets.teacher.source(ofState: state))
    let (h, factor) = (dimensions.hiddenSize, targets.hiddenFactor)
    var sums = [Double](repeating: 0, count: RowChunk.count(pass.slice.tokenCount))
    sums.withUnsafeMutableBufferPointer { sums in
      pass.forEachChunk { rows, scratch in
        let row = scratch.rowTemporaries.pointer
        let target = row + h
        var sum = 0.0
        for token in rows {
          own.row(token: token, pass, into: row, scratch)
          teachers.row(token: token, targets.pass, into: target, scratch)
          let gradient = pass.dStream + token * h
          for i in 0..<h {
            row[i] -= target[i]
            gradient[i].addProduct(factor, row[i])
          }
          sum += Double(rowDot(row, row, h))
        }
        sums[rows.lowerBound / RowChunk.length] = sum
      }
    }
    parts.hidden += sums.reduce(0, +) * targets.hiddenShare
  }

  /// What the stream holds after `state` layers.
  private func source(ofState state: Int) -> StreamSource {
    state == 0 ? embeddings.source : StreamSource(norm: layers[state - 1].outputNorm.norm, dropoutSite: nil)
  }
}
