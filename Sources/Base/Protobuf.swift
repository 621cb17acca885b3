import Foundation

/// A protocol-buffer message being written, field by field.
///
/// The wire types in use: varint (0), 64 bits (1), bytes (2) and 32 bits (5). A tag is field number · 8 + wire type.
/// Wire format: https://protobuf.dev/programming-guides/encoding
package struct ProtobufMessage {
  /// The message so far.
  package private(set) var bytes: [UInt8] = []

  package init() {}

  /// The message so far.
  package var data: Data { Data(bytes) }

  /// Appends an unsigned number, a truth value or a case of an enumeration.
  package mutating func append(_ number: Int, varint value: UInt64) {
    append(key: number, wireType: 0)
    append(varint: value)
  }

  /// Appends an `int32` or `int64`; a negative one takes ten bytes.
  package mutating func append(_ number: Int, integer value: Int) {
    append(number, varint: UInt64(bitPattern: Int64(value)))
  }

  /// Appends a `double`.
  package mutating func append(_ number: Int, double value: Double) {
    append(key: number, wireType: 1)
    bytes.append(littleEndian: value.bitPattern)
  }

  /// Appends a `float`.
  package mutating func append(_ number: Int, float value: Float) {
    append(key: number, wireType: 5)
    bytes.append(littleEndian: value.bitPattern)
  }

  /// Appends bytes, a string's or an inner message's.
  package mutating func append(_ number: Int, bytes value: some Collection<UInt8>) {
    append(key: number, wireType: 2)
    append(varint: UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  /// Appends a string.
  package mutating func append(_ number: Int, string value: String) { append(number, bytes: value.utf8) }

  /// Appends the key and the length of bytes that follow by another way: those of a tensor, too many to be copied.
  package mutating func append(_ number: Int, headerOfBytes count: Int) {
    append(key: number, wireType: 2)
    append(varint: UInt64(count))
  }

  /// Appends an inner message.
  package mutating func append(_ number: Int, message: ProtobufMessage) { append(number, bytes: message.bytes) }

  /// Appends all fields of another message, which stay fields of this one.
  package mutating func append(fieldsOf other: ProtobufMessage) { bytes += other.bytes }

  private mutating func append(key number: Int, wireType: UInt64) { append(varint: UInt64(number) << 3 | wireType) }

  private mutating func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

extension [UInt8] {
  /// Appends the bytes of `value`, lowest first.
  package mutating func append<Value: FixedWidthInteger>(littleEndian value: Value) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }
}

/// The fields of one protocol-buffer message, read one after the other from untrusted bytes.
///
/// Groups (obsolete since 2008) are refused.
package struct ProtobufFields {
  package enum Value: Equatable {
    case varint(UInt64)
    case fixed32(UInt32)
    case fixed64(UInt64)
    /// Where the field's bytes lie in the whole buffer.
    case bytes(Range<Int>)
  }

  /// Why the bytes are no message, with the offset of the trouble.
  package struct Malformed: Error {
    package let problem: String
  }

  private let buffer: UnsafeRawBufferPointer
  private var at: Int
  private let end: Int

  /// The fields of the message in `range` of `buffer`, which must outlive the reader.
  package init(_ buffer: UnsafeRawBufferPointer, in range: Range<Int>) {
    self.buffer = buffer
    at = range.lowerBound
    end = range.upperBound
  }

  /// The next field, or nil at the end.
  package mutating func next() throws -> (number: Int, value: Value)? {
    guard at < end else { return nil }
    let start = at
    let key = try varint()
    let number = key >> 3
    guard number >= 1 && number <= 0x1FFF_FFFF else { throw malformed("field number \(number)", at: start) }
    switch key & 7 {
    case 0: return (Int(number), .varint(try varint()))
    case 1: return (Int(number), .fixed64(try fixed(UInt64.self)))
    case 2: return (Int(number), .bytes(try lengthDelimited()))
    case 5: return (Int(number), .fixed32(try fixed(UInt32.self)))
    default: throw malformed("wire type \(key & 7)", at: start)
    }
  }

  private func malformed(_ problem: String, at offset: Int) -> Malformed {
    Malformed(problem: "\(problem) at byte \(offset)")
  }

  private mutating func varint() throws -> UInt64 {
    let start = at
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard at < end else { throw malformed("cut-off number", at: start) }
      let byte = buffer[at]
      at += 1
      if shift == 63 && byte > 1 { break }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw malformed("number of more than 64 bits", at: start)
  }

  private mutating func fixed<T: FixedWidthInteger>(_: T.Type) throws -> T {
    guard end - at >= MemoryLayout<T>.size else { throw malformed("cut-off number", at: at) }
    defer { at += MemoryLayout<T>.size }
    return T(littleEndian: buffer.loadUnaligned(fromByteOffset: at, as: T.self))
  }

  private mutating func lengthDelimited() throws -> Range<Int> {
    let start = at
    let count = try varint()
    guard count <= UInt64(end - at) else { throw malformed("field of \(count) bytes, \(end - at) left,", at: start) }
    defer { at += Int(count) }
    return at..<at + Int(count)
  }
}
