import Base
import Compute
import Corpus
import Encoder
import Foundation
import Inference
import TestSupport
import XCTest

/// From words' labels to lines.
final class OutputTests: XCTestCase {
  private let labels = ["O", "B-DISO", "I-DISO", "B-CHEM", "I-CHEM"]

  private func reader(_ task: TaggedTask = .entities, isStrict: Bool = false, types: [String]? = nil) throws
    -> LabelReader
  {
    try LabelReader(task: task, labels: LabelSet(names: labels), isStrict: isStrict, types: types)
  }

  private func words(_ classes: [Int?]) -> [WordLabel?] { classes.map { $0.map { WordLabel(label: $0, score: 0.5) } } }

  private func sentence(_ text: String) throws -> TextSentence {
    var reader = TextReader(.punctuation)
    let found = reader.add(line: text) + reader.finish()
    XCTAssertEqual(found.count, 1)
    return try XCTUnwrap(found.first)
  }

  func testEntitiesAreThoseOfTheScores() throws {
    // seqeval: get_entities(["I-DISO", "I-DISO", "O", "B-CHEM", "I-DISO", "B-DISO"]), and in strict mode.
    let found = words([2, 2, 0, 3, 2, 1])
    let lenient = try reader().entities(found)
    XCTAssertEqual(lenient.map(\.type), ["DISO", "CHEM", "DISO", "DISO"])
    XCTAssertEqual(lenient.map(\.words), [0..<2, 3..<4, 4..<5, 5..<6])
    let strict = try reader(isStrict: true).entities(found)
    XCTAssertEqual(strict.map(\.type), ["CHEM", "DISO"])
    XCTAssertEqual(strict.map(\.words), [3..<4, 5..<6])
    XCTAssertEqual(try reader(types: ["CHEM"]).entities(found).map(\.words), [3..<4])
  }

  func testScoresAreMeansAndWordsWithoutAPieceAreOutside() throws {
    let found: [WordLabel?] = [WordLabel(label: 1, score: 0.25), WordLabel(label: 2, score: 0.75), nil]
    let entities = try reader().entities(found)
    XCTAssertEqual(entities.map(\.type), ["DISO"])
    XCTAssertEqual(entities.map(\.words), [0..<2])
    XCTAssertEqual(entities.map(\.score), [0.5])
    XCTAssertEqual(try reader().name(nil), "O")
    XCTAssertNil(try reader(.pos).name(nil))
  }

  func testUnknownTypesAndStrictReadingOfOtherLabelsAreRefused() throws {
    assertThrows(InferenceError.self, saying: ["PROC", "DISO"]) { try reader(types: ["DISO", "PROC"]) }
    assertThrows(TaggedCorpusError.self, saying: ["NOUN", "--strict"]) {
      try LabelReader(task: .pos, labels: LabelSet(names: ["NOUN", "VERB"]), isStrict: true, types: nil)
    }
  }

  func testALineOfWordsHoldsLabelsScoresAndEntities() throws {
    let line = JSONTagLines(try reader()).line(
      words: ["la", "toux", "\"grasse\""], id: .integer(7), [nil] + words([1, 2]))
    XCTAssertEqual(
      String(decoding: line, as: UTF8.self),
      #"{"id":7,"tokens":["la","toux","\"grasse\""],"labels":["O","B-DISO","I-DISO"],"scores":[null,0.5,0.5],"#
        + #""entities":[{"label":"DISO","words":[1,3],"text":"toux \"grasse\"","score":0.5}]}"# + "\n")
  }

  func testALineOfTextHoldsOffsetsOfCodePoints() throws {
    let line = JSONTagLines(try reader()).line(try sentence("L'𝛼-bloquant agit"), words([0, 3, 4, 4, 0]))
    XCTAssertEqual(
      String(decoding: line, as: UTF8.self),
      #"{"start":0,"end":17,"text":"L'𝛼-bloquant agit","entities":[{"label":"CHEM","start":2,"end":12,"#
        + #""text":"𝛼-bloquant","score":0.5}]}"# + "\n")
  }

  func testTagsStandWordByWord() throws {
    let reader = try LabelReader(
      task: .pos, labels: LabelSet(names: ["NOUN", "VERB"]), isStrict: false, types: ["VERB"])
    let line = JSONTagLines(reader).line(try sentence("Elle dort"), words([0, 1]))
    XCTAssertEqual(
      String(decoding: line, as: UTF8.self),
      #"{"start":0,"end":9,"text":"Elle dort","words":[{"label":"VERB","start":5,"end":9,"text":"dort","score":0.5}]}"#
        + "\n")
    let conll = ConllTagLines(reader).lines(words: ["Elle", "dort", "x"], words([0, 1, nil]))
    XCTAssertEqual(String(decoding: conll, as: UTF8.self), "Elle\tNOUN\ndort\tVERB\nx\t_\n\n")
  }

  func testBratNumbersSpansAndKeepsThemOnALine() throws {
    var brat = BratTagLines(try reader())
    var text = TextReader(.punctuation)
    let sentences = text.add(line: "une insuffisance,") + text.add(line: "rénale") + text.finish()
    XCTAssertEqual(sentences.count, 1)
    let first = brat.lines(sentences[0], words([0, 1, 2, 2]))
    let second = brat.lines(sentences[0], words([0, 3, 0, 3]))
    XCTAssertEqual(
      String(decoding: first + second, as: UTF8.self),
      "T1\tDISO 4 24\tinsuffisance, rénale\nT2\tCHEM 4 16\tinsuffisance\nT3\tCHEM 18 24\trénale\n")
  }

  func testWordsThatConllCannotHoldAreFound() {
    XCTAssertNil(ConllTagLines.wordOfManyColumns(["a", "b"]))
    XCTAssertEqual(ConllTagLines.wordOfManyColumns(["a", ""]), 2)
    XCTAssertEqual(ConllTagLines.wordOfManyColumns(["a\tb"]), 1)
    XCTAssertEqual(ConllTagLines.wordOfManyColumns(["a", "b\u{A0}c"]), 2)
  }

  func testLinesOfWords() throws {
    func read(_ text: String) throws -> WordsLine {
      try Array(text.utf8).withUnsafeBufferPointer { try WordsLine($0) }
    }
    XCTAssertEqual(try read(#"["Le", "é"]"#).words, ["Le", "é"])
    XCTAssertEqual(try read(#"{"id": "a1", "tokens": ["Le"], "ner_tags": ["O"]}"#).words, ["Le"])
    XCTAssertEqual(try read(#"{"id": "a1", "tokens": ["Le"]}"#).id, .string("a1"))
    XCTAssertEqual(try read(#"{"words": []}"#).words, [])
    for bad in ["", "{", "3", #"["a", 1]"#, #"{"token": []}"#, #"{"tokens": "a"}"#, "[\"\u{1}\"]", #"["a"] x"#] {
      assertThrows(WordsLine.Malformed.self) { try read(bad) }
    }
    XCTAssertThrowsError(try [0x5B, 0x22, 0xFF, 0x22, 0x5D].withUnsafeBufferPointer { try WordsLine($0) })
  }
}
