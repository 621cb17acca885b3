import Checkpoints
import Corpus
import Encoder
import Foundation
import Quantization

/// An untrained CamemBERT-style folder: N(0, range) for matrices and tables, 1 for norms, 0 for other vectors.
public enum FreshModel {
  /// Writes `config.json`, `model.safetensors` and the tokenizer to `output` (complete or not at all).
  ///
  /// The rows of `<pad>` are zero, as transformers makes them. The same seed and sizes give the same bytes.
  /// - Parameters:
  ///   - config: sizes; its vocabulary must be the tokenizer's.
  ///   - tokenizer: bytes of a `sentencepiece.bpe.model`, or the folder to copy a tokenizer's files from.
  /// - Returns: the number of parameters.
  public static func write(
    _ config: HuggingFaceConfig, seed: UInt64, tokenizer: TokenizerSource, to output: URL
  ) throws -> Int {
    let model = try EncoderModel(
      dimensions: ModelCheckpointIO.dimensions(config), scheme: .float32,
      head: .maskedLanguageModel(tied: config.tiesWordEmbeddings), precision: .float32)
    for parameter in model.layout.parameters {
      ModelCheckpointIO.draw(parameter, model, seed: seed, range: Float(config.initializerRange))
    }
    for name in ["word_embeddings", "position_embeddings"] {
      guard let table = model.layout["roberta.embeddings.\(name).weight"] else { continue }
      let start = config.padTokenID * config.hiddenSize
      model.values(of: table)[start..<start + config.hiddenSize].update(repeating: 0)
    }
    try AtomicFolder.write(to: output) { stage in
      var folder: URL?
      if case .folder(let url) = tokenizer { folder = url }
      try HuggingFaceFolder.write(
        into: stage, config: config, tensors: ModelCheckpointIO.views(of: model), tokenizerFrom: folder)
      if case .model(let bytes) = tokenizer {
        try stage.write(Tokenizer.modelFileName) { try $0.write(Array(bytes)) }
      }
    }
    return model.layout.parameters.reduce(0) { $0 + $1.count }
  }

  /// Where the tokenizer of a new model comes from.
  public enum TokenizerSource {
    case folder(URL)
    case model(Data)
  }
}
