import Base
import Foundation
import TestSupport
import XCTest

final class FileWriterTests: XCTestCase {
  func testHashesWhatItWrites() throws {
    let folder = try TemporaryFolder()
    let writer = try FileWriter(creating: folder.file("abc"))
    try writer.write(Array("a".utf8))
    try writer.write(Array("bc".utf8))
    // FIPS 180-4's example.
    XCTAssertEqual(
      try writer.finish(),
      FileDigest(byteCount: 3, sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"))
    XCTAssertEqual(try Data(contentsOf: folder.file("abc")), Data("abc".utf8))
    assertThrows(.alreadyWritten(path: folder.file("abc").path), try FileWriter(creating: folder.file("abc")))
  }

  func testShortAndInterruptedWritesAreContinued() throws {
    let folder = try TemporaryFolder()
    let count = 3_000_001
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let turn = Turn()
    let calls = FileCalls(write: { descriptor, pointer, length in
      if turn.next() % 3 == 0 {
        errno = EINTR
        return -1
      }
      return write(descriptor, pointer, min(length, 65_521))
    })
    let writer = try FileWriter(folder.file("short"), .new, calls: calls)
    try writer.write(bytes)
    let digest = try writer.finish()
    XCTAssertEqual(digest.byteCount, count)
    XCTAssertEqual(digest, try FileDigest(readingFileAt: folder.file("short")))
    XCTAssertEqual([UInt8](try Data(contentsOf: folder.file("short"))), bytes)
  }

  func testAWriteThatMakesNoProgressIsAnError() throws {
    let folder = try TemporaryFolder()
    let writer = try FileWriter(folder.file("x"), .new, calls: FileCalls(write: { _, _, _ in 0 }))
    assertThrows(.inputOutput(path: writer.path, operation: "write"), try writer.write([1]))
  }

  func testAFullDeviceIsReported() throws {
    let writer = try FileWriter(URL(fileURLWithPath: "/dev/full"), .existing)
    assertThrows(.diskFull(path: "/dev/full", operation: "write"), try writer.write([1, 2, 3]))
  }

  func testAReplacedFileIsTheOldOneOrTheNewOne() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run.yaml")
    try replaceFile(at: url, with: Array("first".utf8))
    try replaceFile(at: url, with: Array("second".utf8))
    XCTAssertEqual(try Data(contentsOf: url), Data("second".utf8))
    // A folder cannot be renamed over: what is there stays, and nothing is left beside it.
    try createFolders(folder.file("taken/inside").path)
    assertThrows(.notAFile(path: folder.file("taken").path), try replaceFile(at: folder.file("taken"), with: [1]))
    XCTAssertEqual(try namesInFolder(folder.url.path).sorted(), ["run.yaml", "taken"])
  }
}

private final class Turn: @unchecked Sendable {
  private var count = 0
  func next() -> Int {
    count += 1
    return count
  }
}
