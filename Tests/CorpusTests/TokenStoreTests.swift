import Base
import Corpus
import Foundation
import TestSupport
import XCTest

final class TokenStoreTests: XCTestCase {
  /// Builds the store of `texts`, one file each, as `rankCount` ranks would.
  @discardableResult
  private func build(
    _ texts: [Data], in folder: TemporaryFolder, name: String = "store", rankCount: Int = 1,
    chunkByteCount: Int = 1 << 22,
    layout: DocumentLayout = .automatic, tokenizer: Tokenizer? = nil
  ) throws -> TokenStore {
    let files = try texts.enumerated().map { number, text in
      let file = folder.file("text-\(number).txt")
      try text.write(to: file)
      return file
    }
    let plan = try TokenizationPlan(files: files, layout: layout, chunkByteCount: chunkByteCount)
    let tokenizer = try tokenizer ?? SyntheticModel().tokenizer()
    let build = try TokenStoreBuild(store: folder.file(name), plan: plan, tokenizer: tokenizer)
    try build.prepare()
    var bytesDone = 0
    for rank in (0..<rankCount).reversed() {
      var ofRank = 0
      try build.encodePart(of: rank, rankCount: rankCount) { ofRank = $0 }
      bytesDone += ofRank
    }
    XCTAssertEqual(bytesDone, plan.byteCount)
    let manifest = try build.joinParts(rankCount: rankCount)
    let store = try TokenStore(folder: folder.file(name))
    XCTAssertEqual(store.manifest, manifest)
    XCTAssertFalse(FileManager.default.fileExists(atPath: build.workFolder.path))
    try store.verifyChecksum()
    try store.requireTokenizer(tokenizer)
    return store
  }

  private func ids(_ store: TokenStore) throws -> [Int32] { try store.tokens(0..<store.tokenCount) }

