import Base
import Foundation
import TestSupport

/// A sweep's folder with made-up results of known effect, in the form that a sweep writes.
struct MadeStudy {
  var models = ["CamemBERT", "DrBERT"]
  var schemes = ["fp32", "LSQ_E8W8A8", "LSQ_E4W4A4", "LSQ_E2W2A2", "BitNet_E6W1.58A6"]
  var alphas: [Double] = [0, 0.1, 0.3, 0.5, 0.7, 0.9]
  var tasks = ["QUAERO-EMEA": "entities", "CAS-POS": "tags"]
  var trunkSeeds = [1, 2, 3]
  var headSeeds = [1, 2, 3]
  var documentCount = 40
  /// What the first stage does to the share of right spans, at most.
  var effect = 0.08
  /// The spread that a seed brings.
  var seedSpread = 0.012
  /// Cells that are done; the others wait, the first of them started, the second failed.
  var doneShare = 1.0
  /// Whether LSQ_E2W2A2 of CamemBERT collapses, wholly at α = 0 and for one seed in three elsewhere.
  var collapses = true
  var baselines = ["LSQ_E8W8A8", "LSQ_E4W4A4"]
  var seed: UInt64 = 7
  /// Energy by RAPL for a half of the cells, by Slurm for some, none for the rest.
  var hasEnergy = true

  private struct Cell {
    var id = ""
    var fields: JSONFields = [:]
    var result: JSONFields = [:]
  }

  /// Writes the folder.
  func write(to url: URL) throws {
    var random = SeededNumbers(seed: seed)
    var cells: [Cell] = []
    for model in models {
      for scheme in schemes {
        let stages = firstStages(model, scheme, &random, &cells)
        for task in tasks.keys.sorted() {
          heads(model, scheme, task, stages, &random, &cells)
        }
      }
    }
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    let study: JSONFields = [
      "version": 1, "name": "made-study", "grid": "configs/made.yaml",
      "grid_sha256": .string(String(repeating: "ab", count: 32)), "budget": "total", "total_steps": 10_000,
      "alphas": .array(alphas.map { .double($0) }), "cells": .array(cells.map { .object($0.fields) }),
    ]
    try write(study, to: url.appendingPathComponent("sweep.json"))
    let doneCount = Int((Double(cells.count) * doneShare).rounded())
    for (index, cell) in cells.enumerated() {
      try write(cell, index: index - doneCount, to: url)
    }
  }

  private func write(_ cell: Cell, index: Int, to url: URL) throws {
    guard index < 2 else { return }
    let folder = url.appendingPathComponent("cells/\(cell.id)")
    try FileManager.default.createDirectory(
      at: folder.appendingPathComponent("run"), withIntermediateDirectories: true)
    try write(cell.fields, to: folder.appendingPathComponent("cell.json"))
    if index == 0 { return }
    guard index < 0 else {
      return try write(
        ["code": 1, "message": "step 12: the loss is NaN on slice 3; see run.log", "log": "…"],
        to: folder.appendingPathComponent("failed.json"))
    }
    try write(cell.result, to: folder.appendingPathComponent("result.json"))
    try Data().write(to: folder.appendingPathComponent("DONE"))
    let at = cell.fields["coordinates"]?.object ?? [:]
    guard at["scheme"] != "fp32" else { return }
    try Data(MadeStudy.sites(at["scheme"]?.string ?? "").flatMap { $0.line() }).write(
      to: folder.appendingPathComponent("run/metrics.jsonl"))
  }

  private func write(_ fields: JSONFields, to url: URL) throws {
    try Data(fields.indentedText()).write(to: url)
  }

  private static func node(_ value: Double?) -> JSONNode { value.map(JSONNode.double) ?? JSONNode.null }
  private static func node(_ value: Int?) -> JSONNode { value.map(JSONNode.integer) ?? JSONNode.null }
  private static func node(_ value: String?) -> JSONNode { value.map(JSONNode.string) ?? JSONNode.null }

