import Base
import Foundation
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

final class ProtobufTests: XCTestCase {
  /// The examples of protobuf.dev/programming-guides/encoding: 150 as field 1, "testing" as field 2, both within field 3.
  func testMessagesHaveThePublishedBytesAndReadBack() throws {
    var inner = ProtobufMessage()
    inner.append(1, varint: 150)
    XCTAssertEqual(inner.bytes, [0x08, 0x96, 0x01])
    var message = ProtobufMessage()
    message.append(2, string: "testing")
    message.append(3, message: inner)
    XCTAssertEqual(
      message.bytes, [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6E, 0x67, 0x1A, 0x03, 0x08, 0x96, 0x01])
    message.append(4, integer: -1)
    message.append(5, double: 1)
    message.append(6, float: -2)
    try message.bytes.withUnsafeBytes { bytes in
      var fields = ProtobufFields(bytes, in: 0..<bytes.count)
      var read: [Int: ProtobufFields.Value] = [:]
      while let (number, value) = try fields.next() { read[number] = value }
      XCTAssertEqual(
        read,
        [
          2: .bytes(2..<9), 3: .bytes(11..<14), 4: .varint(.max), 5: .fixed64(Double(1).bitPattern),
          6: .fixed32(Float(-2).bitPattern),
        ])
    }
  }
}

final class ClockTests: XCTestCase {
  func testTheClockGoesForwardInNanoseconds() {
    let first = monotonicNanoseconds()
    usleep(20_000)
    let passed = monotonicNanoseconds() - first
    XCTAssertTrue((20_000_000..<5_000_000_000).contains(passed), "\(passed) ns")
    XCTAssertEqual(monotonicSeconds(), Double(monotonicNanoseconds()) * 1e-9, accuracy: 1)
  }
}
