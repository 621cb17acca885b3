import Corpus
import Foundation
import Synchronization
import TestSupport
import XCTest

final class TokenizerTests: XCTestCase {
  func testSpecialIdsFollowCamembertsTable() throws {
    let model = SyntheticModel()
    let tokenizer = try model.tokenizer()
    XCTAssertEqual(tokenizer.vocabularySize, model.pieces.count + 5)
    XCTAssertEqual([tokenizer.pad, tokenizer.unk, tokenizer.bos, tokenizer.eos], [1, 3, 5, 6])
    XCTAssertEqual(Int(tokenizer.mask), model.pieces.count + 4)
    XCTAssertEqual(tokenizer.tokenIDs.ordinary, 7..<tokenizer.mask)
    let names = (0..<8).map { tokenizer.piece(of: $0) }
    XCTAssertEqual(names, ["<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED", "<s>", "</s>", "le"])
    XCTAssertEqual(tokenizer.piece(of: tokenizer.mask), "<mask>")
    XCTAssertEqual(tokenizer.piece(of: tokenizer.mask - 1), "5")
    XCTAssertNil(tokenizer.piece(of: tokenizer.mask + 1))
    XCTAssertNil(tokenizer.piece(of: -1))
  }

  func testIdsReadBackAsThePiecesOfTheText() throws {
    for type: UInt64 in [1, 2] {
      let tokenizer = try SyntheticModel(modelType: type).tokenizer()
      let pieces = try tokenizer.encodePlain("le patient\n  de\u{A0}la").map { tokenizer.piece(of: $0) }
      XCTAssertEqual(pieces, ["▁le", "▁patient", "▁de", "▁la"])
    }
  }

  func testAnUnknownIsOneTokenHoweverLong() throws {
    let tokenizer = try SyntheticModel().tokenizer()
    let space = try XCTUnwrap(tokenizer.encodePlain("日").first)
    XCTAssertEqual(tokenizer.piece(of: space), "▁")
    XCTAssertEqual(try tokenizer.encode("日本"), [5, space, 3, 6])
  }

  func testWrittenSpecialTokensAreTaken() throws {
    let tokenizer = try SyntheticModel().tokenizer()
    let a = try tokenizer.encodePlain("a")
    XCTAssertEqual(
      try tokenizer.encodePlain("a \u{2003}<mask></s><s><pad><unk>a"), a + [tokenizer.mask, 6, 5, 1, 3] + a)
  }

  func testTheBeginningOfASpecialTokenIsText() throws {
    let tokenizer = try SyntheticModel().tokenizer()
    func pieces(_ text: String) throws -> [String?] { try tokenizer.encodePlain(text).map { tokenizer.piece(of: $0) } }
    XCTAssertEqual(try pieces("<mas"), ["▁", "<", "m", "a", "s"])
    XCTAssertEqual(try pieces("<mask"), ["▁", "<", "m", "a", "s", "k"])
    XCTAssertEqual(try pieces("a<s"), ["▁", "a", "<", "s"])
    XCTAssertEqual(try pieces("<mas<mask>"), ["▁", "<", "m", "a", "s", "<mask>"])
  }

  func testWordIdsNameTheWordAndSkipEmptyOnes() throws {
    let tokenizer = try SyntheticModel().tokenizer()
    let encoded = try tokenizer.encode(words: ["le", "", "patient.", "\u{200B}", "la"])
    XCTAssertEqual(encoded.ids, try tokenizer.encode("le patient. la"))
    XCTAssertEqual(encoded.wordIDs, [nil, 0, 2, 2, 4, nil])
    XCTAssertEqual(try tokenizer.encode(words: []).ids, [5, 6])
  }

  func testFingerprintFollowsTheModelFile() throws {
    var model = SyntheticModel()
    let first = try model.tokenizer().fingerprint
    XCTAssertEqual(first.count, 64)
    XCTAssertEqual(try model.tokenizer().fingerprint, first)
    model.pieces[5].score -= 1
    XCTAssertNotEqual(try model.tokenizer().fingerprint, first)
  }

  func testBytesAndStringsGiveTheSameIds() throws {
    let tokenizer = try SyntheticModel().tokenizer()
    var random = SeededNumbers(seed: 1)
    for _ in 0..<200 {
      let text = random.text(20)
      let bytes = try Array(text.utf8).withUnsafeBufferPointer { try tokenizer.encode(utf8: $0) }
      XCTAssertEqual(bytes, try tokenizer.encode(text))
    }
  }

