/// The scores of a sweep by row (scheme and α) and column (task and model).
package struct ScoreGrid: Sendable {
  /// What a row is of.
  package struct RowKey: Hashable, Sendable {
    package var scheme: String
    package var variant: String
    package var baseline: String?
    package var alpha: Double

    var group: Group { Group(scheme: scheme, variant: variant, baseline: baseline) }
  }

  /// The rows of one scheme.
  package struct Group: Hashable, Sendable {
    package var scheme: String
    package var variant: String
    package var baseline: String?

    /// As in `StudyCell.Coordinates.schemeTitle`.
    package var title: String {
      let name = baseline.map { "PTQ \($0)" } ?? scheme
      return variant.isEmpty ? name : "\(name) (\(variant))"
    }

    var isFloat32: Bool { baseline == nil && scheme == "fp32" }

    /// Of a baseline: the same scheme trained with quantizers. Its name may have how it was calibrated behind the scheme's:
    /// "LSQ_E4W4A4 mse".
    var trained: Group? {
      baseline.map { name in
        Group(scheme: name.split(separator: " ").first.map(String.init) ?? name, variant: variant, baseline: nil)
      }
    }
  }

  /// A task with a model.
  package struct Column: Hashable, Sendable {
    package var task: String
    package var model: String
  }

  /// In the order of the grid; float32 first, post-training quantization last.
  package let groups: [Group]
  /// Tasks in the order of the grid, the models of each side by side.
  package let columns: [Column]
  /// By group, rising.
  package let alphas: [Group: [Double]]
  /// By task.
  package let measures: [String: Measure]
  private let cells: [RowKey: [Column: [StudyCell]]]

  /// The grid of a sweep's heads and post-training baselines.
  package init(_ study: StudyFolder) {
    let scored = study.cells.filter { ($0.kind == .head || $0.kind == .ptq) && $0.coordinates.task != nil }
    var groups: [Group] = []
    var tasks: [String] = []
    var models: [String] = []
    var alphas: [Group: Set<Double>] = [:]
    var cells: [RowKey: [Column: [StudyCell]]] = [:]
    var measures: [String: Measure] = [:]
    for cell in scored {
      let (at, task) = (cell.coordinates, cell.coordinates.task ?? "")
      let group = Group(scheme: at.scheme, variant: at.variant, baseline: cell.kind == .ptq ? at.baseline ?? "?" : nil)
      if !groups.contains(group) { groups.append(group) }
      if !tasks.contains(task) { tasks.append(task) }
      if !models.contains(at.model) { models.append(at.model) }
      alphas[group, default: []].insert(cell.alpha)
      let key = RowKey(scheme: group.scheme, variant: group.variant, baseline: group.baseline, alpha: cell.alpha)
      cells[key, default: [:]][Column(task: task, model: at.model), default: []].append(cell)
      if measures[task] == nil, let kind = cell.result?.taskKind { measures[task] = Measure(kind) }
    }
    self.groups =
      groups.filter(\.isFloat32) + groups.filter { !$0.isFloat32 && $0.baseline == nil }
      + groups.filter { $0.baseline != nil }
    columns = tasks.flatMap { task in models.map { Column(task: task, model: $0) } }
      .filter { column in cells.values.contains { $0[column] != nil } }
    self.alphas = alphas.mapValues { $0.sorted() }
    (self.measures, self.cells) = (measures, cells)
  }

  /// The entry of a group, α and column; nil where the grid has none.
  package func entry(_ group: Group, _ alpha: Double, _ column: Column) -> ScoreEntry? {
    let key = RowKey(scheme: group.scheme, variant: group.variant, baseline: group.baseline, alpha: alpha)
    guard let cells = cells[key]?[column] else { return nil }
    return ScoreEntry(cells, measures[column.task])
  }
}