  private func identifier(_ fields: JSONFields) -> String {
    let hash = String(FNV1a.hash((try? fields.compactText()) ?? []), radix: 16)
    return String((String(repeating: "0", count: 16 - hash.count) + hash).suffix(12))
  }

  private func cell(
    _ kind: String, _ model: String, _ scheme: String, alpha: Double?, task: String?, trunk: Int?, head: Int?,
    parent: String?, steps: Int, baseline: String? = nil
  ) -> Cell {
    var at: JSONFields = [:]
    at["model"] = .string(model)
    at["scheme"] = .string(scheme)
    at["alpha"] = MadeStudy.node(alpha)
    at["task"] = MadeStudy.node(task)
    at["trunk_seed"] = MadeStudy.node(trunk)
    at["head_seed"] = MadeStudy.node(head)
    at["variant"] = ""
    if let baseline { at["baseline"] = .string(baseline) }
    var fields: JSONFields = [:]
    fields["kind"] = .string(kind)
    fields["parent"] = MadeStudy.node(parent)
    fields["coordinates"] = .object(at)
    let id = identifier(fields)
    fields["id"] = .string(id)
    fields["steps"] = .integer(steps)
    fields["tokens"] = .integer(steps * 40_000)
    fields["configuration"] = .object([
      "model": .object(["checkpoint": .string("models/" + model)]),
      "quantization": .object(["scheme": .string(scheme)]),
      "batch": .object(["size": 96]), "optimizer": .object(["learning_rate": .double(1e-4), "schedule": "wsd"]),
      "seed": .integer(head ?? trunk ?? 1),
    ])
    return Cell(id: id, fields: fields)
  }

  private func common(_ cell: Cell, steps: Int, _ random: inout SeededNumbers) -> JSONFields {
    let seconds = Double(steps) * (0.4 + 0.1 * random.uniform())
    var energy: JSONFields = ["method": "none", "scope": "", "kwh": .null]
    if hasEnergy, let first = cell.id.utf8.first {
      let kwh = seconds / 3600 * 0.15
      if first < UInt8(ascii: "8") {
        energy = ["method": "rapl", "scope": "processor packages of 1 host, all programs", "kwh": .double(kwh)]
      } else if first < UInt8(ascii: "a") {
        energy = ["method": "slurm", "scope": "nodes of the job", "kwh": .double(kwh * 1.6)]
      }
    }
    return [
      "version": 1, "id": .string(cell.id), "kind": cell.fields["kind"] ?? .null,
      "fingerprint": .string(String(FNV1a.hash(cell.id.utf8), radix: 16)), "cpu": "Intel(R) Xeon(R) Gold 6248",
      "palier": "0.1.0", "seconds": .double(seconds), "ranks": 4, "threads": 20,
      "core_hours": .double(seconds * 80 / 3600), "steps": .integer(steps), "tokens": .integer(steps * 40_000),
      "energy": .object(energy), "collapsed": [],
    ]
  }

