import Base
import Corpus
import Foundation
import SyntheticCorpus
import TestSupport
import XCTest

final class SyntheticClinicalCorpusTests: XCTestCase {
  private func written(seed: UInt64 = 1, documents: Int = 40) throws -> (TemporaryFolder, SyntheticClinicalCorpus.Files)
  {
    let folder = try TemporaryFolder()
    return (folder, try SyntheticClinicalCorpus.write(to: folder.file("demo"), seed: seed, documents: documents))
  }

  func testSameSeedGivesTheSameBytesAndAnotherOthers() throws {
    let first = SyntheticClinicalCorpus(seed: 1, documents: 20).text()
    XCTAssertEqual(first, SyntheticClinicalCorpus(seed: 1, documents: 20).text())
    XCTAssertNotEqual(first, SyntheticClinicalCorpus(seed: 2, documents: 20).text())
    XCTAssertTrue(SyntheticClinicalCorpus(seed: 1, documents: 21).text().hasPrefix(String(first.dropLast())))
  }

  func testTextIsLargeAndVariedEnough() throws {
    let text = SyntheticClinicalCorpus(seed: 1).text()
    XCTAssertTrue((250_000...400_000).contains(text.utf8.count), "\(text.utf8.count) bytes")
    let sentences = text.split(whereSeparator: { "\n.".contains($0) })
    XCTAssertGreaterThan(Double(Set(sentences).count) / Double(sentences.count), 0.75)
    XCTAssertEqual(text.components(separatedBy: "\n\n").count, SyntheticClinicalCorpus.defaultDocuments)
  }

  func testFrenchIsElidedAndContracted() throws {
    let text = SyntheticClinicalCorpus(seed: 3).text()
    let vowels = "[aeiouyéèêâîôûœ]"
    let wrong = [
      "\\b[Ll][ea] \(vowels)", "\\b[Dd]e \(vowels)", "\\bde les?\\b", "\\bà les?\\b", "\\bd' ", "\\bl' ", " ,", " \\.",
      "  ",
      "\\bsa \(vowels)", "\\bd'des\\b", "\\bla \\w+ et la \\w+ sont \\w+és\\b", "\\bun (?:patiente|femme)\\b",
      "\\bune (?:patient|homme)\\b",
    ]
    for pattern in wrong {
      let found = text.range(of: pattern, options: .regularExpression)
      XCTAssertNil(found, "\(pattern): \(found.map { text[$0.lowerBound...].prefix(60) } ?? "")")
    }
  }

  func testWrittenFilesReadBackWithoutABadLine() throws {
    let (folder, files) = try written()
    defer { _ = folder }
    let entities = try TaggedCorpusReader.read(format: .conll2, paths: .folder(files.entities))
    XCTAssertEqual(entities.task, .entities)
    XCTAssertEqual(entities.notes, [])
    XCTAssertEqual(entities.splits.map(\.sentences.count), [120, 20, 20])
    let pos = try TaggedCorpusReader.read(format: .conllu, paths: .folder(files.partsOfSpeech))
    XCTAssertEqual(pos.notes, [])
    XCTAssertEqual(pos.splits.map(\.sentences.count), [120, 20, 20])
    let upos: Set = [
      "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ",
      "SYM", "VERB",
      "X",
    ]
    XCTAssertTrue(upos.isSuperset(of: pos.labels), "\(pos.labels)")
    XCTAssertGreaterThan(pos.labels.count, 9)
    XCTAssertTrue(try String(contentsOf: files.readme, encoding: .utf8).hasPrefix("SYNTHETIC DATA"))
    XCTAssertTrue(FileManager.default.fileExists(atPath: files.text.path))
  }

  func testNoSentenceStandsTwice() throws {
    let (folder, files) = try written(documents: SyntheticClinicalCorpus.defaultDocuments)
    defer { _ = folder }
    let corpus = try TaggedCorpusReader.read(format: .conll2, paths: .folder(files.entities))
    let types = ["ANAT", "CHEM", "DEVI", "DISO", "GEOG", "LIVB", "PHYS", "PROC"]
    XCTAssertEqual(corpus.labels, ["O"] + types.flatMap { ["B-" + $0, "I-" + $0] })
    let audit = TaggedAudit(corpus)
    XCTAssertTrue(audit.shared.allSatisfy { $0.count == 0 })
    XCTAssertTrue(audit.parts.allSatisfy { $0.repeatedCount == 0 })
    XCTAssertEqual(audit.parts.map(\.sentenceCount), [780, 130, 130])
  }

  func testEveryTagIsValidIOB2() throws {
    let (folder, files) = try written()
    defer { _ = folder }
    let corpus = try TaggedCorpusReader.read(format: .conll2, paths: .folder(files.entities))
    for sentence in corpus.splits.flatMap(\.sentences) {
      for (previous, tag) in zip(["O"] + sentence.tags, sentence.tags) where tag.hasPrefix("I-") {
        XCTAssertEqual(previous.dropFirst(2), tag.dropFirst(2), sentence.source)
      }
    }
  }

  func testAPlaceThatCannotBeWrittenIsNamed() throws {
    let folder = try TemporaryFolder()
    try Data("a file".utf8).write(to: folder.file("taken"))
    XCTAssertThrowsError(try SyntheticClinicalCorpus.write(to: folder.file("taken"), seed: 1, documents: 1)) {
      XCTAssertEqual($0 as? FileError, .notAFolder(path: folder.file("taken").path))
    }
  }
}
