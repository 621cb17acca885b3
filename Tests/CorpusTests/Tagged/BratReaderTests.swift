import Corpus
import Foundation
import TestSupport
import XCTest

final class BratReaderTests: XCTestCase {
  private func tags(_ text: String, _ annotations: String, _ segmentation: BratSegmentation = .wholeDocument) throws
    -> [String]
  {
    let folder = try TemporaryFolder()
    try folder.put(text, at: "c/a.txt")
    try folder.put(annotations, at: "c/a.ann")
    let options = TaggedCorpusOptions(bratSegmentation: segmentation)
    return try read(.brat, folder.file("c"), options).train.map { $0.tags.joined(separator: " ") }
  }

  // MARK: Rules

  func testOffsetsCountCodePoints() throws {
    // e + combining acute is two code points, an emoji one; both are more in UTF-16 or in bytes.
    XCTAssertEqual(try tags("e\u{301} 😀 rein", "T1\tANAT 5 9\trein\n"), ["O O B-ANAT"])
  }

  func testSpanCoversTheTokensItOverlaps() throws {
    XCTAssertEqual(try tags("anti-VIH actif ici", "T1\tLIVB 5 10\tVIH a\n"), ["B-LIVB I-LIVB O"])
  }

  func testDiscontinuousEntityCountsPartByPart() throws {
    XCTAssertEqual(
      try tags("douleurs intenses et chroniques", "T1\tDISO 0 8;21 31\tdouleurs chroniques\n"), ["B-DISO O O B-DISO"])
  }

  func testLongestOfOverlappingEntitiesStays() throws {
    let annotations = "T1\tANAT 10 14\tfoie\nT2\tDISO 0 14\tcancer du foie\nT3\tPROC 7 23\tdu foie opéré là\n"
    XCTAssertEqual(
      try tags("cancer du foie opéré là", annotations),
      ["O B-PROC I-PROC I-PROC I-PROC"])
    XCTAssertEqual(
      try tags("cancer du foie", "T1\tANAT 10 14\tfoie\nT2\tDISO 0 14\tcancer du foie\n"), ["B-DISO I-DISO I-DISO"])
  }

  func testFirstOfEqualSpansStays() throws {
    XCTAssertEqual(try tags("aspirine", "T1\tCHEM 0 8\taspirine\nT2\tPROC 0 8\taspirine\n"), ["B-CHEM"])
  }

  func testNeighbouringEntitiesOfOneTypeStayTwo() throws {
    XCTAssertEqual(try tags("fièvre toux", "T1\tDISO 0 6\tfièvre\nT2\tDISO 7 11\ttoux\n"), ["B-DISO B-DISO"])
  }

  func testFullStopsCutExceptAfterNumbers() throws {
    let cut = try tags(
      "a b . le 3 . puis c . fin", "T1\tDISO 6 10\tle 3\n", .fullStops)
    XCTAssertEqual(cut, ["O O O", "B-DISO I-DISO O O O O", "O"])
    let folder = try TemporaryFolder()
    try folder.put("a . b", at: "c/a.txt")
    try folder.put("", at: "c/a.ann")
    let options = TaggedCorpusOptions(bratSegmentation: .fullStops, keepsTails: false)
    XCTAssertEqual(try read(.brat, folder.file("c"), options).train.map(\.words), [["a", "."]])
  }

  func testSpanAcrossACutOpensAnew() throws {
    XCTAssertEqual(try tags("a . b c", "T1\tDISO 0 7\ta . b c\n", .fullStops), ["B-DISO I-DISO", "B-DISO I-DISO"])
  }

  func testMarksAndCarriageReturnsMayOrMayNotHaveBeenCounted() throws {
    for text in ["\u{FEFF}le\r\nrein gauche", "\u{FEFF}le\nrein gauche", "le\r\nrein gauche"] {
      let scalars = Array(text.unicodeScalars)
      let counted = scalars.firstIndex(of: "r")!
      XCTAssertEqual(try tags(text, "T1\tANAT \(counted) \(counted + 4)\trein\n"), ["O B-ANAT O"], text)
      XCTAssertEqual(try tags(text, "\u{FEFF}T1\tANAT 3 7\trein\r\n"), ["O B-ANAT O"], text)
    }
  }

