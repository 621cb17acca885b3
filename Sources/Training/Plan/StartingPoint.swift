import Checkpoints
import Compute
import Configuration
import Corpus
import Encoder
import Foundation
import Models
import Quantization
import Ranks

/// What a run starts from, opened and held against each other: the checkpoint, the tokenizer, and what the scheme's products come
/// to on these machines.
package struct StartingPoint {
  package let ramp: SchemeRamp
  package let source: HuggingFaceFolder
  package let tokenizer: Tokenizer

  /// The scheme that a run begins with, and its products.
  package var scheme: Scheme { ramp.parts[0].scheme }
  package var plan: ComputePlan { ramp.parts[0].plan }

  /// Opens all that a configuration names as its start; throws on every rank where they do not belong together. Collective.
  /// - Parameter trusts: whether the checkpoint's checksums are passed over.
  package init(_ configuration: RunConfiguration, world: World, trusts: Bool) throws {
    let features = try CPUFeatures.common(to: world)
    let model = configuration.model
    (ramp, source, tokenizer) = try world.agree {
      let ramp = try SchemeRamp(configuration, features: features)
      let folder = URL(fileURLWithPath: model.checkpoint)
      if world.isLeader, !trusts { try CheckpointIntegrity.require(folder) }
      let source = try HuggingFaceFolder.reading(folder)
      try CheckpointShapeCheck.require(ModelCheckpointIO.dimensions(source.config), in: source.weights)
      for part in ramp.parts { try part.scheme.requireExclusions(layerCount: source.config.layerCount) }
      let tokenizer = try Tokenizer(folder: URL(fileURLWithPath: model.tokenizer))
      try tokenizer.requireVocabulary(of: source.config, tokenizerPath: model.tokenizer, modelPath: model.checkpoint)
      try StartingPoint.requireOwnTokenizer(tokenizer, of: model)
      return (ramp, source, tokenizer)
    }
  }

  /// Two tokenizers may have as many ids and yet mean other words by them: where the checkpoint brings its own, it must be this
  /// one.
  private static func requireOwnTokenizer(_ tokenizer: Tokenizer, of model: RunConfiguration.Model) throws {
    let folder = URL(fileURLWithPath: model.checkpoint)
    guard model.tokenizer != model.checkpoint,
      FileManager.default.fileExists(atPath: folder.appendingPathComponent(Tokenizer.modelFileName).path)
    else { return }
    guard try Tokenizer(folder: folder).fingerprint == tokenizer.fingerprint else {
      throw ModelError.otherTokenizer(tokenizerPath: model.tokenizer, modelPath: model.checkpoint)
    }
  }
}
