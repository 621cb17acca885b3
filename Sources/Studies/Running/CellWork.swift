import Base
import Checkpoints
import Configuration
import Corpus
import Foundation

/// What a cell has to do, program after program. Each is chosen by what lies in the folder, so that a cell which was
/// stopped at any point goes on from there.
final class CellWork {
  /// What comes next.
  enum Next {
    /// A program; `isOptional`: the cell goes on where it fails.
    case run([String], isOptional: Bool = false)
    /// Another cell makes what this one needs too.
    case wait
    /// Everything is there.
    case done
  }

  let cell: Cell
  private let folder: StudyFolder
  private let launch: LaunchSettings
  private var own: CellFolder { folder.cell(cell.id) }
  /// Programs that ended well since the runner took the cell up.
  private var finished: Set<String> = []
  private var last = ""
  private var storeLock: CellLock?

  init(_ cell: Cell, in folder: StudyFolder, _ launch: LaunchSettings) {
    (self.cell, self.folder, self.launch) = (cell, folder, launch)
  }

  /// The last program ended well, or need not have.
  func noteEnd() {
    finished.insert(last)
    storeLock = nil
  }

  /// - Throws: where a program that ended well did not leave what it should.
  func next() throws -> Next {
    let next = try choose()
    guard case .run(let words, _) = next else { return next }
    last = words.joined(separator: "\u{0}")
    guard !finished.contains(last) else {
      throw StudyError.badOutput(
        path: own.url.path, reason: "palier \(words[0]) ended well and left nothing to go on from")
    }
    return next
  }

  private func choose() throws -> Next {
    switch cell.kind {
    case .trunk: return try nextOfTrunk()
    case .branch, .stage: return try nextOfFirstStage()
    case .head: return try nextOfHead()
    case .ptq: return try nextOfQuantized()
    }
  }

  private func isFinished(_ words: [String]) -> Bool { finished.contains(words.joined(separator: "\u{0}")) }

  // MARK: - First stages

  /// A trunk goes from point to point: each is the end of a run of so many steps, which the next continues.
  private func nextOfTrunk() throws -> Next {
    if let next = try nextOfStore() { return next }
    for point in cell.points where !AtomicFolder.isComplete(own.points.url(ofStep: point)) {
      let reached = own.checkpoints.url(ofStep: point)
      if AtomicFolder.isComplete(reached) {
        try LinkedFolder.make(of: reached, at: own.points.url(ofStep: point))
        continue
      }
      var c = try runConfiguration()
      c.budget.totalSteps = point
      c.evaluation.points = max(1, c.evaluation.points * point / max(cell.steps, 1))
      try write(c)
      return .run(
        train(allowing: ["budget.total_steps", "evaluation.points"]) + ["--set", "budget.total_steps=\(point)"])
    }
    return .done
  }

  private func nextOfFirstStage() throws -> Next {
    if let next = try nextOfStore() { return next }
    if cell.kind == .branch, own.checkpoints.complete().isEmpty, let parent = cell.parent {
      // A run folder is known by its lock.
      try createFolders(own.checkpoints.folder.path)
      _ = FileManager.default.createFile(atPath: own.run.appendingPathComponent(".lock").path, contents: nil)
      try LinkedFolder.make(
        of: folder.cell(parent).points.url(ofStep: cell.leavesAt), at: own.checkpoints.url(ofStep: cell.leavesAt))
    }
    let allowed =
      ["budget.total_steps", "evaluation.points"]
      + ["schedule", "final_share", "decay_share", "decay_shape"].map { "optimizer.\($0)" }
    let words = train(allowing: cell.kind == .branch ? allowed : [])
    if isFinished(words) { return .done }
    try write(try runConfiguration())
    return .run(words)
  }

  /// The token store of the cell's text, which cells of the same text and tokenizer share; nil once it is there.
  private func nextOfStore() throws -> Next? {
    let settings = cell.configuration.pretraining
    guard !settings.text.isEmpty else { return nil }
    let store = try store()
    if (try? TokenStore(folder: store)) != nil { return nil }
    try createFolders(folder.stores.path)
    guard let lock = try CellLock.take(store.appendingPathExtension("lock")) else { return .wait }
    // Made by another between the look and the lock.
    if (try? TokenStore(folder: store)) != nil { return nil }
    if PathKind(store) != .absent { try FileManager.default.removeItem(at: store) }
    storeLock = lock
    var words = ["tokenize", "--tokenizer", cell.configuration.model.tokenizer, "--out", store.path]
    words += ["--layout", settings.documentLayout.rawValue]
    if settings.dropDuplicates { words.append("--drop-duplicates") }
    return .run(words + settings.text)
  }

