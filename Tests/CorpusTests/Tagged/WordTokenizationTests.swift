import Corpus
import Foundation
import TestSupport
import XCTest

/// BRAT texts as they are written, with words cut at punctuation and elisions.
final class WordTokenizationTests: XCTestCase {
  private func sentence(_ text: String, _ annotations: String = "", _ tokenization: WordTokenization = .punctuation)
    throws -> TaggedSentence
  {
    try TaggedParsing.brat(
      text: Array(text.utf8), annotations: Array(annotations.utf8), segmentation: .wholeDocument,
      tokenization: tokenization)[0]
  }

  /// As a reader of French cuts them.
  func testWordsEndAtMarksAndElisions() throws {
    let cases: [(text: String, words: String)] = [
      ("de l'asthme, hypertension,", "de|l'|asthme|,|hypertension|,"),
      ("(abdominale).", "(|abdominale|)|."),
      ("L’œdème d’Quincke", "L’|œdème|d’|Quincke"),
      ("jusqu'à qu'on lorsqu'il puisqu’elle", "jusqu'|à|qu'|on|lorsqu'|il|puisqu’|elle"),
      ("aujourd'hui d'aujourd’hui.", "aujourd'hui|d'|aujourd’hui|."),
      ("quelqu'un prud'homme O'Brien", "quelqu'un|prud'homme|O'Brien"),
      ("l' asthme", "l'|asthme"),
      ("2,5 mg, 1.25 % 10/12 3.", "2,5|mg|,|1.25|%|10|/|12|3|."),
      ("anti-VIH post-opératoire", "anti|-|VIH|post|-|opératoire"),
      ("fin... «\u{A0}oui\u{A0}» !?", "fin|...|«|oui|»|!|?"),
      ("e\u{301}tat, l'e\u{301}tat", "e\u{301}tat|,|l'|e\u{301}tat"),
      ("'toux'", "'|toux|'"),
      ("37°C ≥38", "37|°|C|≥|38"),
    ]
    for (text, words) in cases {
      XCTAssertEqual(try sentence(text).words.joined(separator: "|"), words, text)
    }
  }

  func testEntityBoundariesFallOnWords() throws {
    let text = "Antécédents : l'asthme, douleur (abdominale)."
    let annotations = "T1\tDISO 16 22\tasthme\nT2\tDISO 24 31\tdouleur\nT3\tANAT 33 43\tabdominale\n"
    let cut = try sentence(text, annotations)
    XCTAssertEqual(
      zip(cut.words, cut.tags).filter { $0.1 != "O" }.map { "\($0.0) \($0.1)" },
      ["asthme B-DISO", "douleur B-DISO", "abdominale B-ANAT"])
    let whole = try sentence(text, annotations, .whitespace)
    XCTAssertEqual(
      zip(whole.words, whole.tags).filter { $0.1 != "O" }.map { "\($0.0) \($0.1)" },
      ["l'asthme, B-DISO", "douleur B-DISO", "(abdominale). B-ANAT"])
  }

  private func corpus(_ tokenization: WordTokenization, _ subset: String? = nil, at url: URL) throws -> TaggedCorpus {
    try TaggedCorpusReader.read(
      format: .brat, paths: .folder(url),
      options: TaggedCorpusOptions(seed: 3, bratSubset: subset, tokenization: tokenization))
  }

  func testSpansInsideAWordAreCountedInTheAudit() throws {
    let folder = try TemporaryFolder()
    for part in ["train", "dev", "test"] {
      try folder.put("l'asthme, une toux", at: "\(part)/a.txt")
      try folder.put("T1\tDISO 2 8\tasthme\nT2\tDISO 14 18\ttoux\n", at: "\(part)/a.ann")
    }
    let line = "train: spans that begin or end inside a word, all of which is tagged: 1\(BratReaderTests.cure)"
    XCTAssertTrue(TaggedAudit(try corpus(.whitespace, at: folder.url)).lines.contains(line))
    XCTAssertFalse(TaggedAudit(try corpus(.punctuation, at: folder.url)).lines.contains { $0.contains("inside a word") })
  }

  /// Counts of an independent reading in Python; what stays with punctuation ends inside a run of letters.
  func testQuaerosSpansInsideWordsAreThoseOfAnIndependentReading() throws {
    let root = try SharedFolder.url("data/quaero")
    func inside(_ corpus: TaggedCorpus) -> [Int] {
      corpus.notes.filter { $0.contains("inside a word") }.compactMap { note in
        note.split(separator: ":").dropFirst(2).first.flatMap { Int($0.split(separator: " ")[0]) }
      }
    }
    XCTAssertEqual(inside(try corpus(.whitespace, "MEDLINE", at: root)), [3, 6, 17])
    let cut = try corpus(.punctuation, "MEDLINE", at: root)
    XCTAssertLessThan(inside(cut).reduce(0, +), 10)
    // Cutting moves no character: the words together are those of white space.
    let whole = try corpus(.whitespace, "MEDLINE", at: root)
    for (a, b) in zip(cut.train, whole.train) { XCTAssertEqual(a.words.joined(), b.words.joined()) }
  }

  func testABratFolderWithoutPartsIsSplitBySeed() throws {
    let folder = try TemporaryFolder()
    for number in 0..<20 {
      try folder.put("mot\(number) rein", at: "c/\(number).txt")
      try folder.put("", at: "c/\(number).ann")
    }
    func read(_ seed: UInt64) throws -> TaggedCorpus {
      try TaggedCorpusReader.read(
        format: .brat, paths: .folder(folder.file("c")), options: TaggedCorpusOptions(seed: seed))
    }
    let first = try read(1)
    XCTAssertEqual(first.splits.map(\.sentences.count), [14, 2, 4])
    XCTAssertEqual(Set(first.splits.flatMap(\.sentences).map { $0.words[0] }), Set((0..<20).map { "mot\($0)" }))
    XCTAssertEqual(try read(1).test, first.test)
    XCTAssertNotEqual(try read(2).train, first.train)
    XCTAssertEqual(first.notes.last, "20 documents without parts: split 70/10/20 by seed 1")
    // With one folder of a part there, the others are missed and not guessed.
    try FileManager.default.createDirectory(at: folder.file("c/train"), withIntermediateDirectories: true)
    assertThrows("no dev part") { _ = try read(1) }
  }
}
