import Foundation

/// UTF-8 read as bytes: where it is well formed, what is white space, and how to mend it.
package enum UTF8Text {
  package typealias Bytes = UnsafeBufferPointer<UInt8>

  /// The number of well-formed bytes before the first malformed one, or before the end.
  static func wellFormedPrefix(of bytes: Bytes) -> Int {
    let count = bytes.count
    var at = 0
    while at < count {
      if bytes[at] < 0x80 {
        at = asciiEnd(in: bytes, from: at)
        continue
      }
      let sequence = sequence(in: bytes, at: at)
      guard sequence.isWellFormed else { return at }
      at += sequence.byteCount
    }
    return count
  }

  /// The bytes with each malformed stretch replaced by U+FFFD, and how many there were; nil when all is well.
  ///
  /// A stretch is a maximal subpart of a well-formed sequence (the Unicode Standard, section 3.9, "U+FFFD Substitution
  /// of Maximal Subparts"), as in Python's and Swift's decoders.
  static func mended(_ bytes: Bytes) -> (bytes: [UInt8], replacementCount: Int)? {
    var at = wellFormedPrefix(of: bytes)
    guard at < bytes.count else { return nil }
    var mended = Array(bytes[..<at])
    var replacementCount = 0
    while at < bytes.count {
      let sequence = sequence(in: bytes, at: at)
      if sequence.isWellFormed {
        mended.append(contentsOf: bytes[at..<at + sequence.byteCount])
      } else {
        mended.append(contentsOf: [0xEF, 0xBF, 0xBD])
        replacementCount += 1
      }
      at += sequence.byteCount
    }
    return (mended, replacementCount)
  }

  /// Whether the text has nothing but white space (Unicode's property White_Space); true when empty.
  static func isBlank(_ bytes: Bytes) -> Bool {
    var at = 0
    while at < bytes.count {
      let length = whiteSpaceLength(in: bytes, at: at)
      if length == 0 { return false }
      at += length
    }
    return true
  }

  /// `end` moved back over the white space before it, not below `start`.
  static func withoutTrailingWhiteSpace(_ bytes: Bytes, from start: Int, to end: Int) -> Int {
    var end = end
    while end > start {
      var before = end - 1
      while before > start && bytes[before] & 0xC0 == 0x80 { before -= 1 }
      guard before + whiteSpaceLength(in: bytes, at: before) == end else { break }
      end = before
    }
    return end
  }

  /// The first offset of the three-byte `▁` (U+2581), SentencePiece's mark for a space, if the text holds one.
  static func firstSpaceMark(in bytes: Bytes) -> Int? {
    guard let start = bytes.baseAddress else { return nil }
    var at = 0
    while at + 2 < bytes.count, let found = memchr(start + at, 0xE2, bytes.count - 2 - at) {
      at = start.distance(to: found.assumingMemoryBound(to: UInt8.self))
      if bytes[at + 1] == 0x96 && bytes[at + 2] == 0x81 { return at }
      at += 1
    }
    return nil
  }

  /// The end of the run of ASCII bytes that starts at `start`.
  private static func asciiEnd(in bytes: Bytes, from start: Int) -> Int {
    let raw = UnsafeRawBufferPointer(bytes)
    var at = start
    while at + 8 <= raw.count {
      let high = raw.loadUnaligned(fromByteOffset: at, as: UInt64.self).littleEndian & 0x8080_8080_8080_8080
      if high != 0 { return at + high.trailingZeroBitCount / 8 }
      at += 8
    }
    while at < bytes.count && bytes[at] < 0x80 { at += 1 }
    return at
  }

  /// The sequence at `at`: a whole character, or a malformed stretch of at least one byte (table 3-7 of the Standard).
  static func sequence(in bytes: Bytes, at: Int) -> (byteCount: Int, isWellFormed: Bool) {
    let lead = bytes[at]
    var low: UInt8 = 0x80
    var high: UInt8 = 0xBF
    let trailCount: Int
    switch lead {
    case 0x00...0x7F: return (1, true)
    case 0xC2...0xDF: trailCount = 1
    case 0xE0...0xEF:
      trailCount = 2
      if lead == 0xE0 { low = 0xA0 }
      if lead == 0xED { high = 0x9F }
    case 0xF0...0xF4:
      trailCount = 3
      if lead == 0xF0 { low = 0x90 }
      if lead == 0xF4 { high = 0x8F }
    default: return (1, false)
    }
    for i in 1...trailCount {
      guard at + i < bytes.count, bytes[at + i] >= low, bytes[at + i] <= high else { return (i, false) }
      (low, high) = (0x80, 0xBF)
    }
    return (trailCount + 1, true)
  }

  /// The length in bytes of the white space character at `at`; 0 where there is another one.
  private static func whiteSpaceLength(in bytes: Bytes, at: Int) -> Int {
    let first = bytes[at]
    if first < 0x80 { return first == 0x20 || (first >= 0x09 && first <= 0x0D) ? 1 : 0 }
    func byte(_ offset: Int) -> UInt8 { at + offset < bytes.count ? bytes[at + offset] : 0 }
    switch (first, byte(1)) {
    case (0xC2, 0x85), (0xC2, 0xA0): return 2  // next line, no-break space
    case (0xE1, 0x9A): return byte(2) == 0x80 ? 3 : 0  // Ogham space
    case (0xE2, 0x80):  // U+2000…200A, line and paragraph separators, narrow no-break space
      return (0x80...0x8A).contains(byte(2)) || [0xA8, 0xA9, 0xAF].contains(byte(2)) ? 3 : 0
    case (0xE2, 0x81): return byte(2) == 0x9F ? 3 : 0  // mathematical space
    case (0xE3, 0x80): return byte(2) == 0x80 ? 3 : 0  // ideographic space
    default: return 0
    }
  }
}