  func testTextIsNeverNormalised() throws {
    let folder = try TemporaryFolder()
    try folder.put("e\u{301}tat \u{E9}tat", at: "c/a.txt")
    try folder.put("", at: "c/a.ann")
    let words = try read(.brat, folder.file("c")).train[0].words
    XCTAssertEqual(words.map { Array($0.utf8) }, [Array("e\u{301}tat".utf8), Array("\u{E9}tat".utf8)])
  }

  // MARK: Damage

  func testDamagedEntityLinesAreNamedByFileAndLine() throws {
    assertThrows("a.ann:2", "span 2 99", "4 characters") { _ = try tags("rein", "#1\tnote\nT1\tANAT 2 99\trein\n") }
    assertThrows("a.ann:1", "x 4") { _ = try tags("rein", "T1\tANAT x 4\trein\n") }
    assertThrows("a.ann:1", "empty or reversed") { _ = try tags("rein", "T1\tANAT 4 4\trein\n") }
    assertThrows("a.ann:1") { _ = try tags("rein", "T1 ANAT 0 4 rein\n") }
    assertThrows("a.ann:1") { _ = try tags("rein", "T1\tANAT 0 99999999999999999999\trein\n") }
    assertThrows("a.ann:1") { _ = try tags("rein", "T1\tANAT 0 2;\trein\n") }
  }

  func testOneWrongTextIsReportedAndManyAreAnError() throws {
    let folder = try TemporaryFolder()
    try folder.put("foie rein", at: "c/a.txt")
    try folder.put("T1\tANAT 0 4\trein\nT2\tANAT 5 9\trein\n", at: "c/a.ann")
    let corpus = try read(.brat, folder.file("c"))
    XCTAssertEqual(corpus.train[0].tags, ["O", "B-ANAT"])
    XCTAssertTrue(corpus.notes[0].contains("a.ann:1: entity text rein"), corpus.notes[0])
    // Of the notes, the bad line alone is a complaint; the count of entities is a fact.
    XCTAssertEqual(corpus.complaints, [corpus.notes[0]])
    XCTAssertTrue(corpus.notes.count > 1 && corpus.notes[1].contains("annotated"), "\(corpus.notes)")
    try folder.put(String(repeating: "T1\tANAT 0 4\trein\n", count: 30), at: "c/a.ann")
    assertThrows("a.ann:21", "21 bad lines, 20 allowed") { _ = try read(.brat, folder.file("c")) }
  }

  func testHalfAPairIsAnError() throws {
    let folder = try TemporaryFolder()
    try folder.put("rein", at: "c/a.txt")
    assertThrows("a.txt", "a.ann") { _ = try read(.brat, folder.file("c")) }
    try folder.put("", at: "d/b.ann")
    assertThrows("b.ann", "b.txt") { _ = try read(.brat, folder.file("d")) }
  }

  func testBytesThatAreNotUTF8AreAnErrorUnderOffsets() throws {
    let folder = try TemporaryFolder()
    try folder.put([0x61, 0x0A, 0xFF, 0x62], at: "c/a.txt")
    try folder.put("", at: "c/a.ann")
    assertThrows("a.txt:2", "UTF-8") { _ = try read(.brat, folder.file("c")) }
  }

  /// One byte in thousands is no other encoding: an offset behind it would still be wrong.
  func testOneByteThatIsNotUTF8IsAnErrorUnderOffsets() throws {
    let folder = try TemporaryFolder()
    let text = Array(String(repeating: "le foie ", count: 500).utf8)
    try folder.put(text + [0x0A, 0x61, 0xFF, 0x62], at: "c/a.txt")
    try folder.put("", at: "c/a.ann")
    assertThrows(TaggedCorpusError.self, saying: ["a.txt"]) {
      try read(.brat, folder.file("c"))
    } where: {
      if case .notUTF8(_, let line) = $0 { return line == 2 }
      return false
    }
  }

