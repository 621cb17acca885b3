import Base
import Checkpoints
import Configuration
import Foundation
import Quantization

/// What a cell came to: `result.json`, made of what its programs left.
struct CellResult {
  private let cell: Cell
  private let folder: StudyFolder
  private let own: CellFolder
  /// Seconds of the cell's programs as the runner saw them, for those that note none.
  private let seconds: Double

  init(_ cell: Cell, in folder: StudyFolder, seconds: Double) {
    (self.cell, self.folder, self.seconds) = (cell, folder, seconds)
    own = folder.cell(cell.id)
  }

  /// Writes the file.
  /// - Throws: `StudyError.badOutput` where a program left less than it should.
  func write() throws { try replaceFile(at: own.result, with: try fields().indentedText(quotesNotFinite: true)) }

  private func fields() throws -> JSONFields {
    var fields = JSONFields()
    fields.add("version", StudyFolder.formatVersion)
    fields.add("id", cell.id)
    fields.add("kind", cell.kind.rawValue)
    let records = cell.kind == .ptq ? nil : try RunRecords(own.run.appendingPathComponent("metrics.jsonl"))
    let before = try startOfBranch()
    let best = try bestStep()
    fields["fingerprint"] = records?.fingerprint(at: cell.kind == .head ? best : nil).map(JSONNode.string) ?? .null
    addConduct(records, before, to: &fields)
    addEnergy(records, before, to: &fields)
    let collapses = records?.last("end")?["collapses"]?.array ?? []
    fields["collapsed"] = .array(collapses.compactMap(\.object).map { JSONNode.object(collapse($0)) })
    addCourse(records, before, to: &fields)
    if cell.kind == .head || cell.kind == .ptq { try addScores(records, best, to: &fields) }
    addSizes(to: &fields)
    addData(records, to: &fields)
    return fields
  }

  // MARK: - Cost

  /// What a run had come to when a branch left it.
  private struct Start {
    var seconds = 0.0
    var tokens = 0
    var joules = 0.0
  }

  /// The trunk's share, which the branch's run counts as its own past.
  private func startOfBranch() throws -> Start {
    guard cell.kind == .branch, let parent = cell.parent else { return Start() }
    let file = folder.cell(parent).points.url(ofStep: cell.leavesAt).appendingPathComponent("trainer.json")
    let state = try JSONFields(readingFileAt: file)
    let text = Array((state["values"]?.object?["progress"]?.string ?? "").utf8)
    let progress = text.withUnsafeBytes { try? JSONReader.node(in: $0).object }
    return Start(
      seconds: progress?["seconds"]?.double ?? 0, tokens: progress?["tokenCount"]?.integer ?? 0,
      joules: progress?["joules"]?.double ?? 0)
  }

  private func addConduct(_ records: RunRecords?, _ before: Start, to fields: inout JSONFields) {
    let (start, end) = (records?.last("start"), records?.last("end"))
    let (ranks, threads) = (start?["ranks"]?.integer ?? 1, start?["threads"]?.integer ?? 1)
    let spent = (end?["seconds"]?.double).map { max($0 - before.seconds, 0) } ?? seconds
    fields["cpu"] = CPUInfo.current.modelName.map(JSONNode.string) ?? .null
    fields.add("palier", start?["palier"]?.string ?? PalierVersion.text)
    if let arithmetic = start?["arithmetic"] { fields["arithmetic"] = arithmetic }
    fields.add("seconds", spent)
    fields.add("ranks", ranks)
    fields.add("threads", threads)
    fields.add("core_hours", spent * Double(ranks * threads) / 3600)
    fields.add("steps", cell.steps)
    fields.add("tokens", (end?["tokens"]?.integer).map { max($0 - before.tokens, 0) } ?? 0)
    if let skipped = end?["skipped_steps"]?.integer, skipped > 0 { fields.add("skipped_steps", skipped) }
  }

  /// Energy as it was read; without counters there is no figure here, and a report may model one.
  private func addEnergy(_ records: RunRecords?, _ before: Start, to fields: inout JSONFields) {
    let end = records?.last("end")
    fields.add("energy") { inner in
      guard let joules = end?["joules"]?.double else {
        inner.add("method", "none")
        inner.add("scope", "no energy counters could be read")
        inner["kwh"] = .null
        return
      }
      inner.add("method", "rapl")
      inner.add("scope", end?["energy_method"]?.string ?? "processor packages")
      inner.add("kwh", max(joules - before.joules, 0) / 3.6e6)
    }
  }

