import Base
import Checkpoints
import Compute
import Encoder
import Foundation
import Models
import Ranks
import Training

/// What a checkpoint folder holds, in words.
struct CheckpointView {
  private let url: URL
  private let folder: HuggingFaceFolder
  private let facts: PalierMetadata
  private let head: Head

  init(_ url: URL) throws {
    self.url = url
    (folder, facts, head) = try CheckpointModel.describe(url)
  }

  func show(tensors: Bool, steps: Bool, verify: Bool) throws {
    showSizes()
    try showProgress()
    if let labels = folder.config.labels, case .tokenClassification = head {
      Output.say("labels:       \(labels.count): \(labels.map(oneLine).joined(separator: " "))")
    }
    try StepListing(folder.weights).show(all: steps)
    showCodes()
    if tensors { TensorListing(folder.packedTensors?.stored ?? folder.weights).show(all: true) }
    if verify {
      try AtomicFolder.verify(url)
      Output.say("checksums:    all files are as written")
    }
  }

  private func showSizes() {
    let c = folder.config
    Output.say("checkpoint:   \(url.path)")
    Output.say("architecture: \(c.architectures.map(oneLine).joined(separator: ", ")) (\(c.modelType))")
    Output.say(
      "sizes:        \(counted(c.layerCount, "layer")), hidden \(c.hiddenSize), \(counted(c.headCount, "head")), "
        + "intermediate \(c.intermediateSize), vocabulary \(c.vocabularySize), \(c.positionCount) positions "
        + "(sequences of at most \(c.longestSequence) tokens)")
    Output.say("head:         \(headText)")
    let listing = TensorListing(folder.weights)
    Output.say(
      "weights:      \(folder.weightsFileName), \(counted(listing.tensors.count, "tensor")), "
        + "\(grouped(listing.parameterCount)) parameters, \(listing.types)")
    if folder.packedTensors != nil { Output.say("form:         packed (compressed-tensors pack-quantized)") }
    Output.say("scheme:       \(facts.isPresent ? oneLine(facts.scheme.title) : "none noted: not written by Palier")")
  }

  /// The packed form, and what tells the codes of a quantized checkpoint from others'.
  private func showCodes() {
    do {
      if let sizes = try PackedSizes(of: folder) { PackedView(sizes).show() }
      guard facts.scheme.isQuantized, let digest = try codes else { return }
      Output.say("codes:        \(grouped(digest.count)), SHA-256 \(digest.sha256)")
    } catch {
      Output.say("codes:        cannot be made: \(oneLine(shownError(error)))")
    }
  }

  /// nil where steps of weights or tables are missing: what would be measured anew are no codes of the checkpoint.
  private var codes: CodeDigest? {
    get throws {
      Threads.use(try CPUSet.ofThisThread().count)
      let opened = try CheckpointModel(url, trains: false)
      return opened.report.initialisedSteps.isEmpty ? CodeDigest(of: opened.model) : nil
    }
  }

  private var headText: String {
    switch head {
    case .maskedLanguageModel(let tied):
      tied ? "masked-LM, decoder tied to the word table" : "masked-LM, decoder of its own"
    case .tokenClassification(let count):
      "token classification, \(count) labels" + (facts.task.map { " (\($0.rawValue))" } ?? "")
    case .none: "none"
    }
  }

  private func showProgress() throws {
    if let step = facts.globalStep {
      Output.say("written at:   step \(step)" + (facts.stage.map { ", stage \($0.rawValue)" } ?? "") + version)
    }
    if !facts.arithmetic.isEmpty {
      Output.say(
        "arithmetic:   " + facts.arithmetic.map { oneLine("\($0.name) \($0.value)") }.joined(separator: ", "))
    }
    if let made = facts.postTraining { Output.say("quantized:    after training: " + oneLine(made.words)) }
    if let set = facts.postTraining?.data {
      Output.say("from:         " + oneLine("calibration, \(set.names.joined(separator: ", ")), SHA-256 \(set.sha256)"))
    }
    if let average = facts.average { Output.say("average:      " + oneLine(average)) }
    if let origin = facts.provenance { show(origin) }
    for change in facts.changes { Output.say("changed:      " + oneLine(change)) }
    guard TrainerStateFile.isPresent(in: url) else { return }
    let state = try TrainerStateFile(url)
    let progress: RunProgress
    do { progress = try RunProgress(state) } catch {
      Output.say("trainer:      cannot be resumed: \(oneLine(shownError(error)))")
      return
    }
    let best =
      progress.bestScore.map { String(format: ", best score %.4f at step %d", $0, progress.bestStep ?? 0) } ?? ""
    Output.say(
      "trainer:      step \(progress.globalStep), \(progress.stageStep) of its stage, "
        + "\(grouped(progress.tokenCount)) tokens, \(String(format: "%.0f", progress.seconds)) s\(best); can be resumed"
    )
    Output.say("run:          \(oneLine(progress.identity))")
  }

