import Base
import XCTest

final class CRC32Tests: XCTestCase {
  /// RFC 3720, appendix B.4, and the check value of the CRC catalogue.
  func testCastagnoliOfPublishedVectors() {
    XCTAssertEqual(CRC32.castagnoli.checksum([UInt8](repeating: 0, count: 32)), 0x8A91_36AA)
    XCTAssertEqual(CRC32.castagnoli.checksum([UInt8](repeating: 0xFF, count: 32)), 0x62A8_AB43)
    XCTAssertEqual(CRC32.castagnoli.checksum(Array(0..<32)), 0x46DD_794E)
    XCTAssertEqual(CRC32.castagnoli.checksum(Array((0..<32).reversed())), 0x113F_DB5C)
    let readCommand: [UInt8] =
      [0x01, 0xC0, 0, 0] + [UInt8](repeating: 0, count: 12) + [0x14, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18]
      + [0x28] + [UInt8](repeating: 0, count: 7) + [0x02] + [UInt8](repeating: 0, count: 7)
    XCTAssertEqual(CRC32.castagnoli.checksum(readCommand), 0xD996_3A56)
    XCTAssertEqual(CRC32.castagnoli.checksum(Array("123456789".utf8)), 0xE306_9283)
    XCTAssertEqual(CRC32.castagnoli.checksum([]), 0)
  }

  func testCRC32OfPublishedVectors() {
    // The check value of CRC-32/ISO-HDLC, and texts with their known sums.
    for (text, expected) in [
      ("", 0), ("a", 0xE8B7_BE43), ("123456789", 0xCBF4_3926),
      ("The quick brown fox jumps over the lazy dog", 0x414F_A339),
    ] as [(String, UInt32)] {
      XCTAssertEqual(Array(text.utf8).withUnsafeBytes { CRC32.zip.checksum($0) }, expected, text)
    }
  }
}
