import Base
import Corpus
import Foundation
import TestSupport
import XCTest

/// The models that the SentencePiece library would abort on, read outside its arrays for, or that break the id table.
final class SentencePieceModelTests: XCTestCase {
  private func assertRefused(
    _ mention: String, line: UInt = #line, _ change: (inout SyntheticModel) -> Void
  ) {
    var model = SyntheticModel()
    change(&model)
    assertRefused(model.data, mention, line: line)
  }

  private func assertRefused(_ data: Data, _ mention: String, line: UInt = #line) {
    assertThrows(CorpusError.self, line: line) {
      try Tokenizer(model: data, file: URL(fileURLWithPath: "x.model"))
    } where: {
      guard case .badTokenizerModel(_, let problem) = $0 else { return false }
      return problem.contains(mention)
    }
  }

  func testAWholeModelIsTaken() throws {
    for type: UInt64 in [1, 2] { XCTAssertNoThrow(try SyntheticModel(modelType: type).tokenizer()) }
  }

  func testPiecesThatCannotBeAreRefused() {
    assertRefused("is empty") { $0.pieces.append(.init("")) }
    assertRefused("NUL") { $0.pieces.append(.init("a\0b")) }
    assertRefused("not UTF-8") { $0.pieces.append(.init(Data([0x61, 0xC3]))) }
    assertRefused("1025 bytes") { $0.pieces.append(.init(String(repeating: "a", count: 1025))) }
    assertRefused("twice") { $0.pieces.append(.init("▁le")) }
    assertRefused("twice") { $0.pieces.append(.init("<s>")) }
    assertRefused("score nan") { $0.pieces[9].score = .nan }
    assertRefused("score -inf") { $0.pieces[9].score = -.infinity }
    assertRefused("type 7") { $0.pieces[9].type = 7 }
    assertRefused("second unknown") { $0.pieces[9].type = SyntheticModel.unknown }
  }

  /// Found by the long fuzzer: the library then fails on every text that holds the character.
  func testAControlPieceOfOneCharacterIsRefusedInBPE() throws {
    assertRefused("control piece of one character") {
      $0.modelType = 2
      $0.pieces.append(.init("ß", type: SyntheticModel.control))
    }
    var unigram = SyntheticModel()
    unigram.pieces.append(.init("ß", type: SyntheticModel.control))
    XCTAssertEqual(try unigram.tokenizer().encodePlain("ß").last, TokenIDs.unk)
  }

  func testTheIdTableNeedsItsFirstThreePieces() {
    assertRefused("first piece is not the unknown") { $0.pieces[0].type = SyntheticModel.normal }
    assertRefused("first piece is not the unknown") { $0.pieces = Array($0.pieces.prefix(2)) }
    assertRefused("not <s>, </s>") { $0.pieces.swapAt(1, 2) }
    assertRefused("not <s>, </s>") { $0.pieces[1].type = SyntheticModel.normal }
    assertRefused("no ordinary piece") { model in
      for i in 3..<model.pieces.count { model.pieces[i].type = SyntheticModel.unused }
    }
  }

  func testOtherKindsOfModelAreRefused() {
    assertRefused("model type") { $0.modelType = 3 }
    assertRefused("model type") { $0.modelType = 99 }
    assertRefused("byte pieces without") { $0.pieces.append(.init("<0x00>", type: SyntheticModel.byte)) }
    assertRefused("256 byte pieces") { $0.fallsBackToBytes = 1 }
  }

  func testByteFallbackWorksWithAllBytes() throws {
    var model = SyntheticModel()
    model.fallsBackToBytes = 1
    model.pieces += (0..<256).map { .init(String(format: "<0x%02X>", $0), type: SyntheticModel.byte) }
    let tokenizer = try model.tokenizer()
    let pieces = try tokenizer.encodePlain("日").compactMap { tokenizer.piece(of: $0) }
    XCTAssertEqual(pieces, ["▁", "<0xE6>", "<0x97>", "<0xA5>"])
  }

