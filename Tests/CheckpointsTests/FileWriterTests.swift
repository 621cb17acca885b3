import Checkpoints
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
    let writer = try FileWriter(folder.file("short"), mustBeNew: true, calls: calls)
    try writer.write(bytes)
    let digest = try writer.finish()
    XCTAssertEqual(digest.byteCount, count)
    XCTAssertEqual(digest, try FileDigest(readingFileAt: folder.file("short")))
    XCTAssertEqual([UInt8](try Data(contentsOf: folder.file("short"))), bytes)
  }

  func testEveryCallThatFailsIsReported() throws {
    let codes: [(Int32, (String, String) -> CheckpointError)] = [
      (ENOSPC, { .diskFull(path: $0, operation: $1) }), (EDQUOT, { .quotaExceeded(path: $0, operation: $1) }),
      (EROFS, { .readOnlyDisk(path: $0, operation: $1) }), (EACCES, { .permissionDenied(path: $0, operation: $1) }),
      (EIO, { .inputOutput(path: $0, operation: $1) }), (EFBIG, { .fileTooLarge(path: $0, operation: $1) }),
      (ENODEV, { .system(path: $0, operation: $1, code: ENODEV) }),
    ]
    for (code, expected) in codes {
      let failing: [(String, FileCalls)] = [
        ("write", FileCalls(write: { _, _, _ in fail(code, -1) })),
        ("sync", FileCalls(synchronize: { _ in fail(code, -1) })),
        ("close", FileCalls(close: { close($0) == 0 ? fail(code, -1) : -1 })),
      ]
      for (operation, calls) in failing {
        let folder = try TemporaryFolder()
        let target = folder.file("checkpoint")
        XCTAssertThrowsError(
          try AtomicFolder.write(to: target, calls: calls, canExchange: true) {
            try $0.write("x") { try $0.write([1]) }
          }
        ) { thrown in
          guard let error = thrown as? CheckpointError else { return XCTFail("\(thrown)") }
          let text = "\(error)"
          XCTAssertFalse(text.contains("\n"))
          XCTAssertTrue(text.contains("checkpoint") && text.contains(operation), text)
          // The path is the one of the partial file: any will do for the comparison of the case.
          let path = String(text.prefix { $0 != ":" })
          XCTAssertEqual(error, expected(path, operation))
        }
        XCTAssertEqual(
          try FileManager.default.contentsOfDirectory(atPath: folder.url.path), [], "partial files are left")
      }
    }
  }

  func testAWriteThatMakesNoProgressIsAnError() throws {
    let folder = try TemporaryFolder()
    let writer = try FileWriter(folder.file("x"), mustBeNew: true, calls: FileCalls(write: { _, _, _ in 0 }))
    assertThrows(.inputOutput(path: writer.path, operation: "write"), try writer.write([1]))
  }

  func testAFullDeviceIsReported() throws {
    let writer = try FileWriter(URL(fileURLWithPath: "/dev/full"), mustBeNew: false, calls: .system)
    assertThrows(.diskFull(path: "/dev/full", operation: "write"), try writer.write([1, 2, 3]))
  }
}

/// Sets errno and gives `value`.
private func fail<Value>(_ code: Int32, _ value: Value) -> Value {
  errno = code
  return value
}

private final class Turn: @unchecked Sendable {
  private var count = 0
  func next() -> Int {
    count += 1
    return count
  }
}
