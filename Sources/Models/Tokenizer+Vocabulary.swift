import Checkpoints
import Corpus

extension Tokenizer {
  /// Throws unless a checkpoint has as many ids; the paths are for the message.
  package func requireVocabulary(of config: HuggingFaceConfig, tokenizerPath: String, modelPath: String) throws {
    guard vocabularySize == config.vocabularySize else {
      throw ModelError.vocabularyMismatch(
        tokenizer: vocabularySize, model: config.vocabularySize, tokenizerPath: tokenizerPath, modelPath: modelPath)
    }
  }
}
