import XCTest

/// Asserts that `body` throws a `Failure` that `matches`, and that its description is one line that holds each of `parts`.
public func assertThrows<Failure: Error, Result>(
  _ type: Failure.Type, saying parts: [String] = [], file: StaticString = #filePath, line: UInt = #line,
  _ body: () throws -> Result, where matches: (Failure) -> Bool = { _ in true }
) {
  XCTAssertThrowsError(try body(), file: file, line: line) { thrown in
    guard let error = thrown as? Failure else {
      return XCTFail("not a \(type): \(thrown)", file: file, line: line)
    }
    XCTAssertTrue(matches(error), "another error: \(error)", file: file, line: line)
    let text = "\(error)"
    XCTAssertFalse(text.isEmpty || text.contains(where: \.isNewline), "not one line: \(text)", file: file, line: line)
    for part in parts {
      XCTAssertTrue(text.contains(part), "\"\(part)\" is not in: \(text)", file: file, line: line)
    }
  }
}