  func testSeveralSubsetsNeedAChoice() throws {
    let folder = try TemporaryFolder()
    for part in ["train", "dev", "test"] {
      for subset in ["EMEA", "MEDLINE"] {
        try folder.put("a . b", at: "\(part)/\(subset)/x.txt")
        try folder.put("", at: "\(part)/\(subset)/x.ann")
      }
    }
    assertThrows("EMEA, MEDLINE") { _ = try TaggedCorpusReader.read(format: .brat, paths: .folder(folder.url)) }
    let emea = try TaggedCorpusReader.read(
      format: .brat, paths: .folder(folder.url), options: TaggedCorpusOptions(bratSubset: "EMEA"))
    XCTAssertEqual(emea.test.map(\.words), [["a", "."], ["b"]])
    assertThrows("no such file or folder") {
      _ = try TaggedCorpusReader.read(
        format: .brat, paths: .folder(folder.url), options: TaggedCorpusOptions(bratSubset: "EMAE"))
    }
  }

  // MARK: QUAERO

  static let cure = " (fine_tuning.tokenization: punctuation cuts words there)"
  private static let types = ["ANAT", "CHEM", "DEVI", "DISO", "GEOG", "LIVB", "OBJC", "PHEN", "PHYS", "PROC"]

  /// Counts and checksums from an independent reading in Python (`\S+`, `str.isnumeric`, spans sorted by length).
  func testQuaeroEMEAHasThePapersSegmentsAndLabels() throws {
    let root = try SharedFolder.url("data/quaero")
    let corpus = try TaggedCorpusReader.read(
      format: .brat, paths: .folder(root), options: TaggedCorpusOptions(bratSubset: "EMEA"))
    XCTAssertEqual(corpus.splits.map(\.sentences.count), [440, 401, 363])
    XCTAssertEqual(corpus.splits.map { $0.sentences.reduce(0) { $0 + $1.words.count } }, [14_944, 13_271, 12_042])
    XCTAssertEqual(corpus.labels, ["O"] + BratReaderTests.types.flatMap { ["B-" + $0, "I-" + $0] })
    XCTAssertEqual(
      corpus.notes,
      [
        "train: 2695 entities annotated, 27 of them discontinuous",
        "train: spans that begin or end inside a word, all of which is tagged: 1\(BratReaderTests.cure)",
        "validation: 2260 entities annotated, 15 of them discontinuous",
        "test: 2204 entities annotated, 42 of them discontinuous",
        "test: spans that begin or end inside a word, all of which is tagged: 1\(BratReaderTests.cure)",
      ])
    let kept = corpus.splits.map { $0.sentences.reduce(0) { $0 + $1.tags.filter { $0.hasPrefix("B-") }.count } }
    XCTAssertEqual(kept, [2356, 1916, 1838])
    let sums = corpus.splits.map { taggedChecksum($0.sentences.filter { !$0.words.isEmpty }) }
    XCTAssertEqual(sums, [0xa0e7_1835_d4c6_710d, 0xd062_98cc_721a_a349, 0x452a_975c_d656_0390])

    let cut = try TaggedCorpusReader.read(
      format: .brat, paths: .folder(root), options: TaggedCorpusOptions(bratSubset: "EMEA", keepsTails: false))
    XCTAssertEqual(cut.splits.map(\.sentences.count), [429, 389, 348])
  }

  func testQuaeroMEDLINEHasOneExampleAFile() throws {
    let corpus = try TaggedCorpusReader.read(
      format: .brat, paths: .folder(SharedFolder.url("data/quaero")),
      options: TaggedCorpusOptions(bratSubset: "MEDLINE"))
    XCTAssertEqual(corpus.splits.map(\.sentences.count), [833, 832, 833])
    XCTAssertEqual(corpus.splits.map { $0.sentences.reduce(0) { $0 + $1.words.count } }, [10_552, 10_503, 10_871])
    XCTAssertEqual(corpus.labels.count, 21)
    XCTAssertEqual(
      corpus.splits.map { taggedChecksum($0.sentences) },
      [0xa714_8d59_0935_8c8f, 0x12a_1635_49fb_1ce6, 0x3780_00d8_f5d6_6469])
  }
}
