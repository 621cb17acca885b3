import Base
import Foundation

/// A checkpoint folder as transformers writes it: `config.json`, weights, and perhaps a tokenizer.
public struct HuggingFaceFolder {
  /// The folder.
  public let url: URL
  /// Its `config.json`.
  public let config: HuggingFaceConfig
  /// Its tensors, named as in `RobertaForMaskedLM` (`roberta.…`, `lm_head.…`, `classifier.…`).
  public let weights: any TensorSource
  /// The file that the weights come from: `model.safetensors`, `model.safetensors.index.json` or `pytorch_model.bin`.
  public let weightsFileName: String
  /// What stood in place of `roberta.` in the file: `roberta.`, `camembert.`, or nothing.
  public let encoderPrefix: String

  /// The prefix of all encoder tensors here.
  public static let prefix = "roberta."
  /// What compressed-tensors adds to the name of a weight that it packed.
  package static let packedSuffix = "_packed"
  /// Steps of a packed folder that have no place among its tensors.
  package static let quantizersFileName = "quantizers.safetensors"
  private static let wordEmbeddings = "embeddings.word_embeddings.weight"

  /// Opens the folder at `url`: safetensors first, then a sharded index, then PyTorch's file.
  ///
  /// - Throws: `notAFolder`, `noWeights`, `noEncoder`, `collidingNames`, and what the config and the weight file bring.
  public init(_ url: URL) throws {
    switch PathKind(url.path) {
    case .absent: throw FileError.missing(path: url.path)
    case .folder: break
    default: throw FileError.notAFolder(path: url.path)
    }
    self.url = url
    config = try HuggingFaceConfig(readingFileAt: url.appendingPathComponent("config.json"))
    let (source, fileName) = try HuggingFaceFolder.openWeights(url)
    weightsFileName = fileName
    encoderPrefix = try HuggingFaceFolder.encoderPrefix(source)
    weights = try HuggingFaceFolder.renamed(source, from: encoderPrefix)
  }

  /// The same folder as another room reads it.
  package func with(config: HuggingFaceConfig, weights: any TensorSource) -> HuggingFaceFolder {
    HuggingFaceFolder(self, config: config, weights: weights)
  }

  private init(_ folder: HuggingFaceFolder, config: HuggingFaceConfig, weights: any TensorSource) {
    (url, weightsFileName, encoderPrefix) = (folder.url, folder.weightsFileName, folder.encoderPrefix)
    (self.config, self.weights) = (config, weights)
  }

  private static func openWeights(_ folder: URL) throws -> (any TensorSource, String) {
    func present(_ name: String) -> URL? {
      let url = folder.appendingPathComponent(name)
      return PathKind(url.path) == .absent ? nil : url
    }
    if let url = present("model.safetensors") { return (try SafetensorsFile(url), url.lastPathComponent) }
    if let url = present("model.safetensors.index.json") {
      return (try ShardedSafetensors(index: url), url.lastPathComponent)
    }
    if let url = present("pytorch_model.bin") { return (try PyTorchFile(url), url.lastPathComponent) }
    throw CheckpointError.noWeights(folder: folder.path)
  }

  /// The prefix under which the word embeddings stand.
  private static func encoderPrefix(_ source: any TensorSource) throws -> String {
    for candidate in [prefix, "camembert.", ""] {
      let name = candidate + wordEmbeddings
      if source.tensors[name] != nil || source.tensors[name + packedSuffix] != nil { return candidate }
    }
    throw CheckpointError.noEncoder(file: source.path, expected: prefix + wordEmbeddings)
  }

  private static func renamed(_ source: any TensorSource, from found: String) throws -> any TensorSource {
    if found == prefix { return source }
    // Without a prefix, the encoder's three parts tell its tensors from those of the heads.
    let parts = found.isEmpty ? ["embeddings.", "encoder.", "pooler."] : [found]
    return try RenamedTensors(source) { name in
      parts.contains { name.hasPrefix($0) } ? prefix + name.dropFirst(found.count) : name
    }
  }
}

extension HuggingFaceFolder {
  /// The files of a tokenizer, copied from folder to folder where they are there.
  public static let tokenizerFileNames = [
    "sentencepiece.bpe.model", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json",
  ]

  /// Adds `config.json`, `model.safetensors` and the tokenizer files of `tokenizerFolder` to a folder being written.
  /// - Parameter card: the text of its model card, `README.md`; nil writes none.
  public static func write(
    into stage: AtomicFolder.Stage, config: HuggingFaceConfig, tensors: [TensorView],
    tokenizerFrom tokenizerFolder: URL?, card: String? = nil
  ) throws {
    try stage.write("config.json", text: config.updatedFields)
    if let card { try stage.write("README.md") { try $0.write(Array(card.utf8)) } }
    try stage.write("model.safetensors") { try SafetensorsWriter.write(tensors, to: $0) }
    guard let tokenizerFolder else { return }
    for name in tokenizerFileNames {
      let source = tokenizerFolder.appendingPathComponent(name)
      if PathKind(source.path) != .absent { try stage.copy(source) }
    }
  }

  /// Writes a folder that transformers opens, complete or not at all.
  public static func write(
    to url: URL, config: HuggingFaceConfig, tensors: [TensorView], tokenizerFrom tokenizerFolder: URL?,
    card: String? = nil
  ) throws {
    try AtomicFolder.write(to: url) { stage in
      try write(into: stage, config: config, tensors: tensors, tokenizerFrom: tokenizerFolder, card: card)
    }
  }
}
