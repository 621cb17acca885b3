/// The fields of one protocol-buffer message, read one after the other from untrusted bytes.
///
/// Knows the four wire types in use; groups (obsolete since 2008) are refused. Wire format:
/// https://protobuf.dev/programming-guides/encoding
struct ProtobufFields {
  enum Value: Equatable {
    case varint(UInt64)
    case fixed32(UInt32)
    case fixed64(UInt64)
    /// Where the field's bytes lie in the whole buffer.
    case bytes(Range<Int>)
  }

  /// Why the bytes are no message, with the offset of the trouble.
  struct Malformed: Error {
    let problem: String
  }

  private let buffer: UnsafeRawBufferPointer
  private var at: Int
  private let end: Int

  /// The fields of the message in `range` of `buffer`, which must outlive the reader.
  init(_ buffer: UnsafeRawBufferPointer, in range: Range<Int>) {
    self.buffer = buffer
    at = range.lowerBound
    end = range.upperBound
  }

  /// The next field, or nil at the end.
  mutating func next() throws -> (number: Int, value: Value)? {
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