  /// Trunks and branches; by trunk seed and α the branch.
  private func firstStages(
    _ model: String, _ scheme: String, _ random: inout SeededNumbers, _ cells: inout [Cell]
  ) -> [Int: [Double: String]] {
    var stages: [Int: [Double: String]] = [:]
    let positive = alphas.filter { $0 > 0 }
    guard let largest = positive.max() else { return [:] }
    let floor = 1.6 + (scheme == "fp32" ? 0 : scheme.contains("E2") ? 1.2 : scheme.contains("E4") ? 0.4 : 0.15)
    for trunk in trunkSeeds {
      let length = Int(0.9 * largest * 10_000)
      var cell = cell(
        "trunk", model, scheme, alpha: nil, task: nil, trunk: trunk, head: nil, parent: nil, steps: length)
      let shift = 0.02 * random.normal()
      func loss(_ step: Int, _ decay: Double) -> Double {
        floor + shift + 4 * exp(-Double(step) / 900) + 0.35 * (1 - decay) + 0.01 * random.normal()
      }
      cell.result = common(cell, steps: length, &random)
      cell.result["pretraining"] = .array(
        stride(from: 250, through: length, by: 250).map { .object(point($0, loss($0, 0))) })
      cells.append(cell)
      for alpha in positive {
        let (start, end) = (Int(0.9 * alpha * 10_000), Int(alpha * 10_000))
        var branch = self.cell(
          "branch", model, scheme, alpha: alpha, task: nil, trunk: trunk, head: nil, parent: cell.id,
          steps: end - start)
        branch.result = common(branch, steps: end - start, &random)
        branch.result["pretraining"] = .array(
          (0...4).map { part in
            let share = Double(part) / 4
            let step = start + Int(share * Double(end - start))
            return .object(point(step, loss(step, share)))
          })
        cells.append(branch)
        stages[trunk, default: [:]][alpha] = branch.id
      }
    }
    return stages
  }

  private func point(_ step: Int, _ loss: Double) -> JSONFields {
    [
      "step": .integer(step), "tokens": .integer(step * 40_000), "train_loss": .double(loss - 0.05),
      "validation_loss": .double(loss), "validation_accuracy": .double(exp(-loss)),
    ]
  }

  private func heads(
    _ model: String, _ scheme: String, _ task: String, _ stages: [Int: [Double: String]],
    _ random: inout SeededNumbers, _ cells: inout [Cell]
  ) {
    let base = quality(model, scheme, task)
    let ofHead = Dictionary(uniqueKeysWithValues: headSeeds.map { ($0, seedSpread * random.normal()) })
    for alpha in alphas {
      let trunks: [Int?] = alpha == 0 ? [nil] : trunkSeeds.map { $0 }
      for trunk in trunks {
        let ofTrunk = trunk == nil ? 0 : seedSpread * random.normal()
        for head in headSeeds {
          let parent = trunk.flatMap { stages[$0]?[alpha] }
          var cell = cell(
            "head", model, scheme, alpha: alpha, task: task, trunk: trunk, head: head, parent: parent,
            steps: Int((1 - alpha) * 10_000))
          let gain = effect * 4 * alpha * (1 - alpha)
          var share = base + gain + (ofHead[head] ?? 0) + ofTrunk + 0.5 * seedSpread * random.normal()
          let falls = alpha == 0 || head == 2
          if collapses, scheme.contains("E2W2"), model == models.first, falls { share = 0.04 }
          fill(&cell, task, min(max(share, 0.01), 0.995), alpha, &random)
          cells.append(cell)
          guard scheme == "fp32", alpha == 0 else { continue }
          for baseline in baselines {
            var ptq = self.cell(
              "ptq", model, scheme, alpha: alpha, task: task, trunk: nil, head: head, parent: cell.id, steps: 0,
              baseline: baseline)
            let lost = baseline.contains("E8") ? 0.02 : 0.22
            fill(&ptq, task, share - lost, alpha, &random)
            ptq.result["bytes"] = .object(["checkpoint": 440_000_000, "packed": .integer(bytes(baseline))])
            cells.append(ptq)
          }
        }
      }
    }
  }

  private func quality(_ model: String, _ scheme: String, _ task: String) -> Double {
    var base = tasks[task] == "tags" ? 0.93 : 0.58
    if scheme.contains("E4") { base -= 0.03 } else if scheme.contains("E2") { base -= 0.1 }
    if scheme.contains("BitNet") { base -= 0.06 }
    return model == "DrBERT" ? base + 0.02 : base
  }

  private func bytes(_ scheme: String) -> Int {
    let bits = scheme.contains("E8") ? 8 : scheme.contains("E4") ? 4 : scheme.contains("E2") ? 2 : 3
    return 110_000_000 / 8 * bits + 2_700_000
  }

