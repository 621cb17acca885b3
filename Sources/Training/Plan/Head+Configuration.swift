import Checkpoints
import Configuration
import Encoder
import Models

extension Head {
  /// The first stage's head on a checkpoint, tied as a configuration wishes.
  package static func maskedLanguageModel(
    of folder: HuggingFaceFolder, _ wish: RunConfiguration.TiedDecoder
  ) throws -> Head {
    switch wish {
    case .checkpoint: .maskedLanguageModel(tied: try ModelCheckpointIO.isTied(folder))
    case .tied: .maskedLanguageModel(tied: true)
    case .untied: .maskedLanguageModel(tied: false)
    }
  }
}