  // MARK: - Course

  private func collapse(_ found: JSONFields) -> JSONFields {
    var fields = JSONFields()
    fields["stage"] = found["stage"] ?? .null
    fields["reason"] = found["reason"] ?? .null
    fields["step"] = found["global_step"] ?? .null
    fields["site"] = found["first_site"]?.object?["site"] ?? .null
    return fields
  }

  private func addCourse(_ records: RunRecords?, _ before: Start, to fields: inout JSONFields) {
    guard let records else { return }
    let losses = records.losses
    fields.add("loss") { inner in
      inner["first"] = losses.first.map(JSONNode.double) ?? .null
      inner["last"] = losses.last.map(JSONNode.double) ?? .null
    }
    guard cell.kind.isFirstStage else { return }
    fields["pretraining"] = .array(records.pretraining(tokensBefore: before.tokens).map(JSONNode.object))
  }

  // MARK: - Scores

  /// The step of the best checkpoint, as that says itself.
  private func bestStep() throws -> Int? {
    guard cell.kind == .head else { return nil }
    let file = own.checkpoints.best.appendingPathComponent("config.json")
    guard let fields = try? JSONFields(readingFileAt: file) else {
      throw StudyError.badOutput(
        path: file.path, reason: "the head left no best checkpoint: see log.txt in \(own.url.path)")
    }
    return fields["palier"]?.object?["global_step"]?.integer
  }

  private func addScores(_ records: RunRecords?, _ best: Int?, to fields: inout JSONFields) throws {
    let test = try documents("test")
    let isEntities = test["task"]?.string == "entities"
    var validation = best.flatMap { records?.evaluation(at: $0) }
    if cell.kind == .ptq { validation = try documents("validation")["scores"]?.object }
    fields.add("scores") { inner in
      inner.add("task_kind", isEntities ? "entities" : "tags")
      inner["validation"] = .object(Self.scores(validation ?? JSONFields()))
      inner["test"] = .object(Self.scores(test["scores"]?.object ?? JSONFields()))
      inner["best_step"] = best.map(JSONNode.integer) ?? .null
    }
    fields["documents"] = test["documents"] ?? .array([])
  }

  /// What `palier evaluate --by-document` wrote.
  private func documents(_ split: String) throws -> JSONFields {
    let file = own.documents(split)
    guard let fields = try? JSONFields(readingFileAt: file), fields["documents"]?.array != nil else {
      throw StudyError.badOutput(path: file.path, reason: "palier evaluate left no scores by document there")
    }
    return fields
  }

  private static func scores(_ found: JSONFields) -> JSONFields {
    var scores = JSONFields()
    for name in ["f1", "strict_f1", "precision", "recall", "weighted_f1", "accuracy", "loss"] {
      if let value = found[name] { scores[name] = value }
    }
    return scores
  }

  // MARK: - Sizes and data

  private func addSizes(to fields: inout JSONFields) {
    let checkpoint =
      switch cell.kind {
      case .head: own.checkpoints.best
      case .ptq: own.quantized
      case .trunk: own.points.url(ofStep: cell.points.last ?? 0)
      case .branch, .stage: own.checkpoints.alpha
      }
    fields.add("bytes") { inner in
      inner["checkpoint"] = Self.tensorBytes(checkpoint).map(JSONNode.integer) ?? .null
      inner["packed"] = Self.tensorBytes(own.packed).map(JSONNode.integer) ?? .null
    }
  }

  /// Bytes of the files of tensors of a model, without a trainer's state.
  private static func tensorBytes(_ folder: URL) -> Int? {
    guard let names = try? namesInFolder(folder.path) else { return nil }
    let sizes = names.filter { $0.hasSuffix(".safetensors") && !$0.hasPrefix("trainer") }.compactMap {
      try? folder.appendingPathComponent($0).resourceValues(forKeys: [.fileSizeKey]).fileSize
    }
    return sizes.isEmpty ? nil : sizes.reduce(0, +)
  }

  private func addData(_ records: RunRecords?, to fields: inout JSONFields) {
    let start = records?.last("start")
    var data = start?["data"]?.object ?? JSONFields()
    data["audit"] = start?["audit"]
    fields["data"] = .object(data)
  }
}
