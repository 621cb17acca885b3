import Observability

/// When a stage counts as collapsed: it ended, or is past its half, and has learned nothing that is of use. The bound is the
/// paper's ("collapsed below 20 %").
package enum CollapseRule {
  /// An F1 or accuracy below this is a collapse.
  static let lowestScore = 0.2

  /// Why a stage counts as collapsed; nil where it does not.
  /// - Parameters:
  ///   - score: the score that chooses the best checkpoint; nil in the first stage, whose accuracy starts near 0 by nature.
  ///   - loss: of this evaluation.
  ///   - firstLoss: of the stage's first step; nil where that step gave none.
  package static func reason(score: (name: String, value: Double)?, loss: Double, firstLoss: Double?) -> String? {
    var reasons: [String] = []
    // Written so that a NaN is a collapse too.
    if let score, !(score.value >= lowestScore) {
      reasons.append("\(score.name) \(Figures.fixed(score.value, 4)) is under \(Figures.percent(lowestScore))")
    }
    if let firstLoss, !(loss < firstLoss) {
      reasons.append(
        "the loss \(Figures.significant(loss, 4)) is not below the first step's \(Figures.significant(firstLoss, 4))")
    }
    return reasons.isEmpty ? nil : reasons.joined(separator: ", ")
  }
}
