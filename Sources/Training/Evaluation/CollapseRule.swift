import Observability

/// When a stage counts as collapsed: it ended, or is past its half, and has learned nothing that is of use, or cannot. The bound
/// is the paper's (Table III marks "divergence or collapse (F1-score < 20 %)"): a tagger of low F1 that has learned is above it,
/// one that gives every word the same label, or labels by chance, below.
package enum CollapseRule {
  /// An F1 or accuracy below this is a collapse.
  static let lowestScore = 0.2

  /// Why a stage counts as collapsed; nil where it does not.
  /// - Parameters:
  ///   - score: the score that chooses the best checkpoint; nil in the first stage, whose accuracy starts near 0 by nature.
  ///   - loss: of this evaluation.
  ///   - firstLoss: of the stage's first step; nil where that step gave none.
  ///   - collapsedSites: quantizer sites with one code for values that differ: nothing passes through them, whatever the
  ///     scores are by the ways around them.
  package static func reason(
    score: (name: String, value: Double)?, loss: Double, firstLoss: Double?, collapsedSites: [String] = []
  ) -> String? {
    var reasons: [String] = []
    // Written so that a NaN is a collapse too.
    if let score, !(score.value >= lowestScore) {
      reasons.append("\(score.name) \(Figures.fixed(score.value, 4)) is under \(Figures.percent(lowestScore))")
    }
    if let firstLoss, !(loss < firstLoss) {
      reasons.append(
        "the loss \(Figures.significant(loss, 4)) is not below the first step's \(Figures.significant(firstLoss, 4))")
    }
    if let first = collapsedSites.first {
      let others = collapsedSites.count > 1 ? " and \(collapsedSites.count - 1) more" : ""
      reasons.append("\(first)\(others) with one code in use")
    }
    return reasons.isEmpty ? nil : reasons.joined(separator: ", ")
  }
}