  private func fill(
    _ cell: inout Cell, _ task: String, _ share: Double, _ alpha: Double, _ random: inout SeededNumbers
  ) {
    let isTags = tasks[task] == "tags"
    let scheme = cell.fields["coordinates"]?.object?["scheme"]?.string ?? ""
    var result = common(cell, steps: cell.fields["steps"]?.integer ?? 0, &random)
    var (hits, predicted, gold) = (0, 0, 0)
    result["documents"] = .array(
      (0..<documentCount).map { index -> JSONNode in
        var words = SeededNumbers(seed: UInt64(index) &* 97 &+ 5)
        let many = (isTags ? 60 : 4) + words.below(isTags ? 120 : 14)
        let ease = 0.1 * words.normal() * (isTags ? 0.2 : 1)
        let right = (0..<many).reduce(0) { sum, _ in sum + (random.uniform() < share + ease ? 1 : 0) }
        let claimed = isTags ? many : max(right, many + random.below(3) - 1)
        (hits, predicted, gold) = (hits + right, predicted + claimed, gold + many)
        let id = JSONNode.string("document-\(index)")
        return isTags
          ? .object(["id": id, "right": .integer(right), "words": .integer(many)])
          : .object([
            "id": id, "true_positives": .integer(right), "predicted": .integer(claimed), "gold": .integer(many),
            "strict_true_positives": .integer(right),
          ])
      })
    let score = Double(2 * hits) / Double(predicted + gold)
    let seen = min(score + 0.01 * random.normal() * seedSpread / 0.012, 1)
    func scores(_ value: Double) -> JSONNode {
      isTags
        ? .object(["weighted_f1": .double(value), "accuracy": .double(value), "loss": 0.2])
        : .object(["f1": .double(min(value + 0.004, 1)), "strict_f1": .double(value), "loss": 0.4])
    }
    result["scores"] = .object([
      "task_kind": isTags ? "tags" : "entities", "validation": scores(max(seen, 0)), "test": scores(score),
      "best_step": .integer((cell.fields["steps"]?.integer ?? 0) / 2),
    ])
    if score < 0.2 { result["collapsed"] = [["stage": "token", "reason": "F1 is under 20 %", "step": 5000]] }
    result["bytes"] = .object([
      "checkpoint": 440_000_000, "packed": scheme == "fp32" ? .null : .integer(bytes(scheme)),
    ])
    result["data"] = .object([
      "checkpoint": .string(String(repeating: "c0", count: 32)),
      "train": .string(String(repeating: isTags ? "1a" : "2b", count: 32)),
    ])
    cell.result = result
  }

  /// Sites of a few layers over some looks.
  /// Of a normal distribution on 4 bits.
  private static func counts(spread: Double) -> JSONNode {
    .array((-8...7).map { .integer(Int(100_000 * exp(-Double($0 * $0) / (2 * spread * spread)))) })
  }

  private static func sites(_ scheme: String) -> [JSONFields] {
    var lines: [JSONFields] = [
      ["kind": "step", "global_step": 1, "time": 0, "stage": "token", "loss": 2, "tokens": 4000, "seconds": 0.5]
    ]
    for look in 0...10 {
      for layer in 0..<4 {
        for (name, size) in [
          ("roberta.encoder.layer.\(layer).output.dense.weight_quantizer", 0.02),
          ("roberta.encoder.layer.\(layer).attention.self.input_quantizer", 0.3),
        ] {
          let share = Double(look) / 10
          lines.append([
            "kind": "site", "global_step": .integer(look * 500), "time": 0, "site": .string(name),
            "step_size": .double(size * (1 + 0.2 * Double(layer)) * (1 + 0.5 * share)),
            "clipped_share": .double(0.03 * (1 - 0.7 * share) / Double(layer + 1)),
            "lowest_level": -8, "level_counts": counts(spread: 3.5 - 1.3 * share),
          ])
        }
      }
    }
    return lines
  }
}
