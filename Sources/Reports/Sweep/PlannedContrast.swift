import Base
import Foundation

/// The comparison planned for a scheme, task and model: the α > 0 that is best on the validation split, against α = 0.
package struct PlannedContrast: Sendable {
  package let group: ScoreGrid.Group
  package let column: ScoreGrid.Column
  /// The α chosen; nil where no run of an α > 0 is there.
  package let chosen: Double?
  /// How many α > 0 it was chosen among.
  package let candidateCount: Int
  /// Whether runs of the family are still missing.
  package let isPreliminary: Bool
  /// Runs that collapsed: of the chosen α, and of α = 0. They are compared as they scored.
  package let collapsed: (chosen: Int, plain: Int)
  /// Trunk seeds, head seeds, documents that are compared.
  package let sizes: (trunks: Int, heads: Int, documents: Int)?
  package let result: ContrastResult?
  /// Why there is no result.
  package let refusal: String?
  /// p times the number of α that it was chosen among; runs that did well on validation by chance do so on test too.
  package var pOfChoice: Double? { result?.p.map { PlannedContrast.pOfChoice($0, among: candidateCount) } }
  /// After Holm, over all contrasts of the report.
  package fileprivate(set) var pOfFamily: Double?

  /// The chance that one of `count` contrasts, whichever is chosen, comes out as far from zero as `p` says
  /// (Bonferroni).
  package static func pOfChoice(_ p: Double, among count: Int) -> Double { min(1, p * Double(count)) }

  /// All contrasts of a sweep, in the order of its table.
  package static func all(of grid: ScoreGrid, _ bootstrap: HierarchicalBootstrap) -> [PlannedContrast] {
    var contrasts: [PlannedContrast] = []
    for group in grid.groups where group.baseline == nil {
      for column in grid.columns {
        guard let contrast = PlannedContrast(grid, group, column, bootstrap) else { continue }
        contrasts.append(contrast)
      }
    }
    let tested = contrasts.indices.filter { contrasts[$0].pOfChoice != nil }
    for (index, p) in zip(tested, holmAdjusted(tested.compactMap { contrasts[$0].pOfChoice })) {
      contrasts[index].pOfFamily = p
    }
    return contrasts
  }

  /// Nil where the grid has no α > 0 or no α = 0 there.
  private init?(
    _ grid: ScoreGrid, _ group: ScoreGrid.Group, _ column: ScoreGrid.Column, _ bootstrap: HierarchicalBootstrap
  ) {
    let arms = AlphaArms(grid, group, column)
    guard let plain = arms.plain, arms.all.contains(where: { $0.alpha > 0 }) else { return nil }
    (self.group, self.column) = (group, column)
    isPreliminary = arms.all.contains { $0.entry.runs.count < $0.entry.plannedCount }
    let best = arms.best { $0 > 0 }
    (chosen, candidateCount) = (best?.arm.alpha, best?.candidateCount ?? 0)
    collapsed = (best?.arm.entry.collapsedCount ?? 0, plain.entry.collapsedCount)
    guard let best else {
      (sizes, result, refusal) = (nil, nil, "no run of an α > 0 is there yet")
      return
    }
    do {
      let contrast = try arms.contrast(best.arm, against: plain)
      sizes = (contrast.trunkCount, contrast.headCount, contrast.documentCount)
      result = bootstrap.result(contrast, name: arms.drawName)
      refusal = nil
    } catch {
      (sizes, result) = (nil, nil)
      let isEmpty = (best.arm.entry.runs + plain.entry.runs).contains { $0.documents == nil }
      refusal = plain.entry.runs.isEmpty ? "no run of α 0 is there yet" : isEmpty ? "no counts by document" : "\(error)"
    }
  }
}
