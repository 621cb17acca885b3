/// A place in untrusted bytes that moves forward; nil where the bytes end too early.
struct ByteCursor {
  let bytes: UnsafeRawBufferPointer
  private(set) var position: Int
  private let end: Int

  /// A cursor over `range` of `bytes`, which must lie within them.
  init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "ByteCursor: range outside the bytes")
    self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  var remaining: Int { end - position }

  /// The next little-endian number.
  mutating func next<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type = Number.self) -> Number? {
    guard remaining >= MemoryLayout<Number>.size else { return nil }
    defer { position += MemoryLayout<Number>.size }
    return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Number.self))
  }

  /// The next `count` bytes.
  mutating func take(_ count: Int) -> UnsafeRawBufferPointer? {
    guard count >= 0, count <= remaining else { return nil }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
  }

  /// The bytes up to the next line feed, which is passed over.
  mutating func line(longest: Int) -> UnsafeRawBufferPointer? {
    let limit = min(end, position + longest + 1)
    guard let feed = bytes[position..<limit].firstIndex(of: 0x0A) else { return nil }
    defer { position = feed + 1 }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<feed])
  }
}
