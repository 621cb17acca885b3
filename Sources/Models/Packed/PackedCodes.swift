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
    _ words: UnsafePointer<UInt32>, _ count: Int, bits: Int, into codes: UnsafeMutablePointer<Int8>
  ) -> Bool {
    let raise = Int32(1) &<< Int32(truncatingIfNeeded: bits &- 1)
    let mask = UInt64(1) &<< UInt64(truncatingIfNeeded: bits) &- 1
    let shift = UInt64(truncatingIfNeeded: bits)
    var held: UInt64 = 0
    var heldBits = 0
    var place = 0
    for i in 0..<count {
      if heldBits < bits {
        held |= UInt64(words[place]) &<< UInt64(truncatingIfNeeded: heldBits)
        heldBits &+= 32
        place &+= 1
      }
      codes[i] = Int8(truncatingIfNeeded: Int32(truncatingIfNeeded: held & mask) &- raise)
      held &>>= shift
      heldBits &-= bits
    }
    return held == 0
  }
}
