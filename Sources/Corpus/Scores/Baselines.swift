import Compute

/// Scores that need no model: what a trained one has to beat.
public enum Baselines {
  /// Draws of the random baseline, apart from the split's under the same key.
  private static let drawCounter: UInt32 = 0x6261_7365

  /// Every word `O`. Nothing is found, so F1 is 0.
  public static func allOutside(reference: [[Int]], labels: LabelSet) -> EntityScores {
    entityScores(reference, labels) { _, _ in nil }
  }

  /// Each word's label drawn on its own, by how often each occurs.
  /// - Parameter labelCounts: `[labels]`: occurrences in the training part, say; equal numbers give a uniform draw.
  public static func random(reference: [[Int]], labels: LabelSet, labelCounts: [Int], seed: UInt64) -> EntityScores {
    precondition(
      labelCounts.count == labels.count, "Baselines.random: \(labelCounts.count) counts, \(labels.count) labels")
    let philox = Philox(seed: seed, purpose: .corpusSplit)
    let total = labelCounts.reduce(0, +)
    guard total > 0, total <= Int(UInt32.max) else { return allOutside(reference: reference, labels: labels) }
    return entityScores(reference, labels) { sentence, word in
      var left = philox.below(
        total, UInt32(truncatingIfNeeded: sentence), UInt32(truncatingIfNeeded: word), 0, drawCounter)
      return labelCounts.firstIndex { count in
        left -= count
        return left < 0
      }
    }
  }

  /// Every word the label that `labelCounts` has most of (the first of equals).
  public static func mostFrequent(reference: [[Int]], labels: LabelSet, labelCounts: [Int]) -> TagScores {
    precondition(
      labelCounts.count == labels.count, "Baselines.mostFrequent: \(labelCounts.count) counts, \(labels.count) labels")
    let best = labelCounts.indices.max { (labelCounts[$0], -$0) < (labelCounts[$1], -$1) }
    var counts = TagCounts(labels: labels)
    for sentence in reference { counts.add(reference: sentence, predicted: sentence.map { _ in best }) }
    return counts.scores
  }

  private static func entityScores(
    _ reference: [[Int]], _ labels: LabelSet, _ predict: (_ sentence: Int, _ word: Int) -> Int?
  ) -> EntityScores {
    var counts = EntityCounts(labels: labels)
    for (number, sentence) in reference.enumerated() {
      counts.add(reference: sentence, predicted: sentence.indices.map { predict(number, $0) })
    }
    return counts.scores
  }
}
