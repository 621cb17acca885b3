import Configuration
import Encoder

extension DistillationWeights {
  /// As a stage of a configuration has them.
  package init(_ teaching: RunConfiguration.Teaching) {
    self.init()
    (task, logits, temperature) = (teaching.task, teaching.logits, teaching.temperature)
    (hidden, scores) = (teaching.hidden, teaching.scores)
  }
}

/// The parts of a loss with a teacher, unweighted.
struct LossParts {
  /// By name, those that have a weight, the labels' own always.
  let named: [(name: String, value: Double)]
  /// The weighted sum.
  let total: Double

  init(task: Double, logits: Double, _ hidden: Double, _ scores: Double, _ weights: DistillationWeights) {
    let all = [
      ("task", weights.task, task), ("logits", weights.logits, logits), ("hidden", weights.hidden, hidden),
      ("scores", weights.scores, scores),
    ]
    named = all.filter { $0.1 != 0 || $0.0 == "task" }.map { (name: $0.0, value: $0.2) }
    total = all.reduce(0) { $0 + $1.1 * $1.2 }
  }
}

/// What a replica learns from beside the labels.
package struct Teacher {
  /// Prepared once; nothing moves it.
  package let model: EncoderModel
  package let weights: DistillationWeights

  package init(model: EncoderModel, weights: DistillationWeights) { (self.model, self.weights) = (model, weights) }

  /// Its pass over a slice of a global batch.
  func targets(for input: SliceInput, of batch: GlobalBatch) throws -> SliceTargets {
    try model.targets(
      for: input, weights: weights,
      counts: DistillationCounts(
        labelledTokens: batch.labelledTokenCount, tokens: batch.tokenCount, pairs: batch.pairCount))
  }
}
