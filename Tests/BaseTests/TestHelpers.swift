import Base
import XCTest

/// Asserts that `expression` throws exactly `expected`, and that its description is one line.
func assertThrowsExactly<Result, Failure: Error & Equatable>(
  _ expected: Failure, _ expression: @autoclosure () throws -> Result, file: StaticString = #filePath,
  line: UInt = #line
) {
  XCTAssertThrowsError(try expression(), file: file, line: line) { error in
    XCTAssertEqual(error as? Failure, expected, "\(error)", file: file, line: line)
    XCTAssertFalse("\(error)".contains(where: \.isNewline), "not one line: \(error)", file: file, line: line)
  }
}

/// As above, for the errors of files, which most tests here expect.
func assertThrows<Result>(
  _ expected: FileError, _ expression: @autoclosure () throws -> Result, file: StaticString = #filePath,
  line: UInt = #line
) {
  assertThrowsExactly(expected, try expression(), file: file, line: line)
}
