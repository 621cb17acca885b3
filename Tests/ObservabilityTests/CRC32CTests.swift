import Observability
import XCTest

final class CRC32CTests: XCTestCase {
  /// RFC 3720, appendix B.4, and the check value of the CRC catalogue.
  func testPublishedVectors() {
    XCTAssertEqual(CRC32C.checksum([UInt8](repeating: 0, count: 32)), 0x8A91_36AA)
    XCTAssertEqual(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)), 0x62A8_AB43)
    XCTAssertEqual(CRC32C.checksum(0..<32), 0x46DD_794E)
    XCTAssertEqual(CRC32C.checksum((0..<32).reversed()), 0x113F_DB5C)
    let readCommand: [UInt8] =
      [0x01, 0xC0, 0, 0] + [UInt8](repeating: 0, count: 12) + [0x14, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18]
      + [0x28] + [UInt8](repeating: 0, count: 7) + [0x02] + [UInt8](repeating: 0, count: 7)
    XCTAssertEqual(CRC32C.checksum(readCommand), 0xD996_3A56)
    XCTAssertEqual(CRC32C.checksum("123456789".utf8), 0xE306_9283)
    XCTAssertEqual(CRC32C.checksum([]), 0)
  }

  func testMaskRotatesAndAdds() {
    // (0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8 mod 2^32, by hand in Python.
    XCTAssertEqual(CRC32C.masked("123456789".utf8), 0xC78A_B0E5)
  }
}
