import Base
import Checkpoints
import Foundation
import TestSupport
import XCTest

final class FailingCallsTests: XCTestCase {
  func testEveryCallThatFailsIsReported() throws {
    let codes: [(Int32, (String, String) -> FileError)] = [
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
          guard let error = thrown as? FileError else { return XCTFail("\(thrown)") }
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
}

/// Sets errno and gives `value`.
private func fail<Value>(_ code: Int32, _ value: Value) -> Value {
  errno = code
  return value
}
