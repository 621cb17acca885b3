import Corpus
import Foundation
import TestSupport
import XCTest

/// Files that are not UTF-8 text, and files that are given twice.
final class TextEncodingTests: XCTestCase {
  private let text = String(
    repeating: "Le patient, âgé de 67 ans, a été opéré d'une hernie à l'hôpital : fièvre, œdème, ça va.\n", count: 20)

  /// What the tokenization of one file says; nil when it is taken.
  private func complaint(_ bytes: Data, named name: String = "a.txt", in folder: TemporaryFolder) throws -> String? {
    let url = folder.file(name)
    try bytes.write(to: url)
    let plan = try TokenizationPlan(files: [url], chunkByteCount: 100)
    var sums = [TextCensus()]
    for rank in 0..<3 { sums[0] += try plan.census(of: rank, rankCount: 3)[0] }
    do { try plan.requireText(sums) } catch let error as CorpusError {
      XCTAssertFalse(error.description.contains("\n"))
      return error.description
    }
    return nil
  }

  /// The encodings by Foundation, and back by the very command of the message.
  func testTheCommandOfTheMessageGivesTheTextBack() throws {
    try XCTSkipUnless(FileManager.default.isExecutableFile(atPath: "/usr/bin/iconv"), "no iconv here")
    let folder = try TemporaryFolder()
    // Apple's table (unicode.org, ROMAN.TXT); Foundation on Linux has none.
    let macintosh: [Unicode.Scalar: UInt8] = [
      "é": 0x8E, "è": 0x8F, "à": 0x88, "â": 0x89, "ç": 0x8D, "ô": 0x99, "œ": 0xCF,
    ]
    let noLigature = text.replacingOccurrences(of: "œ", with: "oe")
    let cases: [(String, String, Data?)] = [
      ("ISO-8859-1", noLigature, noLigature.data(using: .isoLatin1)),
      ("WINDOWS-1252", text, text.data(using: .windowsCP1252)),
      ("MACINTOSH", text, Data(text.unicodeScalars.map { macintosh[$0] ?? UInt8($0.value) })),
      ("UTF-16", text, Data([0xFF, 0xFE]) + text.data(using: .utf16LittleEndian)!),
      ("UTF-16LE", text, text.data(using: .utf16LittleEndian)),
      ("UTF-16BE", text, text.data(using: .utf16BigEndian)),
      ("UTF-32LE", text, text.data(using: .utf32LittleEndian)),
    ]
    for (encoding, original, bytes) in cases {
      let name = "l'un \(encoding).txt"
      let line = try XCTUnwrap(try complaint(XCTUnwrap(bytes), named: name, in: folder), encoding)
      let command = try XCTUnwrap(line.range(of: "iconv -f \(encoding) -t UTF-8 "), line)
      let shell = Process()
      shell.executableURL = URL(fileURLWithPath: "/bin/sh")
      shell.arguments = ["-c", String(line[command.lowerBound...])]
      try shell.run()
      shell.waitUntilExit()
      XCTAssertEqual(shell.terminationStatus, 0, line)
      let converted = folder.file("l'un \(encoding).utf8.txt")
      XCTAssertEqual(try String(contentsOf: converted, encoding: .utf8), original, line)
      XCTAssertNil(try complaint(Data(contentsOf: converted), in: folder))
    }
  }

  func testBinaryIsCalledBinary() throws {
    let folder = try TemporaryFolder()
    var random = SeededNumbers(seed: 7)
    let noise = Data((0..<20_000).map { _ in UInt8(truncatingIfNeeded: random.next()) })
    XCTAssertTrue(try XCTUnwrap(try complaint(noise, in: folder)).contains("it is binary: give the text"))
    for (start, kind) in [([0x1F, 0x8B, 8, 0], "gzip"), (Array("%PDF-1.7".utf8), "PDF"), ([0x50, 0x4B, 3, 4], "zip")] {
      XCTAssertTrue(try XCTUnwrap(try complaint(Data(start) + noise, in: folder)).contains("binary (\(kind)"), kind)
    }
  }

  func testOneBadCharacterInAThousandIsTaken() throws {
    let folder = try TemporaryFolder()
    let thousand = Data(String(repeating: "é", count: 999).utf8)
    XCTAssertNil(try complaint(thousand + [0xFF], in: folder))
    XCTAssertNil(try complaint(Data(text.utf8), in: folder))
    XCTAssertNil(try complaint(Data(), in: folder))
    let line = try XCTUnwrap(try complaint(thousand.dropLast(2) + [0xFF], in: folder))
    XCTAssertTrue(line.contains("1 of 999 characters"), line)
    // UTF-8 with a few stretches of something else is not taken for Latin-1 as a whole.
    XCTAssertTrue(line.contains("most of it is UTF-8") && line.contains("iconv -c -f UTF-8"), line)
  }

  func testTaggedFilesAreRefusedWithTheLine() throws {
    let folder = try TemporaryFolder()
    let latin = try XCTUnwrap("le O\nrein B-ANAT\n\nfièvre B-DISO\n".data(using: .isoLatin1))
    for (format, name) in [(TaggedCorpusFormat.conll2, "a.conll"), (.jsonl, "a.jsonl"), (.conllu, "a.conllu")] {
      let url = try folder.put([UInt8](latin), at: name)
      assertThrows("\(name):4: not UTF-8 text: 1 of 32", "iconv -f ISO-8859-1 -t UTF-8 ") { _ = try read(format, url) }
    }
    try folder.put([UInt8](latin), at: "c/a.txt")
    try folder.put("", at: "c/a.ann")
    assertThrows("a.txt:4", "iconv") { _ = try read(.brat, folder.file("c")) }
  }

  func testAFileGivenTwiceIsNamed() throws {
    let folder = try TemporaryFolder()
    let a = try folder.put("le O\n", at: "a.conll")
    let copy = try folder.put("le O\n", at: "copy.conll")
    let other = try folder.put("la O\n", at: "other.conll")
    let link = folder.file("link.conll")
    try FileManager.default.createSymbolicLink(at: link, withDestinationURL: a)
    XCTAssertEqual(RepeatedFiles.lines([a, other]), [])
    XCTAssertEqual(RepeatedFiles.lines([a, other, a]), ["\(a.path) is given twice"])
    XCTAssertEqual(RepeatedFiles.lines([a, link]), ["\(link.path) is given twice: it is \(a.path)"])
    XCTAssertEqual(
      RepeatedFiles.lines([a, other, copy]), ["\(copy.path) has the contents of \(a.path): they are read twice"])
    let corpus = try TaggedCorpusReader.read(
      format: .conll2, paths: .splits(train: [a], validation: [other], test: [copy]))
    XCTAssertTrue(TaggedAudit(corpus).lines.contains { $0.contains("has the contents of") })
  }
}
