import Base
import XCTest

final class HashTests: XCTestCase {
  /// Vectors of draft-eastlake-fnv, appendix C.
  func testFNV1aOfPublishedVectors() {
    XCTAssertEqual(FNV1a.hash("".utf8), 0xCBF2_9CE4_8422_2325)
    XCTAssertEqual(FNV1a.hash("a".utf8), 0xAF63_DC4C_8601_EC8C)
    XCTAssertEqual(FNV1a.hash("foobar".utf8), 0x8594_4171_F739_67E8)
    XCTAssertEqual(FNV1a.hash32("".utf8), 0x811C_9DC5)
    XCTAssertEqual(FNV1a.hash32("a".utf8), 0xE40C_292C)
    XCTAssertEqual(FNV1a.hash32("foobar".utf8), 0xBF9C_F968)
  }

  func testHexadecimalHasTwoLowerCaseDigitsAByte() {
    XCTAssertEqual([UInt8]([0, 0x0A, 0xFF, 0x10]).hexadecimal, "000aff10")
  }
}
