import Foundation

/// How wide a token stands in a store: 2 bytes (little-endian, unsigned) where the vocabulary allows, else 4.
enum TokenWidth: Int, Codable, Sendable {
  case two = 2
  case four = 4

  /// The width for ids below `vocabularySize`.
  init(vocabularySize: Int) { self = vocabularySize <= 1 << 16 ? .two : .four }

  /// The number of bytes of a token.
  var byteCount: Int { rawValue }

  /// Hands `ids` in this width to `body`, in stretches of bounded size.
  func withBytes(of ids: [Int32], _ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    let stretch = 1 << 18
    for start in stride(from: 0, to: ids.count, by: stretch) {
      let some = ids[start..<min(start + stretch, ids.count)]
      switch self {
      case .two: try some.map { UInt16(truncatingIfNeeded: $0).littleEndian }.withUnsafeBytes(body)
      case .four: try some.map { UInt32(bitPattern: $0).littleEndian }.withUnsafeBytes(body)
      }
    }
  }
}