  private func show(_ origin: Provenance) {
    Output.say(
      "trained:      \(origin.pretrainingSteps) + \(origin.fineTuningSteps) steps (alpha \(origin.alpha)), "
        + "batch \(origin.batchSize), seed \(origin.seed)")
    for source in origin.data {
      let names = source.names.prefix(4).joined(separator: ", ") + (source.names.count > 4 ? ", …" : "")
      Output.say("from:         " + oneLine("\(source.part), \(source.key) \(names), SHA-256 \(source.sha256)"))
    }
    guard let measured = origin.measured else { return }
    let figures = measured.figures.map { $0.name + String(format: " %.4f", $0.value) }.joined(separator: ", ")
    Output.say("scores:       " + oneLine("\(measured.split), step \(measured.globalStep): \(figures)"))
  }

  private var version: String { facts.version.map { ", by palier \(oneLine($0))" } ?? "" }
}

/// The tensors of a file.
struct TensorListing {
  let tensors: [TensorDescription]

  init(_ source: any TensorSource) { tensors = source.tensors.values.sorted { $0.name < $1.name } }

  /// Elements of the model's own tensors: no quantizer, no table of positions kept as whole numbers.
  var parameterCount: Int {
    tensors.reduce(0) { $0 + ($1.dtype.isInteger || $1.name.contains("_quantizer.") ? 0 : $1.elementCount) }
  }

  /// "F32" or "72 F32, 1 I64".
  var types: String {
    let counts = Dictionary(grouping: tensors, by: \.dtype.rawValue).mapValues(\.count)
    if counts.count == 1, let only = counts.keys.first { return only }
    return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.value) \($0.key)" }.joined(
      separator: ", ")
  }

  func show(all: Bool) {
    var table = TextTable(["tensor", "type", "shape", "elements"], right: [3])
    for tensor in tensors {
      table.add([tensor.name, tensor.dtype.rawValue, "\(tensor.shape)", grouped(tensor.elementCount)])
    }
    Output.say(table.text)
    Output.say("\(counted(tensors.count, "tensor")), \(grouped(parameterCount)) parameters")
  }
}

/// The step sizes of a checkpoint's quantizer sites.
struct StepListing {
  /// A step, or the range of those of rows.
  private static func shown(_ steps: [Float]) -> String {
    guard steps.count > 1, let least = steps.min(), let most = steps.max() else {
      return String(format: "%.6e", steps.first ?? .nan)
    }
    return String(format: "%.6e to %.6e", least, most)
  }

  /// One step, or one a row.
  private let sites: [(name: String, steps: [Float], offset: Float?)]

  init(_ source: any TensorSource) throws {
    sites = try source.tensors.keys.filter { $0.hasSuffix("_quantizer.step") }.sorted().map { key in
      let offset = String(key.dropLast("step".count)) + "offset"
      let hasOffset = source.tensors[offset] != nil
      return (
        String(key.dropLast(".step".count)), try source.floats(key),
        hasOffset ? try source.floats(offset).first : nil
      )
    }
  }

  /// Every site, or the range of each kind.
  func show(all: Bool) {
    guard !sites.isEmpty else { return }
    guard all else {
      var title = "step sizes:   "
      for (kind, suffix) in [
        ("tables", "embeddings"), ("weights", "weight_quantizer"), ("activations", "input_quantizer"),
      ] {
        let isTable = { (name: String) in name.contains(".embeddings.") }
        let mine = sites.filter {
          kind == "tables" ? isTable($0.name) : !isTable($0.name) && $0.name.hasSuffix(suffix)
        }
        let steps = mine.flatMap(\.steps)
        guard let least = steps.min(), let most = steps.max() else { continue }
        let rows = steps.count > mine.count ? " (\(grouped(steps.count)) steps, one a row)" : ""
        Output.say(
          title + "\(kind): \(counted(mine.count, "site"))\(rows), " + String(format: "%.3e to %.3e", least, most))
        title = "              "
      }
      Output.say("              (each one: --steps)")
      return
    }
    var table = TextTable(["site", "step", "offset"], right: [1, 2])
    for site in sites {
      table.add([site.name, StepListing.shown(site.steps), site.offset.map { String(format: "%.6e", $0) } ?? ""])
    }
    Output.say(table.text)
  }
}
