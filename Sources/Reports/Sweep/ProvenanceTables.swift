import Base
import Foundation

/// Where the figures come from: versions, machines, configuration, data, and each cell's parameters.
struct ProvenanceTables {
  let study: StudyFolder
  let options: ReportOptions

  private var results: [(cell: StudyCell, result: CellResult)] {
    study.cells.compactMap { cell in cell.result.map { (cell, $0) } }
  }

  var html: String {
    var text = facts.html
    text += ReportPage.folded("Data: \(data.rows.count) fingerprints and audits", data.html)
    text += ReportPage.folded(
      "Configuration: keys that all cells share (\(shared.count)), and those in which they differ", configuration.html)
    text += ReportPage.folded("Cells: parameters' fingerprint of each", cells.html)
    return text
  }

  /// Values with how many cells have them: "palier 0.1.0 (12 cells)".
  private static func tally(_ values: [String]) -> String {
    var counts: [(value: String, count: Int)] = []
    for value in values where !value.isEmpty {
      if let place = counts.firstIndex(where: { $0.value == value }) {
        counts[place].count += 1
      } else {
        counts.append((value, 1))
      }
    }
    return counts.map { counts.count == 1 ? $0.value : "\($0.value) (\(counted($0.count, "cell")))" }
      .joined(separator: "; ")
  }

  private var facts: ReportTable {
    var table = ReportTable("The study", columns: ["what", "value"], nameCount: 2)
    // Its name alone: a report is shown to others, and its bytes do not depend on where things lie.
    table.add(["grid", study.grid.isEmpty ? "–" : URL(fileURLWithPath: study.grid).lastPathComponent])
    table.add(["grid, SHA-256", study.gridSHA256.isEmpty ? "–" : study.gridSHA256])
    table.add(["budget", study.budget + (study.totalSteps.map { ", \(grouped($0)) steps" } ?? "")])
    table.add(["Palier, of the cells", ProvenanceTables.tally(results.map(\.result.palier))])
    table.add(["Palier, of this report", PalierVersion.text])
    table.add(["processors", ProvenanceTables.tally(results.map(\.result.cpu))])
    guard options.hasTimes else { return table }
    table.add(["hosts", hosts])
    table.add([
      "ranks × threads",
      ProvenanceTables.tally(
        results.map { "\($0.result.ranks.map(String.init) ?? "?") × \($0.result.threads.map(String.init) ?? "?")" }),
    ])
    return table
  }

  private var hosts: String {
    var names: [String] = []
    for (cell, _) in results {
      let file = study.folder(of: cell).appendingPathComponent("run/hosts.json")
      guard PathKind(file) == .file, let fields = try? StudyFields(fileAt: file) else { continue }
      let own = Set(((try? fields.objects("ranks")) ?? []).compactMap { try? $0.text("host") })
      names.append(own.sorted().joined(separator: ", "))
    }
    return names.isEmpty ? "not kept" : ProvenanceTables.tally(names)
  }

  private var data: ReportTable {
    var table = ReportTable("Data that the cells used", columns: ["part", "value", "cells"], nameCount: 2)
    var rows: [(key: String, value: String, count: Int)] = []
    for (_, result) in results {
      for (key, value) in result.data {
        if let place = rows.firstIndex(where: { $0.key == key && $0.value == value }) {
          rows[place].count += 1
        } else {
          rows.append((key, value, 1))
        }
      }
    }
    for row in rows.sorted(by: { $0.key < $1.key }) { table.add([row.key, row.value, "\(row.count)"]) }
    return table
  }

  /// Keys that every cell has with one value.
  private var shared: [(key: String, value: String)] {
    guard let first = study.cells.first(where: { !$0.configuration.isEmpty }) else { return [] }
    let others = study.cells.filter { !$0.configuration.isEmpty }.map { cell in
      Dictionary(cell.configuration.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    }
    return first.configuration.filter { pair in others.allSatisfy { $0[pair.key] == pair.value } }
  }

  private var configuration: ReportTable {
    var table = ReportTable("Configuration", columns: ["key", "value"], nameCount: 2)
    table.rows.append(.group("the same in all cells"))
    for (key, value) in shared { table.add([key, value]) }
    let known = Set(shared.map(\.key))
    var keys: [String] = []
    var values: [String: [String]] = [:]
    for (key, value) in study.cells.flatMap(\.configuration) where !known.contains(key) {
      if values[key] == nil { keys.append(key) }
      if values[key]?.contains(value) != true { values[key, default: []].append(value) }
    }
    table.rows.append(.group("not the same in all cells"))
    for key in keys {
      let all = values[key] ?? []
      table.add([key, all.prefix(8).joined(separator: " | ") + (all.count > 8 ? " | … (\(all.count) values)" : "")])
    }
    return table
  }

  private var cells: ReportTable {
    var table = ReportTable(
      "Cells", columns: ["cell", "kind", "of", "state", "parameters", "steps", "best step"], nameCount: 5)
    for cell in study.cells {
      table.add([
        cell.id, cell.kind.rawValue, cell.coordinates.title, cell.state.word, cell.result?.fingerprint ?? "",
        cell.result?.steps.map(grouped) ?? "", cell.result?.bestStep.map(grouped) ?? "",
      ])
    }
    return table
  }

  /// A row a cell, with its scores.
  var csv: CSV {
    let scores = ["f1", "strict_f1", "weighted_f1", "accuracy"]
    var csv = CSV(
      [
        "id", "kind", "parent", "model", "scheme", "variant", "baseline", "alpha", "task", "trunk_seed", "head_seed",
        "state", "fingerprint", "palier", "cpu", "steps", "tokens", "best_step",
      ] + scores.map { "validation_" + $0 } + scores.map { "test_" + $0 } + [
        "checkpoint_bytes", "packed_bytes", "signs",
      ])
    for cell in study.cells {
      let (at, result) = (cell.coordinates, cell.result)
      var row = [
        cell.id, cell.kind.rawValue, cell.parent ?? "", at.model, at.scheme, at.variant, at.baseline ?? "",
        at.alpha.map(alphaText) ?? "", at.task ?? "", CSV.number(at.trunkSeed), CSV.number(at.headSeed),
        cell.state.word, result?.fingerprint ?? "", result?.palier ?? "", result?.cpu ?? "",
        CSV.number(result?.steps), CSV.number(result?.tokens), CSV.number(result?.bestStep),
      ]
      row += scores.map { CSV.number(result?.validation[$0]) } + scores.map { CSV.number(result?.test[$0]) }
      row += [
        CSV.number(result?.checkpointBytes), CSV.number(result?.packedBytes),
        result?.signs.joined(separator: "; ") ?? "",
      ]
      csv.add(row)
    }
    return csv
  }
}

extension StudyCell.State {
  /// In a word.
  var word: String {
    switch self {
    case .waiting: "waiting"
    case .started: "started"
    case .failed: "failed"
    case .unreadable: "unreadable"
    case .done: "done"
    }
  }
}
