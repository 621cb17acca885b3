import Base
import XCTest

final class TextTests: XCTestCase {
  func testOneLineHasNoControlCharacters() {
    XCTAssertEqual(oneLine(" a\nb\tc\u{2028}d "), "a b c d")
    XCTAssertEqual(oneLine("\u{1B}[2Jé\u{7F}"), "\\u{1b}[2Jé\\u{7f}")
    XCTAssertEqual(oneLine(oneLine("x\r\ny\0")), oneLine("x\r\ny\0"))
  }

  func testNumbersAreGroupedAndCountedInWords() {
    XCTAssertEqual([0, 999, 1000, -1_234_567].map(grouped), ["0", "999", "1,000", "-1,234,567"])
    XCTAssertEqual(counted(1, "rank"), "1 rank")
    XCTAssertEqual(counted(2000, "stretch"), "2,000 stretches")
    XCTAssertEqual([0, 1023, 1536, 3 << 30].map(byteSize), ["0 bytes", "1023 bytes", "1.5 KiB", "3.0 GiB"])
  }

  private func lines(_ text: String, in range: Range<Int>? = nil) -> [String] {
    let bytes = Array(text.utf8)
    return bytes.withUnsafeBytes { whole in
      ByteLines(whole, in: range).map { String(decoding: whole[$0], as: UTF8.self) }
    }
  }

  func testLinesEndAtLineFeedsAndTheLastMayLackOne() {
    XCTAssertEqual(lines(""), [])
    XCTAssertEqual(lines("\n"), [""])
    XCTAssertEqual(lines("a\n\nb\r\nc"), ["a", "", "b\r", "c"])
    XCTAssertEqual(lines("ab\ncd\nef", in: 1..<5), ["b", "cd"])
  }
}
