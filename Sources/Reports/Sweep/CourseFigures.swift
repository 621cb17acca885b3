import Base
import Foundation
import Observability

/// Figures of how cells went: losses of first stages, quantizer sites, codes, energy.
struct CourseFigures {
  let study: StudyFolder
  let grid: ScoreGrid
  let cost: CostTable

  private var firstStages: [StudyCell] {
    study.cells.filter { [.trunk, .branch, .stage].contains($0.kind) && $0.result?.pretraining.isEmpty == false }
  }

  /// Masked-LM loss against tokens: trunk and branches, or a line for each α.
  var losses: Figure? {
    var legend = Legend()
    var csv = CSV([
      "id", "kind", "model", "scheme", "variant", "alpha", "trunk_seed", "step", "tokens", "train_loss",
      "validation_loss", "validation_accuracy",
    ])
    struct Place: Hashable { var model, scheme, variant: String }
    var panels: [(place: Place, seed: Int?, panel: Panel)] = []
    let alphas = Set(firstStages.compactMap { $0.kind == .trunk ? nil : $0.coordinates.alpha }).sorted()
    for cell in firstStages {
      guard let result = cell.result else { continue }
      let at = cell.coordinates
      for point in result.pretraining {
        csv.add([
          cell.id, cell.kind.rawValue, at.model, at.scheme, at.variant, at.alpha.map(alphaText) ?? "",
          CSV.number(at.trunkSeed), "\(point.step)", CSV.number(point.tokens), CSV.number(point.trainLoss),
          CSV.number(point.validationLoss), CSV.number(point.validationAccuracy),
        ])
      }
      let place = Place(model: at.model, scheme: at.scheme, variant: at.variant)
      let index =
        panels.firstIndex { $0.place == place }
        ?? {
          let title = "\(at.model), \(ScoreGrid.Group(scheme: at.scheme, variant: at.variant).title)"
          panels.append((place, at.trunkSeed, Panel(title, x: Axis("tokens"), y: Axis("masked-LM loss"))))
          return panels.count - 1
        }()
      // One seed is drawn, all are in the CSV.
      guard panels[index].seed == at.trunkSeed else { continue }
      let points = result.pretraining.compactMap { point in
        (point.validationLoss ?? point.trainLoss).map { Panel.Point(point.tokens, $0) }
      }
      let isTrunk = cell.kind == .trunk
      let alphaIndex = at.alpha.flatMap { alphas.firstIndex(of: $0) } ?? 0
      let style = isTrunk ? FigureStyle.colours.count - 1 : alphaIndex % (FigureStyle.colours.count - 1)
      let name = isTrunk ? "trunk" : (cell.kind == .branch ? "branch, α " : "α ") + (at.alpha.map(alphaText) ?? "?")
      let drawn: Panel.Drawn = points.count == 1 ? .points(hollow: false) : isTrunk ? .line : .lineAndPoints
      panels[index].panel.series.append(.init(name, style, drawn, points))
      legend.add(name, style, isTrunk ? .line : .lineAndPoint)
    }
    guard !panels.isEmpty else { return nil }
    return Figure(
      "losses", "Masked-LM loss of the first stage",
      caption:
        "Loss on the validation blocks (on the batch where there are none) against tokens trained on, from the "
        + "base model; of the first trunk seed. A branch starts where it leaves its trunk.",
      parts: panels.map { .panel($0.panel) }, legend: legend, data: csv)
  }

  /// The cell that stands for a scheme: the first finished head, with a first stage where there is one.
  private func representative(_ group: ScoreGrid.Group) -> StudyCell? {
    let heads = study.cells.filter {
      $0.kind == .head && $0.result != nil && $0.coordinates.scheme == group.scheme
        && $0.coordinates.variant == group.variant
    }
    return heads.first { $0.parent != nil } ?? heads.first
  }

