import Base
import Foundation

/// The planned contrasts as a table.
struct ContrastTable {
  let grid: ScoreGrid
  let contrasts: [PlannedContrast]
  let bootstrap: HierarchicalBootstrap

  var table: ReportTable {
    var table = ReportTable(
      "Best α > 0 by validation against α = 0, on the test split (points of a hundred)",
      columns: [
        "task, model", "scheme", "α", "difference ± half width", "seeds, documents", "p", "p, Holm", "what it shows",
      ], nameCount: 2)
    for contrast in contrasts { table.rows.append(.cells(cells(contrast))) }
    table.notes = notes
    return table
  }

  private var family: Int { contrasts.filter { $0.pOfFamily != nil }.count }

  private var notes: [String] {
    [
      "Difference of strict F1 (entities) or accuracy (tags), pooled over the documents; pairs share their head seed. "
        + "Half width: of the 95 % interval of this contrast alone, and the smallest difference that so many "
        + "seeds can show.",
      "Standard error by a bootstrap over trunk seeds, head seeds and documents, "
        + "\(grouped(bootstrap.drawCount)) draws, seed \(bootstrap.seed); "
        + "p by Student's t.",
      "p, Holm: p times the number of α that the best was chosen among, then Holm's procedure over the family of "
        + "\(family). Shown means at most 0.05 there. Collapsed runs are compared as they scored.",
    ]
  }

  private func cells(_ contrast: PlannedContrast) -> [ReportTable.Cell] {
    let alpha = contrast.chosen.map { alphaText($0) } ?? "·"
    let among = contrast.candidateCount > 0 ? ["best of \(contrast.candidateCount)"] : []
    let start: [ReportTable.Cell] = [
      .init("\(contrast.column.task), \(contrast.column.model)"), .init(contrast.group.title),
      .init(alpha, below: among),
    ]
    guard let result = contrast.result, let sizes = contrast.sizes else {
      return start + [.init("·"), .init(""), .init(""), .init(""), .init(contrast.refusal ?? "")]
    }
    let difference = ContrastTable.signed(100 * result.difference) + String(format: " ± %.2f", 100 * result.halfWidth)
    let seeds = sizes.trunks > 1 ? "\(sizes.trunks) × \(sizes.heads)" : "\(sizes.heads)"
    let isShown = (contrast.pOfFamily ?? 1) <= 0.05
    var remarks: [String] = []
    if contrast.collapsed.chosen > 0 { remarks.append("\(contrast.collapsed.chosen) collapsed at this α") }
    if contrast.collapsed.plain > 0 { remarks.append("\(contrast.collapsed.plain) collapsed at α 0") }
    if contrast.isPreliminary { remarks.append("preliminary: runs are missing") }
    return start + [
      .init(difference, isBold: isShown), .init(seeds, below: ["\(sizes.documents) documents"]),
      .init(ContrastTable.probability(result.p)), .init(ContrastTable.probability(contrast.pOfFamily)),
      .init(ContrastTable.verdict(contrast, result), below: remarks),
    ]
  }

  static func verdict(_ contrast: PlannedContrast, _ result: ContrastResult) -> String {
    guard result.p != nil else { return "one seed: interval over documents alone, no test" }
    guard (contrast.pOfFamily ?? 1) <= 0.05 else { return "no difference shown" }
    return result.difference > 0 ? "the first stage helps" : "the first stage harms"
  }

  /// "+1.20", "−0.35".
  static func signed(_ value: Double) -> String {
    (value < 0 ? "−" : "+") + String(format: "%.2f", abs(value))
  }

  /// "0.032", "< 0.001"; a dash where there is none.
  static func probability(_ p: Double?) -> String {
    guard let p, p.isFinite else { return "–" }
    return p < 0.001 ? "< 0.001" : String(format: "%.3f", p)
  }

  var csv: CSV {
    var csv = CSV([
      "task", "model", "scheme", "variant", "score", "alpha", "candidates", "trunk_seeds", "head_seeds", "documents",
      "difference", "half_width", "degrees_of_freedom", "p", "p_of_choice", "p_holm", "family", "collapsed",
      "collapsed_alpha_0", "preliminary", "remark",
    ])
    for contrast in contrasts {
      csv.add([
        contrast.column.task, contrast.column.model, contrast.group.scheme, contrast.group.variant,
        grid.measures[contrast.column.task]?.contrastTitle ?? "", contrast.chosen.map(alphaText) ?? "",
        CSV.number(contrast.candidateCount), CSV.number(contrast.sizes?.trunks), CSV.number(contrast.sizes?.heads),
        CSV.number(contrast.sizes?.documents), CSV.number(contrast.result?.difference),
        CSV.number(contrast.result?.halfWidth), CSV.number(contrast.result?.degreesOfFreedom),
        CSV.number(contrast.result?.p), CSV.number(contrast.pOfChoice), CSV.number(contrast.pOfFamily),
        CSV.number(family), CSV.number(contrast.collapsed.chosen), CSV.number(contrast.collapsed.plain),
        contrast.isPreliminary ? "1" : "0", contrast.refusal ?? "",
      ])
    }
    return csv
  }
}
