import Corpus
import Foundation
import SyntheticCorpus
import TestSupport
import XCTest

final class TokenizerTrainingTests: XCTestCase {
  private func train(_ text: String, pieces: Int = 100) throws -> Data {
    let folder = try TemporaryFolder()
    try Data(text.utf8).write(to: folder.file("a.txt"))
    return try TokenizerTraining.unigram(on: [folder.file("a.txt")], pieceCount: pieces)
  }

  func testTheModelFollowsFromTheTextAlone() throws {
    let text = SyntheticClinicalCorpus(seed: 3, documents: 10).text()
    let (one, two) = (try train(text, pieces: 200), try train(text, pieces: 200))
    XCTAssertEqual(one, two)
    let tokenizer = try Tokenizer(model: one, file: URL(fileURLWithPath: "a.model"))
    XCTAssertEqual(tokenizer.vocabularySize, 205)
  }

  /// The library leaves out lines of more than 4,192 bytes: nothing is left to learn from.
  func testATextOfWhichNothingCanBeLearnedIsNamed() {
    assertThrows(CorpusError.self, saying: ["a.txt"]) {
      try train(String(repeating: "a", count: 5000))
    } where: {
      if case .cannotTrain = $0 { return true }
      return false
    }
    assertThrows(CorpusError.self, saying: ["a.txt"]) {
      try train(" \n \n")
    } where: {
      if case .emptyCorpus = $0 { return true }
      return false
    }
  }
}