  /// The cell's forebears, the first stage first, and itself.
  private func chain(_ cell: StudyCell) -> [StudyCell] {
    var chain = [cell]
    while let parent = chain[0].parent, let found = study.cells.first(where: { $0.id == parent }) {
      chain.insert(found, at: 0)
    }
    return chain
  }

  /// Step size and clipped share by site, and how often levels came, of one run a scheme.
  func sites(warn: (String) -> Void) -> SiteViews {
    var parts: [SiteFigure.Part] = []
    for group in grid.groups where group.baseline == nil && !group.isFloat32 {
      guard let cell = representative(group) else { continue }
      var (courses, last, offset, switchStep): ([[SiteCourse]], Int, Int, Int?) = ([], 0, 0, nil)
      for member in chain(cell) {
        let log = study.folder(of: member).appendingPathComponent("run/metrics.jsonl")
        guard PathKind(log) == .file else { continue }
        do {
          if member.kind == .head, last > 0 { (offset, switchStep) = (last, last) }
          let records = try MetricsRecord.all(at: log).records
          let own = SiteCourse.all(records, stepsBefore: offset)
          // A branch leaves its trunk before the trunk's end.
          if let first = own.flatMap(\.looks).map(\.step).min() {
            courses = courses.map { $0.map { $0.before(step: first) } }
          }
          courses.append(own)
          last = max(last, (records.map(\.globalStep).max() ?? 0) + offset)
        } catch { warn(shownError(error)) }
      }
      let name = "\(group.title), α \(alphaText(cell.alpha))"
      parts.append(.init(name: name, courses: SiteCourse.joined(courses), switchStep: switchStep))
    }
    return SiteViews(parts)
  }

  /// Energy a cell, by kind and scheme; what is measured and what is modelled in panels of their own.
  var energy: Figure? {
    struct Row: Hashable { var kind: StudyCell.Kind; var scheme: String }
    var panels: [Figure.Part] = []
    for method in CellEnergy.Method.allCases where method != .none {
      var rows: [(row: Row, values: [CellEnergy])] = []
      for cell in study.cells {
        guard let result = cell.result else { continue }
        let energy = cost.energy(of: result)
        guard energy.method == method else { continue }
        let row = Row(kind: cell.kind, scheme: cell.coordinates.schemeTitle)
        if let place = rows.firstIndex(where: { $0.row == row }) {
          rows[place].values.append(energy)
        } else {
          rows.append((row, [energy]))
        }
      }
      guard !rows.isEmpty else { continue }
      let (kinds, schemes) = (StudyCell.Kind.allCases, study.cells.map(\.coordinates.schemeTitle))
      rows.sort {
        let (a, b) = (schemes.firstIndex(of: $0.row.scheme) ?? 0, schemes.firstIndex(of: $1.row.scheme) ?? 0)
        return (a, kinds.firstIndex(of: $0.row.kind) ?? 0) < (b, kinds.firstIndex(of: $1.row.kind) ?? 0)
      }
      let style = method == .model ? 1 : 0
      let items = rows.map { row, values -> (name: String, items: [BarPanel.Item]) in
        let middles = values.map { (($0.low ?? 0) + ($0.high ?? 0)) / 2 }
        let item = BarPanel.Item(
          style, middles.reduce(0, +) / Double(middles.count), low: values.compactMap(\.low).min(),
          high: values.compactMap(\.high).max(), isHollow: method == .model)
        return ("\(row.kind.rawValue), \(row.scheme)", [item])
      }
      panels.append(
        .bars(BarPanel(method.title, x: Axis("kWh a cell", scale: .logarithmic), hasBars: false, rows: items)))
    }
    guard !panels.isEmpty else { return nil }
    return Figure(
      "energy", "Energy of a cell",
      caption:
        "The mean over cells of a kind and scheme, from the least to the largest of them (for modelled ones: of their "
        + "intervals). What is measured and what is modelled stand apart.", parts: panels, legend: Legend(),
      data: cost.csv)
  }
}