  func testMalformedUTF8IsReplacedAsSwiftDoes() throws {
    let tokenizer = try SyntheticModel().tokenizer()
    var random = SeededNumbers(seed: 2)
    var replacements = 0
    for _ in 0..<2000 {
      var bytes = Array(random.text(8).utf8)
      for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0x70...0xFF, using: &random)
      }
      let text = String(decoding: bytes, as: UTF8.self)
      var ids: [Int32] = []
      let count = try bytes.withUnsafeBufferPointer { try tokenizer.encodePlain(utf8: $0, into: &ids) }
      XCTAssertEqual(ids, try tokenizer.encodePlain(text))
      // U+FFFD that were there before are three good bytes each.
      let before = zip(zip(bytes, bytes.dropFirst()), bytes.dropFirst(2)).filter {
        $0.0 == 0xEF && $0.1 == 0xBF && $1 == 0xBD
      }
      XCTAssertEqual(count, text.unicodeScalars.filter { $0 == "\u{FFFD}" }.count - before.count)
      replacements += count
    }
    XCTAssertGreaterThan(replacements, 500)
  }

  func testManyThreadsGiveTheIdsOfOne() throws {
    let tokenizer = try SyntheticModel().tokenizer()
    var random = SeededNumbers(seed: 3)
    let texts = (0..<400).map { _ in random.text(30) }
    let expected = try texts.map { try tokenizer.encode($0) }
    let found = Mutex([[Int32]](repeating: [], count: texts.count))
    DispatchQueue.concurrentPerform(iterations: texts.count) { index in
      let ids = (try? tokenizer.encode(texts[index])) ?? []
      found.withLock { $0[index] = ids }
    }
    XCTAssertEqual(found.withLock { $0 }, expected)
  }

  func testWordByWordGivesTheIdsOfTheWholeText() throws {
    for type: UInt64 in [1, 2] {
      let model = SyntheticModel(modelType: type)
      try checkWords(model.tokenizer(), model.tokenizer(wordByWord: false), texts: 2000)
    }
  }

  func testWordByWordGivesTheIdsOfTheWholeTextInRealModels() throws {
    for folder in ["models/tiny-camembert", "models/bpe-tokenizer"] {
      let file = try SharedFolder.url(folder).appendingPathComponent(Tokenizer.modelFileName)
      try checkWords(Tokenizer(modelFile: file), Tokenizer(modelFile: file, wordByWord: false), texts: 2000)
    }
  }

  private func checkWords(_ words: Tokenizer, _ whole: Tokenizer, texts: Int, line: UInt = #line) throws {
    XCTAssertTrue(words.encodesWordByWord, line: line)
    XCTAssertFalse(whole.encodesWordByWord, line: line)
    var random = SeededNumbers(seed: 4)
    for number in 0..<texts {
      var text = random.text(40)
      if number % 10 == 0 { text += "▁ \u{200B} " + random.text(5) }  // a text's own space marks are no word starts
      XCTAssertEqual(try words.encodePlain(text), try whole.encodePlain(text), text.debugDescription, line: line)
    }
  }

  func testWordByWordNeedsAModelThatAllowsIt() throws {
    func isCut(_ change: (inout SyntheticModel) -> Void) throws -> Bool {
      var model = SyntheticModel()
      change(&model)
      return try model.tokenizer().encodesWordByWord
    }
    XCTAssertTrue(try isCut { _ in })
    XCTAssertTrue(try isCut { $0.characterMap = Data() })
    XCTAssertFalse(try isCut { $0.pieces.append(.init("▁de▁la")) }, "a piece reaches over a word's start")
    XCTAssertFalse(try isCut { $0.pieces.append(.init("la▁")) }, "a piece reaches over a word's start")
    XCTAssertFalse(try isCut { $0.pieces.removeAll { $0.text == Data("▁".utf8) } }, "▁ is unknown")
    XCTAssertFalse(try isCut { $0.pieces.append(.init("<x>", type: SyntheticModel.userDefined)) }, "a user's piece")
    XCTAssertFalse(
      try isCut { $0.characterMap = DoubleArray(rules: [("a b", "ab")]).characterMap }, "a rule holds a space")
    XCTAssertFalse(try isCut { $0.characterMap = DoubleArray(rules: [("x", "▁")]).characterMap }, "a rule writes ▁")
    XCTAssertFalse(try isCut { $0.characterMap = DoubleArray(rules: [(" ", "_")]).characterMap }, "a space is no space")
  }

  func testAMissingModelNamesTheFolder() throws {
    let folder = try TemporaryFolder()
    XCTAssertThrowsError(try Tokenizer(folder: folder.url)) {
      XCTAssertEqual($0 as? CorpusError, .noTokenizerModel(folder: folder.url.path))
    }
    try SyntheticModel().data.write(to: folder.file(Tokenizer.modelFileName))
    XCTAssertNoThrow(try Tokenizer(folder: folder.url))
  }

  func testABinaryFileIsRefusedNotSwallowed() throws {
    let tokenizer = try SyntheticModel().tokenizer()
    let bytes = [UInt8](repeating: 0x41, count: (1 << 25) + 1)
    XCTAssertThrowsError(try bytes.withUnsafeBufferPointer { try tokenizer.encode(utf8: $0) }) {
      guard case CorpusError.textTooLong? = $0 as? CorpusError else { return XCTFail("\($0)") }
    }
  }

  /// The library gives a number below zero where memory is short, which no test can wait for.
  func testATextThatTheLibraryRefusesLeavesNothingBehind() {
    var ids: [Int32] = [7]
    XCTAssertThrowsError(
      try [UInt8]("le".utf8).withUnsafeBufferPointer {
        try PieceEncoder.append(of: $0, to: &ids, room: 8) { _, _, _, _ in -1 }
      }
    ) {
      XCTAssertEqual("\($0)", "SentencePiece could not encode 2 bytes of text; is memory short?")
    }
    XCTAssertEqual(ids, [7])
  }
}
