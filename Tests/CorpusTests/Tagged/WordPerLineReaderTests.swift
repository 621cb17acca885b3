import Corpus
import Foundation
import TestSupport
import XCTest

/// CoNLL-U, two-column CoNLL, CAS and ESSAI.
final class WordPerLineReaderTests: XCTestCase {
  private func row(_ id: String, _ form: String, _ tag: String) -> String {
    "\(id)\t\(form)\t_\t\(tag)\t_\t_\t_\t_\t_\t_"
  }

  // MARK: CoNLL-U

  func testConlluPassesOverCommentsRangesAndEmptyNodes() throws {
    let folder = try TemporaryFolder()
    let lines = [
      "\u{FEFF}# a comment", row("1-2", "du", "_"), row("1", "de", "ADP"), row("2", "le", "DET"), row("2.1", "x", "_"),
      row("3", "#", "SYM"), "", "", row("1", "10 000", "NUM"),
    ]
    for end in ["\n", "\r\n"] {
      let corpus = try read(.conllu, folder.put(lines.joined(separator: end), at: "a.conllu"))
      XCTAssertEqual(corpus.train.map(\.words), [["de", "le", "#"], ["10 000"]])
      XCTAssertEqual(corpus.train.map(\.tags), [["ADP", "DET", "SYM"], ["NUM"]])
      XCTAssertTrue(corpus.train[0].source.hasSuffix("a.conllu:3"), corpus.train[0].source)
      XCTAssertEqual(corpus.labels, ["ADP", "DET", "NUM", "SYM"])
      XCTAssertEqual(corpus.notes, [])
    }
  }

  func testConlluLeavesOutASentenceWithABadLineAndNamesIt() throws {
    let folder = try TemporaryFolder()
    let bad: [(String, String)] = [
      ("2\tb\t_\tX", "4 columns, 10 expected"), (row("3", "b", "X"), "word number 3, 2 expected"),
      (row("b", "b", "X"), "not a number"), (row("2", "b", "_"), "no UPOS"), (row("2", "", "X"), "empty FORM"),
      (row("2-x", "b", "X"), "not a number"),
    ]
    for (line, reason) in bad {
      let url = try folder.put(
        [row("1", "a", "X"), line, "", row("1", "c", "Y"), ""].joined(separator: "\n"), at: "a.conllu")
      let corpus = try read(.conllu, url)
      XCTAssertEqual(corpus.train.map(\.words), [["c"]], reason)
      XCTAssertTrue(corpus.notes[0].contains("a.conllu:2: ") && corpus.notes[0].contains(reason), corpus.notes[0])
      assertThrows("a.conllu:2", "0 allowed") { _ = try read(.conllu, url, TaggedCorpusOptions(badLineLimit: 0)) }
    }
  }

  func testACombiningAccentAfterATabStaysInItsColumn() throws {
    let folder = try TemporaryFolder()
    let corpus = try read(.conllu, folder.put(row("1", "\u{301}a", "X") + "\n", at: "a.conllu"))
    XCTAssertEqual(corpus.train[0].words, ["\u{301}a"])
  }

  /// Counts from the data's own table; checksums from an independent reading in Python.
  func testSequoiaHasItsPublishedCounts() throws {
    let corpus = try TaggedCorpusReader.read(format: .conllu, paths: .folder(SharedFolder.url("data/sequoia")))
    XCTAssertEqual(corpus.splits.map(\.sentences.count), [2231, 412, 456])
    XCTAssertEqual(corpus.splits.map { $0.sentences.reduce(0) { $0 + $1.words.count } }, [50_502, 9_999, 10_044])
    XCTAssertEqual(corpus.splits.map { $0.sentences.map(\.words.count).max() }, [119, 125, 142])
    XCTAssertEqual(corpus.splits.map { Set($0.sentences.flatMap(\.tags)).count }, [16, 15, 15])
    XCTAssertEqual(corpus.labels.count, 16)
    XCTAssertEqual(corpus.notes, [])
    XCTAssertEqual(
      corpus.splits.map { taggedChecksum($0.sentences) },
      [0x36b0_0228_8165_4b4c, 0x76ad_2968_8690_39ef, 0xed72_a43c_eb75_ea27])
  }

  // MARK: Two columns

  func testTwoColumnsReadTabsAndSpaces() throws {
    let folder = try TemporaryFolder()
    let text = "-DOCSTART- O\n\nle\tO\nrein  B-ANAT\n10 000\tI-ANAT\n\n\nfin O"
    let corpus = try read(.conll2, folder.put(text, at: "a.conll"))
    XCTAssertEqual(corpus.train.map(\.words), [["le", "rein", "10 000"], ["fin"]])
    XCTAssertEqual(corpus.labels, ["O", "B-ANAT", "I-ANAT"])
    XCTAssertEqual(corpus.task, .entities)
    XCTAssertEqual(try read(.conll2, folder.put("le DET\n", at: "b.conll")).task, .pos)
  }

  func testTwoColumnsLeaveOutASentenceWithABadLine() throws {
    let folder = try TemporaryFolder()
    for bad in ["seul", "a b c", "\tO", "a\t"] {
      let corpus = try read(.conll2, folder.put("a O\n\(bad)\nb O\n\nc O\n", at: "a.conll"))
      XCTAssertEqual(corpus.train.map(\.words), [["c"]], bad)
      XCTAssertTrue(corpus.notes[0].contains("a.conll:2"), corpus.notes[0])
    }
  }

