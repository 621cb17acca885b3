import Corpus
import Foundation
import TestSupport
import XCTest

/// Documents that are the same as an earlier one: counted always, left out on request, the same on any number of ranks.
final class DuplicateDocumentsTests: XCTestCase {
  private func build(
    _ texts: [String], in folder: TemporaryFolder, name: String, drops: Bool, rankCount: Int = 1,
    chunkByteCount: Int = 1 << 22
  ) throws -> TokenStore {
    let files = try texts.enumerated().map { number, text in
      let file = folder.file("text-\(number).txt")
      try Data(text.utf8).write(to: file)
      return file
    }
    let plan = try TokenizationPlan(files: files, layout: .blankLine, chunkByteCount: chunkByteCount)
    let build = try TokenStoreBuild(
      store: folder.file(name), plan: plan, tokenizer: SyntheticModel().tokenizer(), dropsDuplicates: drops)
    try build.prepare()
    for rank in 0..<rankCount { try build.encodePart(of: rank, rankCount: rankCount) }
    _ = try build.joinParts(rankCount: rankCount)
    let store = try TokenStore(folder: folder.file(name))
    try store.verifyChecksum()
    return store
  }

  private func ids(_ documents: [String]) throws -> [Int32] {
    let tokenizer = try SyntheticModel().tokenizer()
    return try documents.flatMap { try tokenizer.encode($0) }
  }

  /// Twice in a file, across files, first and last, beside each other, with blank documents between.
  private let texts = [
    "le patient\n\nla\n\nle patient\n\n \n\nle patient\n", "", "\n\n\n",
    "la\n\nde\n\n\n\nle patient\nla\n\nle patient\n",
  ]
  private let all = ["le patient", "la", "le patient", "le patient", "la", "de", "le patient\nla", "le patient"]
  private let first = ["le patient", "la", "de", "le patient\nla"]

  func testTheFirstStaysInTheOrderOfTheStore() throws {
    let folder = try TemporaryFolder()
    let store = try build(texts, in: folder, name: "s", drops: true)
    XCTAssertEqual(try store.tokens(0..<store.tokenCount), try ids(first))
    XCTAssertEqual(store.manifest.documentCount, first.count)
    XCTAssertEqual(store.manifest.duplicateCount, all.count - first.count)
    XCTAssertEqual(store.manifest.dropsDuplicates, true)
    XCTAssertEqual(store.manifest.duplicatesLine, "4 documents the same as an earlier one, left out")
  }

  func testTheyAreOnlyCountedUnlessAskedFor() throws {
    let folder = try TemporaryFolder()
    let store = try build(texts, in: folder, name: "s", drops: false)
    XCTAssertEqual(try store.tokens(0..<store.tokenCount), try ids(all))
    XCTAssertEqual(store.manifest.documentCount, all.count)
    XCTAssertEqual(store.manifest.duplicateCount, 4)
    XCTAssertEqual(store.manifest.dropsDuplicates, false)
    let unique = try build(["le\n\nla\n"], in: folder, name: "unique", drops: false)
    XCTAssertEqual(unique.manifest.duplicateCount, 0)
    XCTAssertNil(unique.manifest.duplicatesLine)
  }

  func testAnyNumberOfRanksAndAnyChunkSizeLeaveOutTheSame() throws {
    let folder = try TemporaryFolder()
    // Many documents of few words, so that most come again, at any distance.
    var numbers = SeededNumbers.ofThisRun()
    let words = ["le", "la", "de", "patient"]
    let documents = (0..<400).map { _ in
      (0..<Int.random(in: 1...4, using: &numbers)).map { _ in words.randomElement(using: &numbers)! }
        .joined(separator: " ")
    }
    let texts = [documents[..<150], documents[150...]].map { $0.joined(separator: "\n\n") + "\n" }
    var seen: Set<String> = []
    let expected = documents.filter { seen.insert($0).inserted }
    XCTAssertLessThan(expected.count, 350)
    func contents(_ name: String) throws -> [Data] {
      try ["tokens.bin", "manifest.json"].map { try Data(contentsOf: folder.file(name).appendingPathComponent($0)) }
    }
    let one = try build(texts, in: folder, name: "one", drops: true)
    XCTAssertEqual(try one.tokens(0..<one.tokenCount), try ids(expected))
    for (ranks, bytes) in [(1, 1), (2, 37), (3, 100), (3, 1), (7, 1000)] {
      let name = "s-\(ranks)-\(bytes)"
      _ = try build(texts, in: folder, name: name, drops: true, rankCount: ranks, chunkByteCount: bytes)
      XCTAssertEqual(try contents(name), try contents("one"), name)
    }
  }

  func testAStoreOfAnotherChoiceIsAnother() throws {
    let folder = try TemporaryFolder()
    let store = try build(["le\n\nle\n"], in: folder, name: "s", drops: true)
    let plan = try TokenizationPlan(files: [folder.file("text-0.txt")], layout: .blankLine)
    let made = store.manifest.tokenizerFingerprint
    XCTAssertTrue(store.manifest.isMade(from: plan, by: made, dropsDuplicates: true))
    XCTAssertFalse(store.manifest.isMade(from: plan, by: made, dropsDuplicates: false))
  }
}
