import Base
import Checkpoints
import Corpus
import Encoder
import Foundation
import Quantization

/// A checkpoint as an ONNX model with explicit integer operators, for other engines.
///
/// Inputs `input_ids` and `attention_mask`, int64 `[batch, sequence]`; output `logits`, float32 `[batch, sequence,
/// classes]`, those of the token classifier or the masked-LM head. Codes of weights and tables are the checkpoint's;
/// those of activations are made by the same division, clip and rounding, of values that another engine's norms, GELU
/// and softmax round differently in their last bit.
public enum ONNXExport {
  /// What was written.
  public struct Report: Sendable {
    public let scheme: Scheme
    public let byteCount: Int
    public let nodeCount: Int
    /// Of all codes, as `palier inspect` shows it; nil where there are none.
    public let digest: CodeDigest?
  }

  /// Writes the checkpoint at `source` as the file `output`, where nothing may be; complete or not at all.
  /// - Throws: `ONNXError`, `ModelError`, and what the folder or the disk brings.
  public static func write(_ source: URL, to output: URL) throws -> Report {
    let checkpoint = try CheckpointModel(source, trains: false)
    try requireExpressible(checkpoint, source.path)
    let model = checkpoint.model
    model.setLevelScales()
    let digest = CodeDigest(of: model)
    let builder = try ONNXBuilder(model, path: source.path)
    let file = ONNXFile(
      graph: builder.graph, name: "palier", documentation: documentation(of: checkpoint),
      metadata: try metadata(of: checkpoint, digest, source))
    let byteCount = try file.write(to: output)
    return Report(
      scheme: checkpoint.facts.scheme, byteCount: byteCount, nodeCount: builder.graph.nodes.count, digest: digest)
  }

  /// Throws where a checkpoint has no such form, or lacks what belongs into it.
  private static func requireExpressible(_ checkpoint: CheckpointModel, _ path: String) throws {
    let (scheme, model, report) = (checkpoint.facts.scheme, checkpoint.model, checkpoint.report)
    if model.rules.sites.contains(where: { $0.values.contains { $0.offset == .real } }) {
      throw ONNXError.realOffset(path: path, scheme: scheme.title)
    }
    let missing = report.initialisedSteps + report.drawn + report.unmeasuredSites.map { $0 + ".step" }
    if let first = missing.min() {
      throw ModelError.missingTensor(name: first, path: checkpoint.folder.weights.path)
    }
  }

  private static func documentation(of checkpoint: CheckpointModel) -> String {
    let config = checkpoint.folder.config
    return
      "An encoder of scheme \(checkpoint.facts.scheme.title). input_ids and attention_mask are [batch, sequence]; a "
      + "sequence begins with <s> and ends with </s>, has at most \(config.longestSequence) tokens, and is padded behind "
      + "its end with id \(config.padTokenID) and mask 0."
  }

  private static func metadata(
    of checkpoint: CheckpointModel, _ digest: CodeDigest?, _ source: URL
  ) throws -> [NamedText] {
    let config = checkpoint.folder.config
    var metadata = [
      NamedText("scheme", checkpoint.facts.scheme.title), NamedText("longest_sequence", "\(config.longestSequence)"),
      NamedText("pad_token_id", "\(config.padTokenID)"),
    ]
    if case .tokenClassification = checkpoint.model.head, let labels = config.labels {
      var names = JSONFields()
      for (i, label) in labels.enumerated() { names["\(i)"] = .string(label) }
      metadata.append(NamedText("id2label", String(decoding: try names.compactText(), as: UTF8.self)))
    }
    if let task = checkpoint.facts.task { metadata.append(NamedText("task", task.rawValue)) }
    if let digest {
      metadata += [NamedText("codes", "\(digest.count)"), NamedText("codes_sha256", digest.sha256)]
    }
    let tokenizer = source.appendingPathComponent(Tokenizer.modelFileName)
    if PathKind(tokenizer) == .file {
      metadata.append(NamedText("tokenizer_sha256", try HuggingFaceFolder.fingerprint(ofFileAt: tokenizer)))
    }
    return metadata
  }
}
