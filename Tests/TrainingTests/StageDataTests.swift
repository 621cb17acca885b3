import Base
import Corpus
import TestSupport
import Training
import XCTest

/// What the two stages learn from: all of it once an epoch, in an order of the seed's, whoever takes which slice.
final class StageDataTests: XCTestCase {
  /// The sequences of a batch, in order.
  private func sequences(_ batch: GlobalBatch) -> [TokenSequence] { batch.slices.flatMap(\.sequences) }

  /// A block as it was before it was masked.
  private func unmasked(_ sequence: TokenSequence) -> [Int32] {
    zip(sequence.ids, sequence.labels).map { $1 == TokenLabel.ignored ? $0 : $1 }
  }

  private func steps(_ count: Int, _ batch: (Int) throws -> GlobalBatch) rethrows -> [TokenSequence] {
    try (0..<count).flatMap { sequences(try batch($0)) }
  }

  // MARK: - Blocks

  func testAnEpochOfBlocksIsTheStreamWithoutWhatIsHeldOut() throws {
    let data = try StageData.pretraining()
    let store = try StageData.store()
    let total = store.blockCount(length: StageData.blockLength)
    let all = try (0..<total).map { try store.block($0, length: StageData.blockLength) }
    XCTAssertEqual(data.blockCount + min(total / 10, 10_000), total)
    // Seven epochs of batches of seven: whole numbers of both.
    let seen = try steps(data.blockCount) { try data.batch($0) }.map(unmasked)
    for epoch in 0..<7 {
      let part = seen[epoch * data.blockCount..<(epoch + 1) * data.blockCount]
      let held = data.validation.map(unmasked)
      XCTAssertTrue((part + held).map(\.description).sorted() == all.map(\.description).sorted(), "epoch \(epoch)")
    }
    XCTAssertFalse(Array(seen[..<data.blockCount]) == Array(seen[data.blockCount..<2 * data.blockCount]))
  }

  func testMasksAreNewAtEveryStepAndTheSameAtEveryEvaluation() throws {
    let (data, again) = (try StageData.pretraining(), try StageData.pretraining())
    XCTAssertTrue(data.validation == again.validation)
    // A batch of the whole epoch: the second step has the same blocks.
    let whole = try StageData.pretraining(batchSize: data.blockCount)
    func masks(_ step: Int) throws -> [String: [Int32]] {
      Dictionary(try sequences(whole.batch(step)).map { (unmasked($0).description, $0.labels) }) { a, _ in a }
    }
    let (first, second) = (try masks(0), try masks(1))
    XCTAssertEqual(Set(first.keys), Set(second.keys))
    XCTAssertGreaterThan(first.filter { second[$0.key] != $0.value }.count, first.count / 2)
  }

  func testAStreamShorterThanTwoBlocksIsRefused() throws {
    let tokens = try StageData.store().tokenCount
    assertThrows(TrainingError.self, saying: ["\(tokens) tokens", "pretraining.block_length"]) {
      try StageData.pretraining(blockLength: tokens / 2 + 1)
    }
    XCTAssertEqual(try StageData.pretraining(blockLength: tokens / 2).blockCount, 1)
  }

  // MARK: - Sentences

  func testAnEpochOfWindowsHoldsEveryWordOfTheTrainingSplitOnce() throws {
    let data = try StageData.fineTuning()
    let count = data.trainingWindowCount
    XCTAssertGreaterThan(count, data.corpus.train.count, "some sentence should be cut")
    let seen = try steps(count) { try data.batch($0) }
    for epoch in 0..<7 {
      // A label for the first piece of each word that has one.
      let words = seen[epoch * count..<(epoch + 1) * count].reduce(0) {
        $0 + $1.labels.count { $0 != TokenLabel.ignored }
      }
      XCTAssertEqual(words, data.corpus.train.reduce(0) { $0 + $1.words.count }, "epoch \(epoch)")
    }
    let (first, second) = (seen[..<count].map(\.ids), seen[count..<2 * count].map(\.ids))
    XCTAssertTrue(Set(first) == Set(second), "the same windows")
    XCTAssertFalse(first == second, "in another order")
  }

  func testACorpusWithoutATrainingSplitHasNoBatch() throws {
    let data = try StageData.fineTuning {
      ($0.validation, $0.path) = ([$0.path[0] + "/test.conll"], [])
    }
    XCTAssertEqual(data.trainingWindowCount, 0)
    assertThrows(TrainingError.self, saying: ["train split", "fine_tuning"]) { try data.batch(0) }
  }

  func testAFormatMustBeGiven() throws {
    assertThrows(TrainingError.self, saying: ["fine_tuning.format", "brat, conllu"]) {
      try StageData.fineTuning { $0.format = nil }
    }
  }

  // MARK: - Both

  func testTheOrderFollowsTheSeedAlone() throws {
    let blocks = try [1, 1, 2].map { seed in try steps(5) { try StageData.pretraining(seed: seed).batch($0) } }
    XCTAssertTrue(blocks[0] == blocks[1])
    XCTAssertFalse(blocks[0].map(unmasked) == blocks[2].map(unmasked))
    let windows = try [1, 1, 2].map { seed in try steps(5) { try StageData.fineTuning(seed: seed).batch($0) } }
    XCTAssertTrue(windows[0] == windows[1])
    XCTAssertFalse(windows[0] == windows[2])
    // Asked out of order, as a resume does.
    let data = try StageData.pretraining()
    XCTAssertTrue(sequences(try data.batch(4)) == Array(blocks[0][28..<35]))
  }

  func testRanksTakeEverySliceOfABatchOnceHoweverManyTheyAre() throws {
    for batch in [try StageData.pretraining(batchSize: 96).batch(3), try StageData.fineTuning(batchSize: 96).batch(3)] {
      XCTAssertEqual(sequences(batch).map(\.number), (0..<96).map(UInt32.init))
      XCTAssertEqual(
        batch.labelledTokenCount, sequences(batch).reduce(0) { $0 + $1.labels.count { $0 != TokenLabel.ignored } })
      for ranks in [1, 2, 3, 8, 200] {
        let dealt = Slices.deal(batch.slices, rankCount: ranks)
        XCTAssertEqual(dealt.flatMap { $0 }.sorted(), Array(batch.slices.indices), "\(ranks) ranks")
      }
    }
  }
}
