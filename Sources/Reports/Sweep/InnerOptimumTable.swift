import Base
import Foundation

/// Whether optima between no first stage and the largest α are real, as a table.
struct InnerOptimumTable {
  let optima: [InnerOptimum]

  var table: ReportTable {
    var table = ReportTable(
      "Best inner α by validation against both ends, on the test split (points of a hundred)",
      columns: ["task, model", "scheme", "α", "over α 0", "over the largest α", "p", "p, Holm", "what it shows"],
      nameCount: 2)
    for optimum in optima {
      let isShown = (optimum.pOfFamily ?? 1) <= 0.05
      table.rows.append(
        .cells([
          .init("\(optimum.column.task), \(optimum.column.model)"), .init(optimum.group.title),
          .init(alphaText(optimum.chosen), below: ["best of \(optimum.candidateCount)"]),
          .init(InnerOptimumTable.text(optimum.overNone), isBold: isShown),
          .init(
            InnerOptimumTable.text(optimum.overLargest), below: ["α \(alphaText(optimum.largest))"], isBold: isShown),
          .init(ContrastTable.probability(optimum.pOfChoice)), .init(ContrastTable.probability(optimum.pOfFamily)),
          .init(InnerOptimumTable.verdict(optimum)),
        ]))
    }
    table.notes = [
      "An inner optimum is claimed where the chosen α is better than no first stage and better than the largest: p is the "
        + "larger of both one-sided ones, times the number of α that the best was chosen among, then Holm's procedure over "
        + "the \(optima.filter { $0.pOfFamily != nil }.count) rows with a test. Half widths are of each 95 % interval alone."
    ]
    return table
  }

  private static func text(_ result: ContrastResult?) -> String {
    guard let result else { return "·" }
    return ContrastTable.signed(100 * result.difference) + String(format: " ± %.2f", 100 * result.halfWidth)
  }

  static func verdict(_ optimum: InnerOptimum) -> String {
    guard let none = optimum.overNone, let largest = optimum.overLargest else { return "runs are missing" }
    guard let p = optimum.pOfFamily else { return "one seed: no test" }
    if p <= 0.05 { return "an inner α is best" }
    if none.difference <= 0 { return "α 0 scores as high or higher" }
    if largest.difference <= 0 { return "the largest α scores as high or higher" }
    return "not shown"
  }

  var csv: CSV {
    var csv = CSV([
      "task", "model", "scheme", "variant", "alpha", "candidates", "over_alpha_0", "over_alpha_0_half_width",
      "largest_alpha",
      "over_largest", "over_largest_half_width", "p_of_choice", "p_holm",
    ])
    for optimum in optima {
      csv.add([
        optimum.column.task, optimum.column.model, optimum.group.scheme, optimum.group.variant,
        alphaText(optimum.chosen), CSV.number(optimum.candidateCount), CSV.number(optimum.overNone?.difference),
        CSV.number(optimum.overNone?.halfWidth), alphaText(optimum.largest),
        CSV.number(optimum.overLargest?.difference), CSV.number(optimum.overLargest?.halfWidth),
        CSV.number(optimum.pOfChoice), CSV.number(optimum.pOfFamily),
      ])
    }
    return csv
  }
}
