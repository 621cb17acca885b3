import Base
import Checkpoints
import Foundation
import TestSupport
import XCTest

final class AtomicFolderTests: XCTestCase {
  private struct Stop: Error {}

  private func write(_ url: URL, _ text: String, canExchange: Bool = true) throws {
    try AtomicFolder.write(to: url, calls: .system, canExchange: canExchange) { stage in
      try stage.write("a.txt") { try $0.write(Array(text.utf8)) }
      try stage.write("b.json", text: ["text": .string(text)])
    }
  }

  private func content(_ url: URL) throws -> String {
    try String(contentsOf: url.appendingPathComponent("a.txt"), encoding: .utf8)
  }

  private func names(_ url: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: url.path).sorted()
  }

  func testWritesWholeFoldersWithChecksums() throws {
    let folder = try TemporaryFolder()
    let url = folder.url.appendingPathComponent("deep/er/checkpoint", isDirectory: true)
    try write(url, "one")
    XCTAssertEqual(try names(url), ["a.txt", "b.json", "checksums.json"])
    XCTAssertEqual(try names(url.deletingLastPathComponent()), ["checkpoint"])
    XCTAssertTrue(AtomicFolder.isComplete(url))
    XCTAssertNoThrow(try AtomicFolder.verify(url))
  }

  func testReplacesInOneStepOrInTwo() throws {
    for canExchange in [true, false] {
      let folder = try TemporaryFolder()
      let url = folder.file("checkpoint")
      for text in ["one", "two", "three"] {
        try write(url, text, canExchange: canExchange)
        XCTAssertEqual(try content(url), text)
        XCTAssertEqual(try names(folder.url), ["checkpoint"])
        XCTAssertNoThrow(try AtomicFolder.verify(url))
      }
    }
  }

  func testAFailureLeavesNothingAndKeepsTheOldFolder() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("checkpoint")
    func fail() throws {
      try AtomicFolder.write(to: url) { stage in
        try stage.write("a.txt") { try $0.write([1]) }
        throw Stop()
      }
    }
    XCTAssertThrowsError(try fail()) { XCTAssertTrue($0 is Stop) }
    XCTAssertEqual(try names(folder.url), [])
    try write(url, "old")
    XCTAssertThrowsError(try fail())
    XCTAssertEqual(try names(folder.url), ["checkpoint"])
    XCTAssertEqual(try content(url), "old")
  }

  func testNamesTheFileThatIsNotAsWritten() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("checkpoint")
    let file = url.appendingPathComponent("a.txt")
    func damaged(_ damage: () throws -> Void) throws {
      try write(url, "abcdef")
      try damage()
    }
    try damaged { XCTAssertEqual(truncate(file.path, 2), 0) }
    assertThrows(.truncatedFile(path: file.path, expected: 6, found: 2), try AtomicFolder.verify(url))
    try damaged { try Data("abcdefg".utf8).write(to: file) }
    assertThrows(.lengthenedFile(path: file.path, expected: 6, found: 7), try AtomicFolder.verify(url))
    try damaged { try Data("abcdeF".utf8).write(to: file) }
    assertThrows(.alteredFile(path: file.path), try AtomicFolder.verify(url))
    try damaged { try FileManager.default.removeItem(at: file) }
    assertThrows(.missingFile(path: file.path), try AtomicFolder.verify(url))
    try damaged {
      try FileManager.default.removeItem(at: file)
      try FileManager.default.createDirectory(at: file, withIntermediateDirectories: false)
    }
    assertThrows(.notAFile(path: file.path), try AtomicFolder.verify(url))
    try damaged { try FileManager.default.removeItem(at: url.appendingPathComponent("checksums.json")) }
    assertThrows(.incomplete(folder: url.path), try AtomicFolder.verify(url))
    try FileManager.default.removeItem(at: url)
    assertThrows(.missing(path: url.path), try AtomicFolder.verify(url))
  }

  func testEveryFlippedBitOfTheRecordIsNoticed() throws {
    let digest = FileDigest(byteCount: 12, sha256: String(repeating: "0a", count: 32))
    let written = FolderChecksums(["config.json": digest, "model.safetensors": digest])
    let bytes = try written.text(for: "checksums.json")
    XCTAssertEqual(try FolderChecksums(reading: .of(bytes)), written)
    for bit in 0..<bytes.count * 8 {
      var flipped = bytes
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      do {
        // A record that still reads names another file, size or sum: no file will match it.
        let read = try FolderChecksums(reading: .of(flipped))
        XCTAssertNotEqual(read, written)
      } catch {
        guard case CheckpointError.checksumsDamaged = error else { return XCTFail("bit \(bit): \(error)") }
      }
    }
  }

  func testARecordLeadsToNoOtherFolder() throws {
    let folder = try TemporaryFolder()
    let digest = FileDigest(byteCount: 1, sha256: String(repeating: "0", count: 64))
    let record = folder.file("checksums.json")
    for name in ["../x", "/etc/passwd", "a/b", ".hidden", ""] {
      try Data(try FolderChecksums([name: digest]).text(for: "f")).write(to: record)
      assertThrows(
        .checksumsDamaged(file: record.path, reason: "the entry of \"\(name)\""), try AtomicFolder.verify(folder.url))
    }
  }

  func testRefusesToReplaceSomebodysFolder() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("home")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
    try write(url, "an empty folder may be taken")
    try FileManager.default.removeItem(at: url.appendingPathComponent("checksums.json"))
    assertThrows(.wouldReplace(path: url.path), try write(url, "new"))
    try Data().write(to: folder.file("file"))
    assertThrows(.notAFolder(path: folder.file("file").path), try write(folder.file("file"), "new"))
    assertThrows(
      .notAFolder(path: folder.file("file").path), try write(folder.url.appendingPathComponent("file/x"), "new"))
    assertThrows(.unsafeName(folder: folder.url.path, name: ".x"), try write(folder.file(".x"), "new"))
  }

  func testRefusesNamesThatLeaveTheFolderOrStandTwice() throws {
    let folder = try TemporaryFolder()
    for name in ["../x", "a/b", "", ".", "..", ".hidden", "checksums.json"] {
      assertRefused(try AtomicFolder.write(to: folder.file("c")) { try $0.write(name) { _ in } }) {
        if case .unsafeName = $0 { true } else { false }
      }
    }
    assertRefusedByMachine(
      try AtomicFolder.write(to: folder.file("c")) { stage in
        try stage.write("x") { _ in }
        try stage.write("x") { _ in }
      }
    ) { if case .alreadyWritten = $0 { true } else { false } }
    XCTAssertEqual(try names(folder.url), [])
  }

  func testFilesWrittenByOthersIntoTheStageAreRecorded() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("checkpoint")
    try AtomicFolder.write(to: url) { try Data("abc".utf8).write(to: $0.url.appendingPathComponent("other")) }
    XCTAssertEqual(try FolderChecksums(of: url).digests["other"]?.byteCount, 3)
    assertRefused(
      try AtomicFolder.write(to: folder.file("second")) {
        try FileManager.default.createDirectory(
          at: $0.url.appendingPathComponent("sub"), withIntermediateDirectories: false)
      }
    ) { if case .folderInside = $0 { true } else { false } }
  }

  func testLeftoversOfDeadRunsGoAndThoseOfLivingOnesStay() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("checkpoint")
    let dead = try deadProcess()
    let host = hostName()
    let gone = [".checkpoint.partial-\(host)-\(dead)-1", ".checkpoint.removed-\(host)-\(dead)-2"]
    let kept = [
      ".checkpoint.partial-\(host)-\(getppid())-1", ".checkpoint.partial-another-host-1-1",
      ".other.partial-\(host)-\(dead)-1",
      ".checkpoint.partial-x", ".checkpoint",
    ]
    for name in gone + kept {
      try FileManager.default.createDirectory(at: folder.file(name), withIntermediateDirectories: false)
      try Data([1]).write(to: folder.file(name).appendingPathComponent("x"))
    }
    try write(url, "new")
    XCTAssertEqual(try names(folder.url), (kept + ["checkpoint"]).sorted())
  }

  func testAFolderSetAsideByADeadRunComesBack() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("checkpoint")
    try write(url, "old")
    // As if the run had died between setting the old folder aside and naming the new one.
    let aside = folder.file(".checkpoint.previous-\(hostName())-\(try deadProcess())-3")
    try FileManager.default.moveItem(at: url, to: aside)
    try AtomicFolder.recover(url)
    XCTAssertEqual(try names(folder.url), ["checkpoint"])
    XCTAssertEqual(try content(url), "old")
    // And as if it had died after naming the new one.
    try FileManager.default.copyItem(at: url, to: aside)
    try write(url, "new")
    XCTAssertEqual(try names(folder.url), ["checkpoint"])
    XCTAssertEqual(try content(url), "new")
  }

  func testAReaderNeverSeesTheFolderAbsent() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("checkpoint")
    try write(url, "0")
    let stop = Flag()
    let absences = Flag()
    let path = url.appendingPathComponent("checksums.json").path
    let reader = Thread {
      while !stop.isSet { if access(path, F_OK) != 0 { absences.set() } }
      stop.acknowledge()
    }
    reader.start()
    for turn in 1...50 { try write(url, "\(turn)") }
    stop.set()
    stop.waitForAcknowledgement()
    XCTAssertFalse(absences.isSet)
  }
}

private func hostName() -> String {
  var name = [CChar](repeating: 0, count: 65)
  gethostname(&name, 64)
  return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// The number of a process that has ended.
private func deadProcess() throws -> Int32 {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/bin/true")
  try process.run()
  process.waitUntilExit()
  return process.processIdentifier
}

private final class Flag: @unchecked Sendable {
  private let lock = NSLock()
  private var value = false
  private let done = DispatchSemaphore(value: 0)
  var isSet: Bool { lock.withLock { value } }
  func set() { lock.withLock { value = true } }
  func acknowledge() { done.signal() }
  func waitForAcknowledgement() { done.wait() }
}