  private var storeName: String?

  private func store() throws -> URL {
    if storeName == nil {
      let settings = cell.configuration.pretraining
      let prints = DataFingerprints()
      var identity = CellIdentity(work: "store")
      for (part, print) in try prints.stream(settings) { identity.note(part, print) }
      identity.note("tokenizer", try prints.tokenizer(cell.configuration.model.tokenizer))
      identity.note("drop_duplicates", "\(settings.dropDuplicates)")
      storeName = identity.id
    }
    return folder.stores.appendingPathComponent(storeName ?? "", isDirectory: true)
  }

  // MARK: - Heads

  private func nextOfHead() throws -> Next {
    let words = train(allowing: [])
    guard isFinished(words) else {
      try write(try runConfiguration())
      return .run(words)
    }
    if let next = nextOfScores(own.checkpoints.best, splits: ["test"]) { return next }
    return nextOfPacking(own.checkpoints.best)
  }

  private func nextOfQuantized() throws -> Next {
    guard let parent = cell.parent else { return .done }
    if !AtomicFolder.isComplete(own.quantized) {
      try write(try runConfiguration())
      let c = cell.configuration
      var words = ["quantize", folder.cell(parent).checkpoints.best.path, "--scheme", c.quantization.scheme.name]
      words += ["--calibrate", cell.calibration, "--config", own.configuration.path, "--out", own.quantized.path]
      words += ["--granularity", c.weights.granularity.rawValue]
      words += c.quantization.exclude.flatMap { ["--exclude", $0] }
      return .run(words)
    }
    if let next = nextOfScores(own.quantized, splits: ["validation", "test"]) { return next }
    return nextOfPacking(own.quantized)
  }

  private func nextOfScores(_ checkpoint: URL, splits: [String]) -> Next? {
    for split in splits {
      let words = [
        "evaluate", checkpoint.path, "--config", own.configuration.path, "--split", split, "--by-document",
        own.documents(split).path, "--overwrite",
      ]
      if !isFinished(words) { return .run(words) }
    }
    return nil
  }

  /// A packed copy, to know its size: made, measured by `CellResult`, and removed.
  private func nextOfPacking(_ checkpoint: URL) -> Next {
    guard cell.configuration.quantization.scheme.isQuantized else { return .done }
    let packed = own.packed
    let words = ["pack", checkpoint.path, "--out", packed.path]
    if isFinished(words) { return .done }
    own.remove(packed)
    return .run(words, isOptional: true)
  }

  // MARK: - Configurations

  private func train(allowing keys: [String]) -> [String] {
    let changes = keys.isEmpty ? [] : ["--allow-changes", keys.joined(separator: ",")]
    return ["train", own.configuration.path, "--resume"] + changes
  }

  private func write(_ configuration: RunConfiguration) throws {
    try replaceFile(at: own.configuration, with: Array(configuration.resolvedYAML().utf8))
  }

  /// The cell's configuration with its places, and with what moves no bit as a sweep wants it.
  private func runConfiguration() throws -> RunConfiguration {
    var c = cell.configuration
    c.output = own.run.path
    c.checkpoints.keepLast = 1
    c.evaluation.testAtEnd = false
    if launch.threads > 0 { c.compute.threads = launch.threads }
    if !c.pretraining.text.isEmpty {
      c.pretraining.store = try store().path
      (c.pretraining.text, c.pretraining.dropDuplicates) = ([], false)
    }
    if cell.kind == .head, let parent = cell.parent {
      c.model.checkpoint = folder.cell(parent).checkpoints.alpha.path
    }
    return c
  }
}

extension CellFolder {
  /// A packed copy of the cell's checkpoint, for as long as its size is measured.
  var packed: URL { url.appendingPathComponent("packed", isDirectory: true) }
}
