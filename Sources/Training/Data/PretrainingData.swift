import Compute
import Configuration
import Corpus
import Encoder
import Foundation

/// The first stage's data: blocks of the token stream in a seeded order, masked anew at every step.
package final class PretrainingData {
  private let store: TokenStore
  private let settings: RunConfiguration.Pretraining
  private let batchSize: Int
  private let training: [Int]
  private let order: SampleOrder
  private let masking: Masking
  /// Validation blocks with masks that are the same at every evaluation.
  package let validation: [TokenSequence]

  package init(store: TokenStore, tokenizer: Tokenizer, configuration: RunConfiguration) throws {
    try store.requireTokenizer(tokenizer)
    self.store = store
    settings = configuration.pretraining
    batchSize = configuration.batch.size
    let length = settings.blockLength
    let blocks = store.blockCount(length: length)
    guard blocks >= 2 else {
      throw TrainingError.streamTooShort(tokens: store.tokenCount, blockLength: length)
    }
    let split = BlockSplit(blockCount: blocks, seed: configuration.seed)
    training = split.training
    order = try SampleOrder(count: training.count, seed: configuration.seed, purpose: .blockOrder)
    masking = Masking(
      seed: configuration.seed, probability: settings.maskingProbability, tokenIDs: tokenizer.tokenIDs)
    var held: [TokenSequence] = []
    for (number, block) in split.validation.prefix(settings.validationBlocks).enumerated() {
      let ids = try store.block(block, length: length)
      let (masked, labels) = masking.apply(to: ids, step: Masking.validationStep, sequence: UInt32(number))
      held.append(TokenSequence(ids: masked, labels: labels, number: UInt32(number)))
    }
    validation = held
  }

  package var blockCount: Int { training.count }

  /// The batch of the stage's step number `step`.
  package func batch(_ step: Int) throws -> GlobalBatch {
    let positions = step * batchSize..<(step + 1) * batchSize
    let sequences = try order.samples(positions).enumerated().map { number, sample in
      let ids = try store.block(training[sample], length: settings.blockLength)
      let (masked, labels) = masking.apply(to: ids, step: UInt32(step), sequence: UInt32(number))
      return TokenSequence(ids: masked, labels: labels, number: UInt32(number))
    }
    return GlobalBatch(sequences, sliceTokens: settings.sliceTokens)
  }

  /// Validation blocks in slices.
  func validationSlices(tokens: Int) -> [Slice] { Slices.cut(validation, largestTokenCount: tokens) }
}
