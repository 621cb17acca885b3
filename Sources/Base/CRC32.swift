/// A 32-bit cyclic redundancy check, bits reflected, eight bytes a step.
///
/// Sarwate's table, sliced by eight: Kounavis and Berry, "Novel table lookup-based algorithms", IEEE ToC 2008.
package struct CRC32: Sendable {
  /// CRC-32 as zip uses it.
  package static let zip = CRC32(polynomial: 0xEDB8_8320)
  /// CRC-32C (Castagnoli) of RFC 3720, appendix B.4, as TFRecord files use it.
  package static let castagnoli = CRC32(polynomial: 0x82F6_3B78)

  /// Eight tables of 256, end to end: table k advances a byte over k more zero bytes.
  private let tables: [UInt32]

  /// - Parameter polynomial: its bits reflected, without the highest.
  private init(polynomial: UInt32) {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var remainder = UInt32(byte)
      for _ in 0..<8 { remainder = remainder >> 1 ^ (remainder & 1 == 0 ? 0 : polynomial) }
      tables[byte] = remainder
    }
    for index in 256..<8 * 256 {
      let shorter = tables[index - 256]
      tables[index] = shorter >> 8 ^ tables[Int(shorter & 0xFF)]
    }
    self.tables = tables
  }

  /// The checksum of `bytes`; 0 of none.
  package func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    tables.withUnsafeBufferPointer { table in
      var remainder = ~UInt32(0)
      var offset = 0
      while offset &+ 8 <= bytes.count {
        let word =
          UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) ^ UInt64(remainder)
        remainder = 0
        for slice in 0..<8 {
          let byte = Int(truncatingIfNeeded: word >> UInt64(8 &* slice)) & 0xFF
          remainder ^= table[(7 &- slice) &* 256 &+ byte]
        }
        offset &+= 8
      }
      while offset < bytes.count {
        remainder = remainder >> 8 ^ table[Int((remainder ^ UInt32(bytes[offset])) & 0xFF)]
        offset &+= 1
      }
      return ~remainder
    }
  }

  /// The checksum of `bytes`; 0 of none.
  package func checksum(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { checksum($0) } }
}
