import Compute

/// Cross-entropy of some rows' logits.
enum CrossEntropy {
  /// Adds the rows' losses and predictions to `outcome`; the logits become their gradient, (softmax − one-hot)·lossScale.
  static func run(
    _ logits: UnsafeMutablePointer<Float>, classes: Int, labels: [Int32], lossScale: Float, predicts: Bool,
    _ outcome: inout SliceOutcome
  ) {
    var losses = [Double](repeating: 0, count: labels.count)
    var best = [Int32](repeating: 0, count: labels.count)
    losses.withUnsafeMutableBufferPointer { losses in
      best.withUnsafeMutableBufferPointer { best in
        Threads.forEach(labels.count) { r, _ in
          let row = logits + r * classes
          let label = Int(labels[r])
          let top = rowMaximum(row, classes)
          best[r] = Int32((0..<classes).first { row[$0] == top } ?? 0)
          let own = row[label]
          let (inverse, logSum) = Softmax.exponentials(row, classes, scale: 1)
          losses[r] = Double(logSum) - Double(own)
          let factor = inverse * lossScale
          for j in 0..<classes { row[j] *= factor }
          row[label] -= lossScale
        }
      }
    }
    outcome.lossSum += losses.reduce(0, +)
    outcome.labelledTokenCount += labels.count
    outcome.correctCount += labels.indices.reduce(0) { $0 + (best[$1] == labels[$1] ? 1 : 0) }
    if predicts { outcome.predictions += best }
  }
}
