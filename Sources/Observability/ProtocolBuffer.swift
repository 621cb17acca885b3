/// Writes one protocol buffer message field by field: the four wire types that TensorBoard's events need.
///
/// Source: Protocol Buffers, "Encoding" (proto3). A tag is field number · 8 + wire type.
struct ProtocolBuffer {
  /// The message so far.
  private(set) var bytes: [UInt8] = []

  /// A variable-length integer (wire type 0). A negative one takes ten bytes, as int64 and int32 do.
  mutating func add(_ field: Int, _ value: Int) {
    varint(UInt64(field << 3))
    varint(UInt64(bitPattern: Int64(value)))
  }

  /// A `double` (wire type 1).
  mutating func add(_ field: Int, _ value: Double) {
    varint(UInt64(field << 3 | 1))
    bytes.append(littleEndian: value.bitPattern)
  }

  /// A `float` (wire type 5).
  mutating func add(_ field: Int, _ value: Float) {
    varint(UInt64(field << 3 | 5))
    bytes.append(littleEndian: value.bitPattern)
  }

  /// A `string` (wire type 2).
  mutating func add(_ field: Int, _ value: String) {
    delimited(field, Array(value.utf8))
  }

  /// An embedded message (wire type 2).
  mutating func add(_ field: Int, _ message: ProtocolBuffer) {
    delimited(field, message.bytes)
  }

  private mutating func delimited(_ field: Int, _ content: [UInt8]) {
    varint(UInt64(field << 3 | 2))
    varint(UInt64(content.count))
    bytes.append(contentsOf: content)
  }

  private mutating func varint(_ value: UInt64) {
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
  mutating func append<Value: FixedWidthInteger>(littleEndian value: Value) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }
}
