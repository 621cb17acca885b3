/// CRC-32 as zip uses it (polynomial 0xEDB88320, reflected), eight bytes a step.
///
/// Sarwate's table, sliced by eight: Kounavis and Berry, "Novel table lookup-based algorithms", IEEE ToC 2008.
package enum CRC32 {
  /// Eight tables of 256, end to end: table k advances a byte over k more zero bytes.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var remainder = UInt32(byte)
      for _ in 0..<8 { remainder = remainder >> 1 ^ (remainder & 1 == 0 ? 0 : 0xEDB8_8320) }
      tables[byte] = remainder
    }
    for index in 256..<8 * 256 {
      let shorter = tables[index - 256]
      tables[index] = shorter >> 8 ^ tables[Int(shorter & 0xFF)]
    }
    return tables
  }()

  /// The checksum of `bytes`; 0 of none.
  package static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
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
}
