import Compute

/// What rows learn from beside their labels.
struct SoftTargets {
  /// `[rows, C]`, the teacher's, which become its softened distribution; nil: the labels alone count.
  let logits: UnsafeMutablePointer<Float>?
  let weights: DistillationWeights
}

/// Cross-entropy of some rows' logits.
enum CrossEntropy {
  /// Adds the rows' losses and predictions to `outcome`; the logits become their gradient, (softmax − one-hot)·lossScale, or
  /// that of the weighted sum of both losses where there is a teacher.
  static func run(
    _ logits: UnsafeMutablePointer<Float>, classes: Int, labels: [Int32], lossScale: Float, predicts: Bool,
    soft: SoftTargets? = nil, _ outcome: inout SliceOutcome
  ) {
    var losses = [Double](repeating: 0, count: labels.count)
    var softLosses = losses
    var best = [Int32](repeating: 0, count: labels.count)
    let taskScale = lossScale * Float(soft?.weights.task ?? 1)
    losses.withUnsafeMutableBufferPointer { losses in
      softLosses.withUnsafeMutableBufferPointer { softLosses in
        best.withUnsafeMutableBufferPointer { best in
          Threads.forEach(labels.count) { r, _ in
            let row = logits + r * classes
            let label = Int(labels[r])
            let top = rowMaximum(row, classes)
            best[r] = Int32((0..<classes).first { row[$0] == top } ?? 0)
            let own = row[label]
            let target = soft?.logits.map { $0 + r * classes }
            if let target, let soft {
              softLosses[r] = soften(target, row, classes, temperature: soft.weights.temperature)
            }
            let (inverse, logSum) = Softmax.exponentials(row, classes, scale: 1)
            losses[r] = Double(logSum) - Double(own)
            let factor = inverse * taskScale
            for j in 0..<classes { row[j] *= factor }
            row[label] -= taskScale
            if let target, let soft {
              let scale = lossScale * Float(soft.weights.logits * soft.weights.temperature)
              for j in 0..<classes { row[j].addProduct(scale, target[j]) }
            }
          }
        }
      }
    }
    outcome.lossSum += losses.reduce(0, +)
    outcome.softLossSum += softLosses.reduce(0, +)
    outcome.labelledTokenCount += labels.count
    outcome.correctCount += labels.indices.reduce(0) { $0 + (best[$1] == labels[$1] ? 1 : 0) }
    if predicts { outcome.predictions += best }
  }

  /// T²·CE(softmax(t/T), softmax(y/T)) of one row; `target`, t, becomes softmax(y/T) − softmax(t/T), whose multiple by T is the
  /// gradient to y (Hinton et al. 2015).
  private static func soften(
    _ target: UnsafeMutablePointer<Float>, _ logits: UnsafePointer<Float>, _ classes: Int, temperature: Double
  ) -> Double {
    let scale = Float(1 / temperature)
    let (targetInverse, _) = Softmax.exponentials(target, classes, scale: scale)
    return withUnsafeTemporaryAllocation(of: Float.self, capacity: classes) { own in
      let own = own.baseAddress!
      own.update(from: logits, count: classes)
      let top = rowMaximum(logits, classes)
      let (inverse, logSum) = Softmax.exponentials(own, classes, scale: scale)
      // Σ p·(y − max)/T: small where p is not.
      var cross = 0.0
      for j in 0..<classes {
        let p = target[j] * targetInverse
        cross += Double(p) * Double((logits[j] - top) * scale)
        target[j] = own[j] * inverse - p
      }
      return temperature * temperature * (Double(logSum) - Double(top * scale) - cross)
    }
  }
}
