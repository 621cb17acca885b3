import Base
import Checkpoints
import Compute
import Encoder
import Foundation
import Quantization

/// A checkpoint as its codes: a folder that transformers opens with the package compressed-tensors, and Palier as any other.
///
/// Tables, the layers' matrices and quantized heads are codes of exactly their bits, with their scales; all else is float32. The
/// decoder of a masked-LM head that is tied to the word table becomes a tensor of its own, in float32 or as codes of
/// `heads.weights`: it multiplies the table *before* quantization, which the table's codes do not hold.
public enum PackedExport {
  /// How the embedding tables are stored.
  public enum Tables: String, CaseIterable, Sendable {
    /// As codes.
    case packed
    /// As the values of their codes, for readers that open no packed tables.
    case float32
  }

  /// What was written.
  public struct Report: Sendable {
    public let scheme: Scheme
    public let sizes: PackedSizes
    public let digest: CodeDigest
    /// The activation sites whose codes another program's quantizer makes by another rule, or not at all.
    public let unequalSites: [String]
  }

  /// Packs the checkpoint at `source` into the folder `output` (complete or not at all).
  public static func write(_ source: URL, to output: URL, tables: Tables = .packed) throws -> Report {
    let checkpoint = try CheckpointModel(source, trains: false)
    try requirePackable(checkpoint, source.path)
    let model = checkpoint.model
    guard let digest = CodeDigest(of: model) else {
      throw ModelError.wideCodes(path: source.path, scheme: checkpoint.facts.scheme.title)
    }
    let form = PackedForm(checkpoint.facts.scheme, layerCount: model.dimensions.layerCount, tables: tables)
    let writing = try PackedWriting(model, form, path: source.path)
    let config = config(of: checkpoint, writing, digest)
    try withExtendedLifetime(checkpoint) {
      try AtomicFolder.write(to: output) { stage in
        try HuggingFaceFolder.write(
          into: stage, config: config, tensors: writing.tensors.views, tokenizerFrom: source,
          card: ModelCard.text(config))
        guard !writing.quantizers.views.isEmpty else { return }
        try stage.write(HuggingFaceFolder.quantizersFileName) {
          try SafetensorsWriter.write(writing.quantizers.views, to: $0)
        }
      }
    }
    let written = try HuggingFaceFolder.reading(output)
    guard let sizes = try PackedSizes(of: written) else {
      throw ModelError.packedForm(path: output.path, what: "is not read back as a packed folder")
    }
    return Report(
      scheme: checkpoint.facts.scheme, sizes: sizes, digest: digest, unequalSites: writing.unequalSites)
  }

  /// Throws where a checkpoint has no packed form, or lacks what belongs into it.
  private static func requirePackable(_ checkpoint: CheckpointModel, _ path: String) throws {
    let (scheme, model) = (checkpoint.facts.scheme, checkpoint.model)
    guard scheme.isQuantized else { throw ModelError.nothingToPack(path) }
    if model.rules.sites.contains(where: { $0.values.contains { $0.offset == .real } }) {
      throw ModelError.realOffset(path: path, scheme: scheme.title)
    }
    if model.quantizedMatrices.contains(where: { $0.rule.packedBits == nil }) {
      throw ModelError.wideCodes(path: path, scheme: scheme.title)
    }
    let missing =
      checkpoint.report.initialisedSteps + checkpoint.report.drawn
      + checkpoint.report.unmeasuredSites.map { $0 + ".step" }
    if let first = missing.min() {
      throw ModelError.missingTensor(name: first, path: checkpoint.folder.weights.path)
    }
  }

  private static func config(
    of checkpoint: CheckpointModel, _ writing: PackedWriting, _ digest: CodeDigest
  ) -> HuggingFaceConfig {
    var config = checkpoint.folder.config
    if case .maskedLanguageModel = checkpoint.model.head { config.tiesWordEmbeddings = false }
    config.fields[PackedForm.section] = .object(writing.form.fields(packed: writing.packed, others: writing.others))
    var facts = config.fields[ModelCheckpointIO.palierSection]?.object ?? JSONFields()
    var packed: JSONFields = [
      "version": .string(PalierVersion.text), "tables": .string(writing.form.tables.rawValue),
      "codes": .integer(digest.count), "codes_sha256": .string(digest.sha256),
    ]
    if !writing.unequalSites.isEmpty {
      packed["activations_unequal_elsewhere"] = .array(writing.unequalSites.map { .string($0) })
    }
    facts[PackedForm.palierKey] = .object(packed)
    config.fields[ModelCheckpointIO.palierSection] = .object(facts)
    return config
  }
}
