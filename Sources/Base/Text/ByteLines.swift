import Foundation

/// The lines of a stretch of bytes as ranges of it, without their line feeds; the last may lack one.
package struct ByteLines: Sequence, IteratorProtocol {
  private let bytes: UnsafeRawBufferPointer
  private let end: Int
  /// Where the next line starts.
  package private(set) var position: Int

  /// The lines of `range`, or of all `bytes`, which must outlive the value.
  package init(_ bytes: UnsafeRawBufferPointer, in range: Range<Int>? = nil) {
    self.bytes = bytes
    position = range?.lowerBound ?? 0
    end = range?.upperBound ?? bytes.count
  }

  /// The next line, or nil at the end. C function: `memchr`.
  package mutating func next() -> Range<Int>? {
    guard position < end, let base = bytes.baseAddress else { return nil }
    let start = position
    guard let feed = memchr(base + start, 0x0A, end - start) else {
      position = end
      return start..<end
    }
    let lineEnd = UnsafeRawPointer(feed) - base
    position = lineEnd + 1
    return start..<lineEnd
  }
}
