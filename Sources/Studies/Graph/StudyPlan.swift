import Base
import Foundation

/// What a study will do and take, before anything of it is started: `palier sweep --plan`.
public struct StudyPlan {
  /// Seconds that a token takes, of a cell; nil where it is not known.
  public typealias Pace = (Cell) -> Double?

  private let graph: StudyGraph
  private let folder: StudyFolder
  private let kept: Set<SweepGrid.Kept>
  private let jobs: Int
  private let pace: Pace
  /// Where the paces come from, for people.
  private let source: String

  /// - Parameter source: "by the rate given", or how it was measured.
  public init(
    _ graph: StudyGraph, in folder: StudyFolder, kept: Set<SweepGrid.Kept>?, jobs: Int, pace: @escaping Pace,
    source: String
  ) {
    (self.graph, self.folder, self.jobs) = (graph, folder, jobs)
    (self.kept, self.pace, self.source) = (kept ?? graph.grid.kept, pace, source)
  }

  private func isDone(_ cell: Cell) -> Bool { folder.cell(cell.id).isDone }

  /// Hours of cells that are not done; nil where the pace of one is not known.
  func hours(_ cells: [Cell]) -> Double? {
    var seconds = 0.0
    for cell in cells where !isDone(cell) && cell.tokens > 0 {
      guard let pace = pace(cell) else { return nil }
      seconds += Double(cell.tokens) * pace
    }
    return seconds / 3600
  }

  // MARK: - In words

  /// The plan as a page for people.
  public var text: String {
    var table = TextTable(
      ["cells", "all", "done", "begun", "steps", "tokens", "hours left"], right: [1, 2, 3, 4, 5, 6])
    for kind in Cell.Kind.allCases { addRow(kind.rawValue, graph.cells.filter { $0.kind == kind }, &table) }
    addRow("together", graph.cells, &table)
    var lines = [
      "\(graph.grid.name): \(counted(graph.cells.count, "cell")), B = \(grouped(graph.totalSteps)) steps", "",
    ]
    lines += table.lines + [""]
    if let line = maskedWork { lines.append("masked-LM  \(line)") }
    lines.append("time       \(time)")
    if let reference = graph.grid.reference {
      lines.append("beside     \(Self.short(reference.hours)) h: \(reference.of)")
    }
    lines.append("disk       \(disk)")
    lines += graph.notes.map { "note       \($0)" }
    if !graph.missingData.isEmpty {
      let shown = graph.missingData.prefix(4).joined(separator: ", ")
      let more = graph.missingData.count > 4 ? " and \(graph.missingData.count - 4) more" : ""
      lines.append(
        "note       not here: \(shown)\(more): cells have provisional names, and heads on absent corpora are counted with "
          + "40 tokens a sentence")
    }
    return lines.joined(separator: "\n")
  }

  private func addRow(_ name: String, _ cells: [Cell], _ table: inout TextTable) {
    guard !cells.isEmpty else { return }
    let done = cells.count { isDone($0) }
    let begun = cells.count { !isDone($0) && folder.cell($0.id).isBegun }
    table.add([
      name, grouped(cells.count), grouped(done), grouped(begun), grouped(cells.reduce(0) { $0 + $1.steps }),
      grouped(cells.reduce(0) { $0 + $1.tokens }), hours(cells).map(Self.short) ?? "?",
    ])
  }

  private var time: String {
    guard let hours = hours(graph.cells) else { return "not known: give --rate, tokens a second" }
    let beside = jobs > 1 ? " of one cell after the other, \(jobs) at a time" : ""
    return "\(Self.short(hours)) h\(beside), \(source); evaluations and the reading of text are not in it"
  }

  /// 0.0012, 0.12, 1.2, 12, 1,234.
  static func short(_ hours: Double) -> String {
    if hours >= 100 { return grouped(Int(hours.rounded())) }
    return String(format: hours >= 10 ? "%.0f" : hours >= 0.1 ? "%.1f" : "%.2g", hours)
  }

  // MARK: - Work that is shared

  /// Steps of masked-LM of one model, scheme, variant and seed, in units of B: as planned; with a first stage of its
  /// own for each α; and where each task repeats that.
  package var maskedUnits: (planned: Double, separate: Double, repeated: Double)? {
    let stages = graph.cells.filter { $0.kind.isFirstStage }
    guard !stages.isEmpty, graph.totalSteps > 0 else { return nil }
    let groups = Set(stages.map { Self.group($0) }).count
    let steps = Double(graph.totalSteps)
    let planned = Double(stages.reduce(0) { $0 + $1.steps }) / Double(groups) / steps
    let separate =
      graph.grid.alphas.reduce(0.0) {
        $0 + Double(StageLengths(graph.grid.budget, alpha: $1, steps: graph.totalSteps).first)
      } / steps
    return (planned, separate, separate * Double(max(graph.grid.tasks.count, 1)))
  }

  private static func group(_ cell: Cell) -> String {
    let c = cell.coordinates
    return [c.model, c.scheme, c.variant, c.trunkSeed.map { "\($0)" } ?? ""].joined(separator: "\u{0}")
  }

  private var maskedWork: String? {
    guard let units = maskedUnits else { return nil }
    func b(_ value: Double) -> String { String(format: "%.2f B", value) }
    return
      "\(b(units.planned)) a model, scheme and seed; \(b(units.separate)) with a first stage of its own for each α, "
      + "\(b(units.repeated)) where each task repeats it"
  }

  // MARK: - Disk

  private var disk: String {
    guard let bytes = diskBytes else { return "not known: the starting checkpoints are not here" }
    let keeps = SweepGrid.Kept.allCases.filter(kept.contains).map(\.rawValue).joined(separator: ", ")
    return "\(byteSize(bytes.kept)) to stay (\(keeps.isEmpty ? "results alone" : keeps)), and up to "
      + "\(byteSize(bytes.passing)) while it runs"
  }

  /// What stays, and what comes and goes.
  private var diskBytes: (kept: Int, passing: Int)? {
    var stays = 0
    var largest = 0
    var trunks: [Int] = []
    for cell in graph.cells {
      guard let weights = Self.weightBytes(cell.configuration.model.checkpoint) else { return nil }
      largest = max(largest, weights)
      switch cell.kind {
      case .branch, .stage: stays += kept.contains(.alpha) ? weights : 0
      case .head, .ptq: stays += kept.contains(.best) ? weights : 0
      // With both moments of each parameter.
      case .trunk: trunks.append(3 * weights * cell.points.count)
      }
    }
    let open = trunks.sorted().suffix(jobs).reduce(0, +)
    return (stays, open + jobs * 8 * largest)
  }

  /// Bytes of a checkpoint's parameters, by its files.
  private static func weightBytes(_ path: String) -> Int? {
    let folder = URL(fileURLWithPath: path)
    guard let names = try? namesInFolder(path) else { return nil }
    let sizes = names.filter { $0.hasSuffix(".safetensors") || $0 == "pytorch_model.bin" }.compactMap {
      try? folder.appendingPathComponent($0).resourceValues(forKeys: [.fileSizeKey]).fileSize
    }
    return sizes.max()
  }
}