  private func contents(_ folder: URL) throws -> [String: Data] {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    return try Dictionary(
      uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: folder.appendingPathComponent($0))) })
  }

  func testEveryDocumentIsATextOfItsOwn() throws {
    let folder = try TemporaryFolder()
    let store = try build([Data("le patient\nde la\n\n\nla\n".utf8), Data("de\nle\n".utf8)], in: folder)
    let tokenizer = try SyntheticModel().tokenizer()
    let expected = try ["le patient\nde la", "la", "de", "le"].flatMap { try tokenizer.encode($0) }
    XCTAssertEqual(try ids(store), expected)
    XCTAssertEqual(store.manifest.documentCount, 4)
    XCTAssertEqual(store.manifest.sources.map(\.layout), [.blankLine, .onePerLine])
    XCTAssertEqual(store.manifest.bytesPerToken, 2)
  }

  func testLayoutsMeanWhatTheySay() throws {
    let text = Data("le\nla\n \t\r\nde\n".utf8)
    let tokenizer = try SyntheticModel().tokenizer()
    func documents(_ layout: DocumentLayout) throws -> Int {
      try build([text], in: TemporaryFolder(), layout: layout, tokenizer: tokenizer).manifest.documentCount
    }
    XCTAssertEqual(try documents(.blankLine), 2)
    XCTAssertEqual(try documents(.automatic), 2)
    XCTAssertEqual(try documents(.onePerLine), 3)
  }

  func testAnyNumberOfRanksAndAnyChunkSizeGiveTheSameBytes() throws {
    let text = mixedText(documents: 300, seed: 5)
    let folder = try TemporaryFolder()
    let one = try build([text, Data(), text], in: folder, name: "one")
    let expected = try contents(folder.file("one"))
    XCTAssertEqual(Set(expected.keys), ["tokens.bin", "manifest.json"])
    for (rankCount, chunkByteCount) in [(2, 1000), (3, 1), (7, 37), (1, 64), (64, 1 << 16)] {
      let name = "store-\(rankCount)-\(chunkByteCount)"
      try build([text, Data(), text], in: folder, name: name, rankCount: rankCount, chunkByteCount: chunkByteCount)
      XCTAssertEqual(try contents(folder.file(name)), expected, name)
    }
    XCTAssertGreaterThan(one.manifest.replacementCount, 0)
  }

  /// Documents with everything that files hold: carriage returns, byte order marks, NUL, bad UTF-8, blank lines of spaces.
  private func mixedText(documents: Int, seed: UInt64) -> Data {
    var random = SeededNumbers(seed: seed)
    var text = Data("\u{FEFF}".utf8)
    for _ in 0..<documents {
      text += Data(random.text(30).utf8)
      if Int.random(in: 0..<5, using: &random) == 0 { text += Data([0xC3, 0x28, 0xFF]) }
      text += Data(["\n", "\r\n", "\n\n", "\n \u{A0}\n", "\r\n\r\n", "\n\n\n"].randomElement(using: &random)!.utf8)
    }
    return text
  }

  func testBadBytesAreReplacedAndCounted() throws {
    let folder = try TemporaryFolder()
    let store = try build([Data("la\n\nle ".utf8) + [0xFF, 0xC3] + Data(" la\u{FFFD}\0\r\n".utf8)], in: folder)
    let tokenizer = try SyntheticModel().tokenizer()
    let expected = try tokenizer.encode("la") + tokenizer.encode("le \u{FFFD}\u{FFFD} la\u{FFFD}\0\r")
    XCTAssertEqual(try ids(store), expected)
    XCTAssertEqual(store.manifest.replacementCount, 2)
  }

  func testChunksAreWholeDocumentsInOrder() throws {
    let folder = try TemporaryFolder()
    let text = mixedText(documents: 100, seed: 6)
    try text.write(to: folder.file("a.txt"))
    for size in [1, 10, 100, 1000, 1 << 20] {
      let plan = try TokenizationPlan(files: [folder.file("a.txt")], layout: .blankLine, chunkByteCount: size)
      XCTAssertEqual(plan.chunks.map(\.index), Array(plan.chunks.indices))
      XCTAssertEqual(plan.chunks.first?.start, 0)
      XCTAssertEqual(plan.chunks.last?.end, text.count)
      XCTAssertTrue(zip(plan.chunks, plan.chunks.dropFirst()).allSatisfy { $0.end == $1.start && $0.byteCount >= size })
      let dealt = (0..<3).flatMap { plan.chunks(of: $0, rankCount: 3) }
      XCTAssertEqual(dealt.map(\.index).sorted(), Array(plan.chunks.indices))
      XCTAssertEqual(try JSONDecoder().decode(TokenizationPlan.self, from: JSONEncoder().encode(plan)), plan)
    }
  }

  func testLargeVocabulariesTakeFourBytes() throws {
    var model = SyntheticModel()
    model.pieces += (0..<70_000).map { .init("\u{4E00}\($0)", -30) }
    let folder = try TemporaryFolder()
    let tokenizer = try model.tokenizer()
    let store = try build([Data("le \u{4E00}69999 la".utf8)], in: folder, tokenizer: tokenizer)
    XCTAssertEqual(store.manifest.bytesPerToken, 4)
    XCTAssertEqual(try ids(store), try tokenizer.encode("le \u{4E00}69999 la"))
    XCTAssertGreaterThan(try XCTUnwrap(ids(store).max()), 65_536)
  }

  func testBlocksAreCutFromTheJoinedStream() throws {
    let folder = try TemporaryFolder()
    let store = try build([Data(repeating: 0x61, count: 100) + Data("\nle\nla\n".utf8)], in: folder)
    let all = try ids(store)
    for length in [1, 2, 7, all.count - 1, all.count] {
      XCTAssertEqual(store.blockCount(length: length), all.count / length)
      for block in 0..<store.blockCount(length: length) {
        XCTAssertEqual(try store.block(block, length: length), Array(all[block * length..<(block + 1) * length]))
      }
    }
    XCTAssertEqual(store.blockCount(length: all.count + 1), 0)
  }

  // MARK: - What can go wrong

  private func assertThrows<T>(_ make: @autoclosure () throws -> T, _ mention: String, line: UInt = #line) {
    TestSupport.assertThrows((any Error).self, saying: [mention], line: line) {
      try make()
    } where: {
      $0 is CorpusError || $0 is FileError
    }
  }

  func testAnEmptyCorpusLeavesNoStore() throws {
    let folder = try TemporaryFolder()
    assertThrows(try build([Data("\n \r\n\u{2003}\n".utf8)], in: folder), "no document")
    XCTAssertFalse(FileManager.default.fileExists(atPath: folder.file("store").path))
  }

  /// Opening a pipe that nobody writes to used to wait for ever.
  func testANamedPipeIsRefusedAtOnce() throws {
    let folder = try TemporaryFolder()
    try build([Data("le la de\n".utf8)], in: folder)
    for name in ["text.txt", Tokenizer.modelFileName, "store/tokens.bin", "store/manifest.json"] {
      try? FileManager.default.removeItem(at: folder.file(name))
      XCTAssertEqual(mkfifo(folder.file(name).path, 0o600), 0)
    }
    assertThrows(try TokenizationPlan(files: [folder.file("text.txt")]), "not a regular file")
    assertThrows(try Tokenizer(folder: folder.url), "not a regular file")
    assertThrows(try TokenStore(folder: folder.file("store")), "not a regular file")
  }

  func testAStoreIsNeverOverwritten() throws {
    let folder = try TemporaryFolder()
    try build([Data("le".utf8)], in: folder)
    assertThrows(try build([Data("la".utf8)], in: folder), "exists already")
  }

  func testAnInterruptedRunIsStartedAfresh() throws {
    let folder = try TemporaryFolder()
    try "le\n".write(to: folder.file("a.txt"), atomically: true, encoding: .utf8)
    let plan = try TokenizationPlan(files: [folder.file("a.txt")])
    let build = try TokenStoreBuild(store: folder.file("s"), plan: plan, tokenizer: SyntheticModel().tokenizer())
    try build.prepare()
    _ = try build.partWriter(of: 0)  // never finished
    assertThrows(try build.joinParts(rankCount: 1), "was not finished")
    XCTAssertFalse(FileManager.default.fileExists(atPath: build.store.path))
    try build.prepare()
    try build.encodePart(of: 0, rankCount: 1)
    assertThrows(try build.joinParts(rankCount: 2), "rank 1 was not finished")
    XCTAssertEqual(try build.joinParts(rankCount: 1).documentCount, 1)
  }

  func testPartsOfAnotherPlanOrDamagedAreRefused() throws {
    let folder = try TemporaryFolder()
    try "le\nla\n".write(to: folder.file("a.txt"), atomically: true, encoding: .utf8)
    let plan = try TokenizationPlan(files: [folder.file("a.txt")], chunkByteCount: 1)
    let tokenizer = try SyntheticModel().tokenizer()
    let build = try TokenStoreBuild(store: folder.file("s"), plan: plan, tokenizer: tokenizer)
    try build.prepare()
    try build.encodePart(of: 0, rankCount: 2)
    let encoder = ChunkTokenizer(plan: plan, tokenizer: tokenizer)
    let twice = try build.partWriter(of: 1)
    try twice.append(encoder.encode(chunk: plan.chunks[0]))
    try twice.finish()
    assertThrows(try build.joinParts(rankCount: 2), "one twice")
    let part = build.workFolder.appendingPathComponent("part-1.bin")
    try Data([1]).write(to: part)
    assertThrows(try build.joinParts(rankCount: 2), "too short")
    try Data(count: 100).write(to: part)
    assertThrows(try build.joinParts(rankCount: 2), "too long")
    let other = try TokenStoreBuild(store: build.store, plan: plan, tokenizer: SyntheticModel(modelType: 2).tokenizer())
    assertThrows(try other.joinParts(rankCount: 1), "another tokenizer")
    build.discard()
    XCTAssertFalse(FileManager.default.fileExists(atPath: build.workFolder.path))
  }

  func testASourceThatChangesIsNoticed() throws {
    let folder = try TemporaryFolder()
    try "le\n".write(to: folder.file("a.txt"), atomically: true, encoding: .utf8)
    let plan = try TokenizationPlan(files: [folder.file("a.txt")])
    try "le la\n".write(to: folder.file("a.txt"), atomically: true, encoding: .utf8)
    let encoder = try ChunkTokenizer(plan: plan, tokenizer: SyntheticModel().tokenizer())
    assertThrows(try encoder.encode(chunk: plan.chunks[0]), "6 bytes, 3 when planned")
    try "la\n".write(to: folder.file("a.txt"), atomically: true, encoding: .utf8)
    assertThrows(try encoder.encode(chunk: plan.chunks[0]), "is not what rank 0 read")
    assertThrows(try TokenizationPlan(files: [folder.file("none.txt")]), "none.txt: no such file or folder")
    assertThrows(try TokenizationPlan(files: [folder.url]), "not a regular file")
  }

  func testAnUnwritableFolderIsNamed() throws {
    let folder = try TemporaryFolder()
    try "le\n".write(to: folder.file("a.txt"), atomically: true, encoding: .utf8)
    let plan = try TokenizationPlan(files: [folder.file("a.txt")])
    let build = try TokenStoreBuild(
      store: folder.file("a.txt").appendingPathComponent("store"), plan: plan, tokenizer: SyntheticModel().tokenizer())
    assertThrows(try build.prepare(), "a.txt: not a folder")
  }

  func testFullDiskIsAnErrorNotACrash() throws {
    guard FileManager.default.fileExists(atPath: "/dev/full") else { throw XCTSkip("no /dev/full here") }
    let folder = try TemporaryFolder()
    try "le\n".write(to: folder.file("a.txt"), atomically: true, encoding: .utf8)
    let plan = try TokenizationPlan(files: [folder.file("a.txt")])
    let build = try TokenStoreBuild(store: folder.file("s"), plan: plan, tokenizer: SyntheticModel().tokenizer())
    try build.prepare()
    try FileManager.default.createSymbolicLink(
      atPath: build.workFolder.appendingPathComponent("part-0.bin").path, withDestinationPath: "/dev/full")
    assertThrows(try build.encodePart(of: 0, rankCount: 1), "the disk is full")
  }

  func testLyingManifestsAreRefused() throws {
    let folder = try TemporaryFolder()
    let tokenizer = try SyntheticModel().tokenizer()
    try build([Data("le la de\n".utf8)], in: folder, tokenizer: tokenizer)
    let manifest = folder.file("store/manifest.json")
    let good = try XCTUnwrap(JSONSerialization.jsonObject(with: Data(contentsOf: manifest)) as? [String: Any])
    func with(_ key: String, _ value: Any?, _ mention: String, line: UInt = #line) throws {
      var changed = good
      changed[key] = value
      try JSONSerialization.data(withJSONObject: changed).write(to: manifest)
      assertThrows(try TokenStore(folder: folder.file("store")), mention, line: line)
    }
    try with("formatVersion", 2, "format version 2")
    try with("formatVersion", nil, "no formatVersion")
    try with("tokenCount", "many", "tokenCount is of another type")
    try with("tokenCount", 6, "by its manifest")
    try with("tokenCount", Int.max, "tokenCount is")
    try with("tokenCount", -1, "tokenCount is")
    try with("bytesPerToken", 4, "bytesPerToken is 4")
    try with("bytesPerToken", 0, "bytesPerToken is 0")
    try with("vocabularySize", 70_000, "bytesPerToken is 2")
    try with("vocabularySize", -5, "vocabularySize is -5")
    try with("documentCount", -1, "negative")
    try Data("{".utf8).write(to: manifest)
    assertThrows(try TokenStore(folder: folder.file("store")), "not JSON")
    try FileManager.default.removeItem(at: manifest)
    assertThrows(try TokenStore(folder: folder.file("store")), "manifest.json: no such file or folder")
  }

  func testDamagedTokensAreNoticed() throws {
    let folder = try TemporaryFolder()
    let tokenizer = try SyntheticModel().tokenizer()
    try build([Data("le la de\n".utf8)], in: folder, tokenizer: tokenizer)
    let tokens = folder.file("store/tokens.bin")
    var bytes = try Data(contentsOf: tokens)
    bytes[3] = 0xFF
    try bytes.write(to: tokens)
    let store = try TokenStore(folder: folder.file("store"))
    assertThrows(try store.verifyChecksum(), "SHA-256")
    assertThrows(try store.block(0, length: 4), "token 1 is")
    assertThrows(try store.requireTokenizer(SyntheticModel(modelType: 2).tokenizer()), "made by tokenizer")
    try bytes.dropLast().write(to: tokens)
    assertThrows(try TokenStore(folder: folder.file("store")), "9 bytes, 10 by its manifest")
  }

  /// Mutated manifests and token files: an error, or a store whose every token is in its vocabulary.
  func testMutatedStoresNeverCrash() throws {
    let count = ProcessInfo.processInfo.environment["PALIER_FUZZ_INPUTS"].flatMap { Int($0) } ?? 1000
    let folder = try TemporaryFolder()
    try build([Data("le la de\nle patient\n".utf8)], in: folder)
    let files = ["manifest.json", "tokens.bin"].map { folder.file("store/\($0)") }
    let good = try files.map { try Data(contentsOf: $0) }
    var random = SeededNumbers(seed: 7)
    var opened = 0
    for _ in 0..<count {
      for (file, content) in zip(files, good) {
        var bytes = [UInt8](content)
        for _ in 0..<Int.random(in: 0...2, using: &random) where !bytes.isEmpty {
          let at = Int.random(in: 0..<bytes.count, using: &random)
          switch Int.random(in: 0..<4, using: &random) {
          case 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
          case 1: bytes[at] = Array("0987654321-{}[]\",:e.".utf8).randomElement(using: &random)!
          case 2: bytes.insert(bytes[at], at: at)
          default: bytes.remove(at: at)
          }
        }
        try Data(bytes).write(to: file)
      }
      do {
        let store = try TokenStore(folder: folder.file("store"))
        opened += 1
        let ids = try ids(store)
        XCTAssertTrue(ids.allSatisfy { $0 >= 0 && $0 < store.manifest.vocabularySize })
        try store.verifyChecksum()
      } catch is CorpusError {}
    }
    print("token store: \(count) inputs, \(opened) opened")
  }

  // MARK: - Real text

  func testARealCorpusOnThreeRanksIsItsDocuments() throws {
    let file = try SharedFolder.url("data/e3c-fr/corpus-small.txt")
    let tokenizer = try Tokenizer(folder: SharedFolder.url("models/tiny-camembert"))
    let folder = try TemporaryFolder()
    let text = try Data(contentsOf: file)
    let started = Date()
    let plan = try TokenizationPlan(files: [file], chunkByteCount: 100_000)
    let build = try TokenStoreBuild(store: folder.file("store"), plan: plan, tokenizer: tokenizer)
    try build.prepare()
    for rank in 0..<3 { try build.encodePart(of: rank, rankCount: 3) }
    let manifest = try build.joinParts(rankCount: 3)
    let seconds = Date().timeIntervalSince(started)
    print("corpus-small.txt: \(manifest.tokenCount) tokens, \(Double(text.count) / seconds / 1e6) MB/s, files written")
    XCTAssertEqual(manifest.documentCount, 169)  // README of e3c-fr
    XCTAssertEqual(manifest.replacementCount, 0)
    // The documents found in another way: the text split at its empty lines.
    let documents = String(decoding: text, as: UTF8.self).components(separatedBy: "\n\n")
    let store = try TokenStore(folder: folder.file("store"))
    XCTAssertEqual(try ids(store), try documents.flatMap { try tokenizer.encode($0) })
  }
}
