import Corpus
import Foundation
import TestSupport
import XCTest

/// Ids against those of transformers (5.23, 4.46.3 slow and fast), recorded in `shared/models`.
final class TokenizerCasesTests: XCTestCase {
  private struct Case: Decodable {
    let kind: String
    let text: String?
    let words: [String]?
    let ids: [Int32]
    let word_ids: [Int?]?
  }

  private func check(model: String, cases: String, texts: Int, wordLists: Int, wordByWord: Bool) throws {
    let file = try SharedFolder.url(model).appendingPathComponent(Tokenizer.modelFileName)
    let tokenizer = try Tokenizer(modelFile: file, wordByWord: wordByWord)
    XCTAssertEqual(tokenizer.encodesWordByWord, wordByWord)
    XCTAssertEqual(tokenizer.vocabularySize, 8005)
    XCTAssertEqual(tokenizer.mask, 8004)
    let lines = try Data(contentsOf: SharedFolder.url(cases)).split(separator: 0x0A)
    var seen = (texts: 0, wordLists: 0)
    for (number, line) in lines.enumerated() {
      let one = try JSONDecoder().decode(Case.self, from: line)
      if let text = one.text {
        XCTAssertEqual(
          try tokenizer.encode(text), one.ids, "line \(number + 1) (\(one.kind)): \(text.debugDescription)")
        seen.texts += 1
      } else if let words = one.words {
        let encoded = try tokenizer.encode(words: words)
        XCTAssertEqual(encoded.ids, one.ids, "line \(number + 1) (\(one.kind)): \(words)")
        XCTAssertEqual(encoded.wordIDs, one.word_ids, "line \(number + 1) (\(one.kind)): \(words)")
        seen.wordLists += 1
      }
    }
    XCTAssertEqual(seen.texts, texts)
    XCTAssertEqual(seen.wordLists, wordLists)
  }

  func testUnigramIdsEqualTransformersOnEveryCase() throws {
    for wordByWord in [true, false] {
      try check(
        model: "models/tiny-camembert", cases: "models/tokenizer-cases.jsonl", texts: 449, wordLists: 150,
        wordByWord: wordByWord)
    }
  }

  func testBPEIdsEqualTransformersOnEveryCase() throws {
    for wordByWord in [true, false] {
      try check(
        model: "models/bpe-tokenizer", cases: "models/bpe-tokenizer/tokenizer-cases.jsonl", texts: 140, wordLists: 50,
        wordByWord: wordByWord)
    }
  }

  /// Segmentations of a row of dots tie but for rounding. Expected: tokenizers 0.23.3 on tiny-camembert's tokenizer.json,
  /// `Tokenizer.from_file(…).encode("." * n).ids[1:-1]`; the float32 sums of the library alone give other orders.
  func testTiesAreDecidedAsTransformersDoes() throws {
    let tokenizer = try Tokenizer(folder: SharedFolder.url("models/tiny-camembert"))
    let expected: [Int: [Int32]] = [
      42: [1849, 9, 69, 69], 86: [1849, 1053, 69, 69, 69, 69], 101: [1849, 1150, 69, 69, 69, 69, 69],
      133: [1849, 1150, 69, 69, 69, 69, 69, 69, 69],
    ]
    for (count, ids) in expected {
      XCTAssertEqual(try tokenizer.encodePlain(String(repeating: ".", count: count)), ids)
      XCTAssertEqual(
        try tokenizer.encodePlain(String(repeating: "le ", count: 50) + String(repeating: ".", count: count)).suffix(
          ids.count), ids[...])
    }
    let word = "Estradiol" + String(repeating: ".", count: 118)
    XCTAssertEqual(
      try tokenizer.encode(word), [5, 135, 11, 88, 3450, 421, 1454, 1454, 69, 69, 69, 69, 69, 69, 6])
  }
}
