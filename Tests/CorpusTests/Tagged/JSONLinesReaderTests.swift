import Corpus
import Foundation
import TestSupport
import XCTest

final class JSONLinesReaderTests: XCTestCase {
  func testTagsThatAreStrings() throws {
    let folder = try TemporaryFolder()
    let text = "\u{FEFF}{\"id\": 3, \"tokens\": [\"le\", \"r\\u00e9in\"], \"ner_tags\": [\"O\", \"B-ANAT\"]}\r\n\n"
    let corpus = try read(.jsonl, folder.put(text, at: "a.jsonl"))
    XCTAssertEqual(corpus.train[0].words, ["le", "réin"])
    XCTAssertEqual(corpus.labels, ["O", "B-ANAT", "I-ANAT"])
    XCTAssertEqual(corpus.task, .entities)
    let pos = try read(.jsonl, folder.put(#"{"pos_tags": ["DET"], "tokens": ["le"]}"#, at: "b.jsonl"))
    XCTAssertEqual(pos.task, .pos)
    XCTAssertEqual(pos.train[0].tags, ["DET"])
  }

  func testTagsThatAreNumbersNeedNames() throws {
    let folder = try TemporaryFolder()
    let url = try folder.put(#"{"tokens": ["a", "b"], "pos_tags": [1, 0]}"#, at: "a.jsonl")
    assertThrows("a.jsonl:1", "tags are numbers") { _ = try read(.jsonl, url) }
    XCTAssertEqual(try read(.jsonl, url, TaggedCorpusOptions(tagNames: ["X", "Y"])).train[0].tags, ["Y", "X"])
    try folder.put("P\nQ\n", at: "labels.txt")
    XCTAssertEqual(try read(.jsonl, url).train[0].tags, ["Q", "P"])
  }

  func testBadLinesAreReportedAndLeftOut() throws {
    let folder = try TemporaryFolder()
    let bad = [
      "{", "[]", "null", #"{"tokens": ["a"]}"#, #"{"tokens": ["a"], "pos_tags": []}"#,
      #"{"tokens": [1], "pos_tags": ["X"]}"#,
      #"{"tokens": ["a"], "pos_tags": [""]}"#, #"{"tokens": ["a"], "pos_tags": [1e400]}"#,
      #"{"tokens": ["\ud800"], "pos_tags": ["X"]}"#,
      #"{"tokens": ["a"], "pos_tags": [true]}"#, #"{"tokens": ["a"], "pos_tags": [9]}"#,
      String(repeating: "[", count: 100_000),
    ]
    for line in bad {
      let url = try folder.put(#"{"tokens": ["a"], "pos_tags": ["X"]}"# + "\n\(line)\n", at: "a.jsonl")
      let corpus = try read(.jsonl, url, TaggedCorpusOptions(tagNames: ["X"]))
      XCTAssertEqual(corpus.train.count, 1, line)
      XCTAssertTrue(corpus.notes.first?.contains("a.jsonl:2: ") ?? false, "\(line.prefix(60)): \(corpus.notes)")
    }
  }

  func testBothTasksOnALineNeedAChoice() throws {
    let folder = try TemporaryFolder()
    let url = try folder.put(#"{"tokens": ["a"], "pos_tags": ["X"], "ner_tags": ["O"]}"#, at: "a.jsonl")
    assertThrows("a.jsonl:1", "fine_tuning.task") { _ = try read(.jsonl, url) }
    XCTAssertEqual(try read(.jsonl, url, TaggedCorpusOptions(task: .pos)).labels, ["X"])
  }
}
