import Base

/// The question whether a score is best at an α between none and the largest, for a scheme, task and model.
///
/// Of the α strictly between 0 and the largest, the one that is best on the validation split is compared on the test split
/// with both ends. An inner optimum is claimed where both comparisons show it: the p value is the larger of the two
/// one-sided ones (the intersection-union test: Berger, Technometrics 24, 1982), which needs no correction for there being
/// two, times the number of α that the best was chosen among.
package struct InnerOptimum: Sendable {
  package let group: ScoreGrid.Group
  package let column: ScoreGrid.Column
  /// The inner α chosen.
  package let chosen: Double
  /// How many inner α it was chosen among.
  package let candidateCount: Int
  /// The upper end.
  package let largest: Double
  /// Chosen minus α = 0; nil where runs are missing.
  package let overNone: ContrastResult?
  /// Chosen minus the largest α; nil where runs are missing.
  package let overLargest: ContrastResult?
  /// After Holm, over all of the report.
  package fileprivate(set) var pOfFamily: Double?

  /// Of the claim that the chosen α is better than both ends.
  package var pOfChoice: Double? {
    guard let none = overNone?.pOfGain, let largest = overLargest?.pOfGain else { return nil }
    return PlannedContrast.pOfChoice(max(none, largest), among: candidateCount)
  }

  /// All of a sweep, in the order of its table: wherever there are three α or more.
  package static func all(of grid: ScoreGrid, _ bootstrap: HierarchicalBootstrap) -> [InnerOptimum] {
    var optima: [InnerOptimum] = []
    for group in grid.groups where group.baseline == nil {
      for column in grid.columns {
        guard let optimum = InnerOptimum(AlphaArms(grid, group, column), group, column, bootstrap) else { continue }
        optima.append(optimum)
      }
    }
    let tested = optima.indices.filter { optima[$0].pOfChoice != nil }
    for (index, p) in zip(tested, holmAdjusted(tested.compactMap { optima[$0].pOfChoice })) {
      optima[index].pOfFamily = p
    }
    return optima
  }

  /// Nil where there is no α = 0, or none between it and the largest with a run.
  private init?(
    _ arms: AlphaArms, _ group: ScoreGrid.Group, _ column: ScoreGrid.Column, _ bootstrap: HierarchicalBootstrap
  ) {
    guard arms.plain != nil, let last = arms.all.last, last.alpha > 0,
      let best = arms.best(where: { $0 > 0 && $0 < last.alpha })
    else { return nil }
    (self.group, self.column, largest) = (group, column, last.alpha)
    (chosen, candidateCount) = (best.arm.alpha, best.candidateCount)
    overNone = arms.plain.flatMap { try? arms.result(best.arm, against: $0, bootstrap) }
    overLargest = try? arms.result(best.arm, against: last, bootstrap)
  }
}

extension ContrastResult {
  /// One-sided, of the claim that the first arm is better.
  package var pOfGain: Double? { p.map { difference > 0 ? $0 / 2 : 1 - $0 / 2 } }
}
