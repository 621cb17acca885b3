import Base
import XCTest

final class ProtobufTests: XCTestCase {
  /// The examples of protobuf.dev/programming-guides/encoding: 150 as field 1, "testing" as field 2, both within field
  /// 3.
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
