/// Codes of 1 to 8 bits in 32-bit words, as compressed-tensors packs them (`pack-quantized`).
///
/// A code c of b bits is stored as c + 2^(b−1). Element i of a row lies at bit i·b of the row, least significant first, and may
/// cross from one word into the next; every row begins with a word of its own, and what is left of its last word is zero.
package enum PackedCodes {
  /// Bits that a code may have.
  package static let bits = 1...8

  /// The words of a row; nil where it has more bits than an `Int` counts.
  package static func wordCount(columns: Int, bits: Int) -> Int? {
    let (all, overflow) = columns.multipliedReportingOverflow(by: bits)
    return overflow || all > Int.max - 31 ? nil : (all + 31) / 32
  }

  /// Packs one row.
  /// - Parameters:
  ///   - codes: `count` codes, each from −2^(bits−1) to 2^(bits−1) − 1; upper bits of others would fall on their neighbours.
  ///   - words: as many as `wordCount`; all of them are written.
  package static func pack(
    _ codes: UnsafePointer<Int8>, _ count: Int, bits: Int, into words: UnsafeMutablePointer<UInt32>
  ) {
    let raise = Int32(1) &<< Int32(truncatingIfNeeded: bits &- 1)
    var held: UInt64 = 0
    var heldBits = 0
    var place = 0
    for i in 0..<count {
      let code = UInt32(bitPattern: Int32(codes[i]) &+ raise)
      held |= UInt64(code) &<< UInt64(truncatingIfNeeded: heldBits)
      heldBits &+= bits
      if heldBits >= 32 {
        words[place] = UInt32(truncatingIfNeeded: held)
        held &>>= 32
        heldBits &-= 32
        place &+= 1
      }
    }
    if heldBits > 0 { words[place] = UInt32(truncatingIfNeeded: held) }
  }

  /// Unpacks one row of `count` codes; false where bits behind the last code are set.
  package static func unpack(
    _ words: UnsafeRawPointer, _ count: Int, bits: Int, into codes: UnsafeMutablePointer<Int8>
  ) -> Bool {
    // A constant number of bits each: shifts become vectors.
    switch bits {
    case 1: unpack(words, count, 1, codes)
    case 2: unpack(words, count, 2, codes)
    case 3: unpack(words, count, 3, codes)
    case 4: unpack(words, count, 4, codes)
    case 5: unpack(words, count, 5, codes)
    case 6: unpack(words, count, 6, codes)
    case 7: unpack(words, count, 7, codes)
    default: unpackBytes(words, count, codes)
    }
    let used = count &* bits & 31
    guard used > 0 else { return true }
    let last = words.loadUnaligned(fromByteOffset: count &* bits / 32 &* 4, as: UInt32.self)
    return last &>> UInt32(truncatingIfNeeded: used) == 0
  }

  /// Eight codes are as many bytes as a code has bits, and begin with a byte.
  @inline(__always)
  private static func unpack(
    _ words: UnsafeRawPointer, _ count: Int, _ bits: Int, _ codes: UnsafeMutablePointer<Int8>
  ) {
    let raise = Int8(truncatingIfNeeded: 1 &<< (bits &- 1))
    let mask = UInt64(1) &<< UInt64(truncatingIfNeeded: bits) &- 1
    let byteCount = (count &* bits &+ 31) / 32 &* 4
    // Groups whose eight bytes lie in the row; what is left is read byte by byte.
    let groups = byteCount < 8 ? 0 : min(count / 8, (byteCount &- 8) / bits &+ 1)
    for group in 0..<groups {
      let held = words.loadUnaligned(fromByteOffset: group &* bits, as: UInt64.self)
      let target = codes + 8 &* group
      for i in 0..<8 {
        let code = held &>> UInt64(truncatingIfNeeded: i &* bits) & mask
        target[i] = Int8(truncatingIfNeeded: code) &- raise
      }
    }
    for i in 8 &* groups..<count {
      let place = i &* bits
      var held = UInt64(words.load(fromByteOffset: place / 8, as: UInt8.self))
      if place & 7 &+ bits > 8 { held |= UInt64(words.load(fromByteOffset: place / 8 &+ 1, as: UInt8.self)) &<< 8 }
      codes[i] = Int8(truncatingIfNeeded: held &>> UInt64(truncatingIfNeeded: place & 7) & mask) &- raise
    }
  }

  private static func unpackBytes(_ words: UnsafeRawPointer, _ count: Int, _ codes: UnsafeMutablePointer<Int8>) {
    for i in 0..<count {
      codes[i] = Int8(bitPattern: words.load(fromByteOffset: i, as: UInt8.self) ^ 0x80)
    }
  }
}
