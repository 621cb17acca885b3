import Corpus
import TestSupport
import XCTest

final class TaggedEncodingTests: XCTestCase {
  /// A word gives as many pieces as it has characters; `-` gives none. Ids are 100 + the position in the sentence.
  private func encode(_ words: [String]) -> (ids: [Int32], wordIDs: [Int?]) {
    var ids: [Int32] = [5]
    var wordIDs: [Int?] = [nil]
    for (word, text) in words.enumerated() where text != "-" {
      for _ in text {
        ids.append(Int32(99 + ids.count))
        wordIDs.append(word)
      }
    }
    return (ids + [6], wordIDs + [nil])
  }

  private func sentence(_ words: String) -> TaggedSentence {
    let words = words.split(separator: " ").map(String.init)
    return TaggedSentence(words: words, tags: words.indices.map { $0 % 2 == 0 ? "A" : "B" }, source: "x:1")
  }

  private func encoded(_ sentences: [String], _ maximumTokens: Int) throws -> EncodedSplit {
    try TaggedEncoding.windows(
      of: sentences.map(sentence), labels: LabelSet(names: ["A", "B"]), maximumTokens: maximumTokens, encode: encode)
  }

  func testLabelStandsOnTheFirstPiece() throws {
    let split = try encoded(["aa - bbb"], 10)
    XCTAssertEqual(split.windows.count, 1)
    XCTAssertEqual(split.windows[0].ids, [5, 100, 101, 102, 103, 104, 6])
    XCTAssertEqual(split.windows[0].labels, [-100, 0, -100, 0, -100, -100, -100])
    XCTAssertEqual(split.windows[0].firstTokenOfWord, [1, nil, 3])
    XCTAssertEqual(split.windows[0].labelledTokenCount, 2)
    XCTAssertEqual(split.wordsWithoutPiece, 1)
    XCTAssertEqual(split.cutSentences, 0)
  }

  func testLongSentencesAreCutAtWords() throws {
    let split = try encoded(["aa bb c dddddddd - e"], 6)
    XCTAssertEqual(split.windows.map(\.words), [0..<2, 2..<3, 3..<5, 5..<6])
    XCTAssertEqual(
      split.windows.map(\.ids), [[5, 100, 101, 102, 103, 6], [5, 104, 6], [5, 105, 106, 107, 108, 6], [5, 113, 6]])
    XCTAssertEqual(split.truncatedWords, 1)
    XCTAssertEqual(split.cutSentences, 1)
    XCTAssertEqual(split.windowsOfSentence, [0..<4])
  }

  /// Every word with a piece is labelled in exactly one window, whatever the lengths.
  func testNoLabelledWordIsDropped() throws {
    var state: UInt64 = 1
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    for round in 0..<200 {
      let words = (0..<next(30)).map { _ in next(6) == 0 ? "-" : String(repeating: "x", count: 1 + next(8)) }
      let maximum = 3 + round % 9
      let split = try encoded([words.joined(separator: " "), "-", ""], maximum)
      XCTAssertTrue(split.windows.allSatisfy { $0.ids.count <= maximum && $0.ids.count == $0.labels.count })
      XCTAssertEqual(split.windows.reduce(0) { $0 + $1.labelledTokenCount }, words.filter { $0 != "-" }.count)
      let predictions = TaggedEncoding.wordPredictions(
        split, tokenPredictions: { split.windows[$0].labels }, sentences: [0, 1, 2], wordCounts: [words.count, 1, 0])
      XCTAssertEqual(predictions[0], words.enumerated().map { $1 == "-" ? nil : $0 % 2 })
      XCTAssertEqual(predictions[1], [nil])
      XCTAssertEqual(predictions[2], [])
    }
  }

  func testUnknownTagsAndBadTokenizersAreNamed() throws {
    let labels = try LabelSet(names: ["A"])
    assertThrows("x:1", "tag B", "word 2", "labels: A") {
      _ = try TaggedEncoding.windows(of: [sentence("a b")], labels: labels, maximumTokens: 9, encode: encode)
    }
    assertThrows("at least 3") { _ = try encoded(["a"], 2) }
    let answers: [(ids: [Int32], wordIDs: [Int?])] = [
      ([5, 6], [nil]), ([5], [nil]), ([5, 7, 6], [nil, 1, nil]), ([5, 7, 6], [nil, nil, nil]),
      ([5, 7, 6], [0, 0, nil]),
    ]
    for answer in answers {
      assertThrows("x:1", "tokenizer") {
        _ = try TaggedEncoding.windows(of: [sentence("a")], labels: labels, maximumTokens: 9) { _ in answer }
      }
    }
  }

  func testLabelSetsAreCanonical() throws {
    XCTAssertEqual(LabelSet.canonical(["I-B", "B-A"], task: .entities), ["O", "B-A", "I-A", "B-B", "I-B"])
    XCTAssertEqual(LabelSet.canonical(["S-B", "O", "E-A"], task: .entities), ["O", "E-A", "S-B"])
    XCTAssertEqual(LabelSet.canonical(["X", "ADJ"], task: .pos), ["ADJ", "X"])
    assertThrows("A stands twice") { _ = try LabelSet(names: ["A", "A"]) }
    assertThrows("empty") { _ = try LabelSet(names: []) }
  }

  func testLabelsOfAllPartsMakeTheNewClassifier() throws {
    let corpus = TaggedCorpus(
      task: .pos, train: [TaggedSentence(words: ["a"], tags: ["A"], source: "x:1")], validation: [],
      test: [TaggedSentence(words: ["b"], tags: ["B"], source: "x:2")])
    XCTAssertEqual(corpus.labels, ["A", "B"])
  }

  func testAuditCountsWhatIsSharedCutAndEmpty() throws {
    let corpus = TaggedCorpus(
      task: .pos, train: ["a - b", "aaaa bbbb", "a - b", ""].map(sentence), validation: [sentence("c")],
      test: ["a - b", "c"].map(sentence), notes: ["x:9: bad"])
    let labels = try LabelSet(names: corpus.labels)
    var encodings: [TaggedSplitName: EncodedSplit] = [:]
    for split in corpus.splits {
      encodings[split.name] = try TaggedEncoding.windows(
        of: split.sentences, labels: labels, maximumTokens: 8, encode: encode)
    }
    let audit = TaggedAudit(corpus, encoded: encodings)
    XCTAssertEqual(
      audit.lines,
      [
        "train: 4 sentences, 8 words, longest 3, 1 sentences empty, 1 repeated", "  labels: A 5, B 3",
        "  4 windows: 1 sentences cut, 2 words without a piece, 0 words cut short, 1 sentences without a piece",
        "validation: 1 sentences, 1 words, longest 1", "  labels: A 1, B 0",
        "  1 windows: 0 sentences cut, 0 words without a piece, 0 words cut short, 0 sentences without a piece",
        "test: 2 sentences, 4 words, longest 3", "  labels: A 3, B 1",
        "  2 windows: 0 sentences cut, 1 words without a piece, 0 words cut short, 0 sentences without a piece",
        "1 sentences stand in both train and test", "1 sentences stand in both validation and test", "x:9: bad",
      ])
  }

  func testAClassifierHasAtLeastOneLabelAndEachOnce() throws {
    assertThrows(TaggedCorpusError.self, saying: ["label"]) {
      try LabelSet(names: [])
    } where: {
      $0 == .noLabels
    }
    assertThrows(TaggedCorpusError.self) {
      try LabelSet(names: ["O", "X", "O"])
    } where: {
      $0 == .labelRepeated("O")
    }
    XCTAssertEqual(try LabelSet(names: ["O"]).count, 1)
  }
}
