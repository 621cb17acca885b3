import Configuration
import Corpus
import Foundation
import SyntheticCorpus
import TestSupport
import Training

/// A synthetic corpus with its tokenizer and token store, made once for the tests of what stages learn from.
enum StageData {
  static let blockLength = 16

  private struct Made: @unchecked Sendable {
    let folder: TemporaryFolder
    let files: SyntheticClinicalCorpus.Files
    let tokenizer: Tokenizer
    let store: TokenStore
  }

  private static let made: Result<Made, any Error> = Result {
    let folder = try TemporaryFolder()
    let files = try SyntheticClinicalCorpus.write(to: folder.file("data"), seed: 1, documents: 20)
    let model = try TokenizerTraining.unigram(on: [files.text], pieceCount: 300)
    let tokenizer = try Tokenizer(model: model, file: folder.file(Tokenizer.modelFileName))
    let plan = try TokenizationPlan(files: [files.text])
    let build = try TokenStoreBuild(store: folder.file("store"), plan: plan, tokenizer: tokenizer)
    try build.prepare()
    try build.encodePart(of: 0, rankCount: 1)
    _ = try build.joinParts(rankCount: 1)
    return Made(
      folder: folder, files: files, tokenizer: tokenizer, store: try TokenStore(folder: folder.file("store")))
  }

  static func store() throws -> TokenStore { try made.get().store }
  static func tokenizer() throws -> Tokenizer { try made.get().tokenizer }

  static func pretraining(seed: UInt64 = 1, batchSize: Int = 7, blockLength: Int = blockLength) throws
    -> PretrainingData
  {
    var configuration = RunConfiguration()
    (configuration.seed, configuration.batch.size) = (seed, batchSize)
    (configuration.pretraining.blockLength, configuration.pretraining.sliceTokens) = (blockLength, 40)
    configuration.pretraining.validationBlocks = 10_000
    return try PretrainingData(store: store(), tokenizer: tokenizer(), configuration: configuration)
  }

  static func fineTuning(
    seed: UInt64 = 1, batchSize: Int = 7, _ change: (inout RunConfiguration.FineTuning) -> Void = { _ in }
  ) throws -> FineTuningData {
    var settings = RunConfiguration.FineTuning()
    (settings.task, settings.format) = (.entities, .conll2)
    settings.path = [try made.get().files.entities.path]
    (settings.maximumTokens, settings.sliceTokens) = (24, 60)
    change(&settings)
    return try FineTuningData(
      settings, seed: seed, batchSize: batchSize, tokenizer: tokenizer(), longestSequence: 126)
  }
}
