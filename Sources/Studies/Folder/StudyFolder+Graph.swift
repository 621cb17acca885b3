import Base
import Configuration
import Foundation

extension StudyFolder {
  static let formatVersion = 1

  /// Writes `sweep.json`, and `cell.json` of every cell that lacks it.
  func write(_ graph: StudyGraph) throws {
    try open()
    var fields = JSONFields()
    fields.add("version", Self.formatVersion)
    fields.add("name", graph.grid.name)
    fields.add("grid", graph.grid.file.relativePath)
    fields.add("grid_sha256", graph.grid.sha256)
    fields.add("budget", graph.grid.budget.rawValue)
    fields.add("total_steps", graph.totalSteps)
    fields["alphas"] = .array(graph.grid.alphas.map(JSONNode.double))
    fields["cells"] = .array(graph.cells.map { .object($0.fields) })
    try replace(self.graph, fields)
    for cell in graph.cells { try write(cell) }
  }

  /// `cell.json`: the cell as in `sweep.json`, with the keys that determine it.
  func write(_ cell: Cell) throws {
    let folder = self.cell(cell.id)
    try createFolders(folder.url.path)
    var fields = cell.fields
    fields.add("configuration") { inner in
      for entry in cell.configuration.values where entry.key != "output" {
        guard ![.free, .machine].contains(RunConfiguration.role(of: entry.key)) else { continue }
        inner.add(entry.key, entry.value)
      }
    }
    try replace(folder.description, fields)
  }

  private func replace(_ file: URL, _ fields: JSONFields) throws {
    let text = try fields.indentedText()
    if let old = try? Data(contentsOf: file), old == Data(text) { return }
    try replaceFile(at: file, with: text)
  }
}

extension Cell {
  /// The cell in `sweep.json`.
  var fields: JSONFields {
    var fields = JSONFields()
    fields.add("id", id)
    fields.add("kind", kind.rawValue)
    fields["parent"] = parent.map(JSONNode.string) ?? .null
    fields.add("coordinates") { inner in
      inner.add("model", coordinates.model)
      inner.add("scheme", coordinates.scheme)
      inner["alpha"] = coordinates.alpha.map(JSONNode.double) ?? .null
      inner["task"] = coordinates.task.map(JSONNode.string) ?? .null
      inner["trunk_seed"] = coordinates.trunkSeed.map { JSONNode.integer(Int(truncatingIfNeeded: $0)) } ?? .null
      inner["head_seed"] = coordinates.headSeed.map { JSONNode.integer(Int(truncatingIfNeeded: $0)) } ?? .null
      inner.add("variant", coordinates.variant)
      inner["baseline"] = coordinates.baseline.map(JSONNode.string) ?? .null
    }
    fields.add("steps", steps)
    fields.add("tokens", tokens)
    if !points.isEmpty { fields["points"] = .array(points.map(JSONNode.integer)) }
    if leavesAt > 0 { fields.add("leaves_at", leavesAt) }
    return fields
  }
}