  /// The library keeps 64 matches of user-defined pieces on its stack and reads as many as there are.
  func testUserPiecesThatStartOneAnotherAreBounded() throws {
    func with(_ count: Int) -> SyntheticModel {
      var model = SyntheticModel()
      model.pieces += (1...count).map { .init(String(repeating: "#", count: $0), type: SyntheticModel.userDefined) }
      return model
    }
    let tokenizer = try with(60).tokenizer()
    XCTAssertEqual(try tokenizer.encodePlain(String(repeating: "#", count: 100)).count, 3)
    assertRefused(with(80).data, "start one another")
  }

  func testNormalisationRulesThatLeaveTheirArrayAreRefused() {
    let good = DoubleArray(rules: SyntheticModel.rules)
    func refused(_ mention: String, line: UInt = #line, _ change: (inout DoubleArray) -> Void) {
      var array = good
      change(&array)
      assertRefused(mention, line: line) { $0.characterMap = array.characterMap }
    }
    refused("leaves its array") { $0.units[0] |= 0x1F_FFFF << 10 }
    refused("leaves its array") { array in
      for i in 1..<array.units.count where array.units[i] >> 31 == 0 { array.units[i] |= 1 << 28 }
    }
    refused("without an end") { $0.pool.append(0x61) }
    refused("not UTF-8") { $0.pool.append(contentsOf: [0xC3, 0]) }
    refused("normalisation trie of") { $0.units.removeLast() }
    refused("normalisation trie of") { $0.units = [] }
    refused("without its replacement") { array in
      let value = array.units.firstIndex { $0 >> 31 == 1 && $0 != 1 << 31 }!
      array.units[value] = 1 << 31 | UInt32(array.pool.count)
    }
    assertRefused("normalisation rules of 3 bytes") { $0.characterMap = Data([1, 2, 3]) }
  }

  /// The library keeps 32 matches on its stack; a circle of units has no end of them.
  func testNormalisationRulesInsideOneAnotherAreBounded() throws {
    func rules(_ count: Int) -> Data {
      DoubleArray(rules: (1...count).map { (String(repeating: "#", count: $0), "x") }).characterMap
    }
    var model = SyntheticModel()
    model.characterMap = rules(32)
    XCTAssertEqual(try model.tokenizer().encodePlain(String(repeating: "#", count: 64)).count, 3)
    assertRefused("rules inside one") { $0.characterMap = rules(33) }

    var circle = DoubleArray(rules: [("#", "x")])
    let unit = circle.units.firstIndex { $0 & (1 << 31 | 0xFF) == 0x23 }!
    circle.units[unit] = 0x23 | 1 << 8 | UInt32(0x23) << 10  // its children hang where it hangs itself
    assertRefused("turns in a circle") { $0.characterMap = circle.characterMap }
  }

  func testBrokenMessagesAreRefused() {
    let good = SyntheticModel().data
    assertRefused(good.dropLast(1) + Data(), "left")
    assertRefused(Data(), "first piece")
    assertRefused(Data([0x0B]), "wire type 3")
    assertRefused(Data([0x00]), "field number 0")
    assertRefused(Data([0x0A] + [UInt8](repeating: 0xFF, count: 9) + [0x01]), "left")
    assertRefused(Data([0x08] + [UInt8](repeating: 0xFF, count: 11)), "64 bits")
    assertRefused(Data([0x08, 0x01]), "piece is not")
  }

  /// What the library does not need never reaches it: a self-test that fails would refuse a good model.
  func testSelfTestsAndExtensionsAreLeftOut() throws {
    var sample = ProtobufMessage()
    sample.append(1, bytes: Data("le".utf8))
    sample.append(2, bytes: Data("nothing like it".utf8))
    var test = ProtobufMessage()
    test.append(1, bytes: sample.data)
    var extra = ProtobufMessage()
    extra.append(4, bytes: test.data)
    extra.append(300, varint: 5)
    let data = SyntheticModel().data + extra.data
    XCTAssertNoThrow(try Tokenizer(model: data, file: URL(fileURLWithPath: "x.model")))
  }
}