  func testManyBadLinesAreAnErrorAndAFewInManyAreNot() throws {
    let folder = try TemporaryFolder()
    assertThrows("a.conll:41", "21 bad lines") {
      _ = try read(.conll2, folder.put(String(repeating: "bad\n\n", count: 30), at: "a.conll"))
    }
    let many = String(repeating: "a O\n", count: 3000) + "\n" + String(repeating: "bad\n\n", count: 30)
    let corpus = try read(.conll2, folder.put(many, at: "b.conll"))
    XCTAssertEqual(corpus.train.count, 1)
    XCTAssertEqual(corpus.notes.last, "30 sentences left out, for a bad line in each")
  }

  // MARK: CAS and ESSAI

  private func cas(_ documents: Range<Int>, _ tag: (Int) -> String = { "T\($0 % 3)" }) -> String {
    documents.map { "\($0)\t0\tmot\($0)\tlemme\t\(tag($0))\n\($0)\t1\t.\t.\tPUN\n" }.joined(separator: "\n")
  }

  func testCasReadsColumnFiveAndColumnSevenOfEight() throws {
    let folder = try TemporaryFolder()
    let text = "1\t0\tLe\tle\tDET:ART\n1\t1\tchat\tchat\t-\t-\tNOM\t-\n2\t0\tdort\tdormir\tVER:pres\tx\n"
    let corpus = try read(.cas, folder.put(text, at: "CAS.txt"))
    XCTAssertEqual(corpus.train.map(\.words), [["Le", "chat"], ["dort"]])
    XCTAssertEqual(corpus.train.map(\.tags), [["DET:ART", "NOM"], ["VER:pres"]])
    XCTAssertEqual(corpus.labels, ["DET:ART", "NOM", "VER:pres"])
  }

  func testCasCountsADocumentOfBothFilesOnceAndSplitsBySeed() throws {
    let folder = try TemporaryFolder()
    try folder.put(cas(0..<80), at: "CAS_neg.txt")
    try folder.put(cas(40..<120) + "\n120\t0\tcourt\n", at: "CAS_spec.txt")
    func corpus(_ seed: UInt64) throws -> TaggedCorpus {
      try TaggedCorpusReader.read(format: .cas, paths: .folder(folder.url), options: TaggedCorpusOptions(seed: seed))
    }
    let first = try corpus(1)
    XCTAssertEqual(first.splits.map(\.sentences.count), [84, 12, 24])
    let words = first.splits.flatMap(\.sentences).map { $0.words[0] }
    XCTAssertEqual(Set(words), Set((0..<120).map { "mot\($0)" }))
    XCTAssertEqual(words.count, 120)
    XCTAssertNotEqual(words, (0..<120).map { "mot\($0)" })
    XCTAssertEqual(try corpus(1).train, first.train)
    XCTAssertNotEqual(try corpus(2).train, first.train)
    XCTAssertTrue(
      first.notes.contains { $0.contains("CAS_spec.txt:241: 3 columns, at least 5 expected") }, "\(first.notes)")
    XCTAssertTrue(first.notes.contains("40 documents stand in several files: read once"))
  }

  func testCasKeepsTheFirstReadingOfADocumentThatDiffers() throws {
    let folder = try TemporaryFolder()
    try folder.put(cas(0..<10), at: "a.txt")
    try folder.put(cas(0..<10) { $0 == 4 ? "AUTRE" : "T\($0 % 3)" }, at: "b.txt")
    let corpus = try TaggedCorpusReader.read(format: .cas, paths: .folder(folder.url))
    XCTAssertFalse(corpus.labels.contains("AUTRE"))
    XCTAssertEqual(corpus.notes.last, "1 of them differ there in words or tags: the first stays")
  }

  /// The paper's counts: CAS 3,790 documents give 2,653 / 379 / 758, ESSAI 7,247 give 5,072 / 725 / 1,450.
  func testSplitHasThePapersCounts() throws {
    let folder = try TemporaryFolder()
    for (count, expected) in [(3790, [2653, 379, 758]), (7247, [5072, 725, 1450])] {
      let url = try folder.put((0..<count).map { "\($0)\t0\tm\tm\tN\n" }.joined(), at: "x\(count).txt")
      let corpus = try TaggedCorpusReader.read(format: .cas, paths: .pooled([url]))
      XCTAssertEqual(corpus.splits.map(\.sentences.count), expected)
    }
  }

  // MARK: Paths

  func testPathsThatCannotWorkAreNamed() throws {
    let folder = try TemporaryFolder()
    assertThrows("nowhere", "no such file") { _ = try read(.conllu, folder.file("nowhere")) }
    assertThrows("not a regular file") { _ = try read(.conllu, folder.url) }
    assertThrows("not a regular file") { _ = try read(.conllu, URL(fileURLWithPath: "/dev/zero")) }
    assertThrows("no train part") { _ = try TaggedCorpusReader.read(format: .conllu, paths: .folder(folder.url)) }
    try folder.put(row("1", "a", "X"), at: "x-train.conllu")
    try folder.put(row("1", "a", "X"), at: "y-train.conllu")
    assertThrows("x-train.conllu, y-train.conllu") {
      _ = try TaggedCorpusReader.read(format: .conllu, paths: .folder(folder.url))
    }
    assertThrows("no tagged sentence") { _ = try read(.conllu, folder.put("\n\n", at: "empty.conllu")) }
    assertThrows("holds no entities") {
      _ = try read(.conllu, folder.file("x-train.conllu"), TaggedCorpusOptions(task: .entities))
    }
    assertThrows("too few") {
      _ = try TaggedCorpusReader.read(format: .cas, paths: .pooled([folder.put(cas(0..<3), at: "c.txt")]))
    }
  }
}
