/// Which scores of a task are shown, and by which a run counts as collapsed.
package struct Measure: Equatable, Sendable {
  /// The score of the tables and of the choice of α: its key and its name.
  package let key: String
  package let title: String
  /// Shown beside it.
  package let besideKey: String
  package let besideTitle: String
  /// The score whose fall below 20 % is a collapse.
  package let collapseKey: String
  /// What the bootstrap over documents recomputes.
  package let contrastTitle: String

  /// Strict F1 with lenient F1 beside it for entities; weighted F1 with accuracy beside it for tags.
  package init(_ kind: CellResult.TaskKind) {
    switch kind {
    case .entities:
      (key, title, besideKey, besideTitle) = ("strict_f1", "strict F1", "f1", "lenient F1")
      (collapseKey, contrastTitle) = ("f1", "strict F1")
    case .tags:
      (key, title, besideKey, besideTitle) = ("weighted_f1", "weighted F1", "accuracy", "accuracy")
      (collapseKey, contrastTitle) = ("accuracy", "accuracy")
    }
  }

  /// The bound of the paper's Table III: below it a run counts as collapsed.
  package static let collapseBound = 0.2

  /// The main score; the other where the result has only that.
  func main(_ scores: CellResult.Scores) -> Double? { scores[key] ?? scores[besideKey] }

  /// Whether a run with these test scores has collapsed.
  func isCollapsed(_ scores: CellResult.Scores) -> Bool {
    guard let score = scores[collapseKey] ?? main(scores) else { return false }
    return score < Measure.collapseBound
  }
}
