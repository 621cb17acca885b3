import Corpus
import Foundation
import TestSupport
import XCTest

/// Tags of entities: IOB2, or refused, or mapped to it.
final class TagSchemeTests: XCTestCase {
  private let bioes = "une O\ncardiopathie B-DISO\nischémique I-DISO\nsévère E-DISO\n\nscanner S-PROC\n. O\n"

  func testATagOfAnotherSchemeIsRefusedWithItsFileAndLine() throws {
    let folder = try TemporaryFolder()
    let url = try folder.put(bioes, at: "a.conll")
    for task in [TaggedTask.entities, nil] {
      assertThrows("a.conll:4: tag E-DISO of sévère", "fine_tuning.tags: bioes") {
        _ = try read(.conll2, url, TaggedCorpusOptions(task: task))
      }
    }
    for tag in ["S-PROC", "L-PROC", "B-", "DISO", "o"] {
      let url = try folder.put("a O\n\nle O\nfoie \(tag)\n", at: "b.conll")
      assertThrows("b.conll:4: tag \(tag) of foie") { _ = try read(.conll2, url, TaggedCorpusOptions(task: .entities)) }
    }
    let lines = "{\"tokens\": [\"a\"], \"ner_tags\": [\"O\"]}\n{\"tokens\": [\"foie\"], \"ner_tags\": [\"S-ANAT\"]}\n"
    assertThrows("c.jsonl:2: tag S-ANAT of foie") { _ = try read(.jsonl, folder.put(lines, at: "c.jsonl")) }
    assertThrows("d.conll:1: tag X-PROC", "E-TYPE and S-TYPE") {
      _ = try read(
        .conll2, folder.put("a X-PROC\n", at: "d.conll"), TaggedCorpusOptions(task: .entities, tags: .bioes))
    }
  }

  func testBIOESIsReadAsIOB2() throws {
    let folder = try TemporaryFolder()
    let corpus = try read(.conll2, folder.put(bioes, at: "a.conll"), TaggedCorpusOptions(tags: .bioes))
    XCTAssertEqual(corpus.task, .entities)
    XCTAssertEqual(corpus.train.map(\.tags), [["O", "B-DISO", "I-DISO", "I-DISO"], ["B-PROC", "O"]])
    XCTAssertEqual(corpus.labels, ["O", "B-DISO", "I-DISO", "B-PROC", "I-PROC"])
  }

  func testPartsOfSpeechKeepTheirTags() throws {
    let folder = try TemporaryFolder()
    let url = try folder.put("le DET\nfoie S-NOM\n", at: "a.conll")
    XCTAssertEqual(try read(.conll2, url).task, .pos)
    XCTAssertEqual(try read(.conll2, url).train[0].tags, ["DET", "S-NOM"])
  }

  func testInsideTagsThatContinueNothingAreCountedInTheAudit() throws {
    let folder = try TemporaryFolder()
    let text = "a I-X\nb I-X\nc O\nd I-X\ne I-Y\nf B-Y\ng I-Y\nh I-X\n\ni I-Y\nj O\n"
    let audit = TaggedAudit(try read(.conll2, folder.put(text, at: "a.conll")))
    XCTAssertEqual(audit.parts.map(\.strayInsideCount), [5, 0, 0])
    XCTAssertTrue(audit.lines.contains("  5 I- tags continue no span of their type: strict F1 counts no span there"))
    let sound = TaggedAudit(try read(.conll2, folder.put("a B-X\nb I-X\nc B-X\n", at: "b.conll")))
    XCTAssertEqual(sound.parts.map(\.strayInsideCount), [0, 0, 0])
  }
}
