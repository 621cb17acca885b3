import Base
import Foundation

/// The bytes of one text file and its lines.
///
/// Work is on bytes: `Character` joins CR and LF, or a tab and a combining accent, and is slow besides.
package struct TaggedFile {
  /// How messages name it.
  package let name: String
  /// Its bytes, as in the file.
  package let bytes: [UInt8]

  /// A file of `bytes`, for parsers that are handed their input.
  package init(name: String, bytes: [UInt8]) {
    self.name = name
    self.bytes = bytes
  }

  /// Reads the regular file at `url` (a device or a pipe may have no end), which must be UTF-8 text: a few bad places are
  /// left to the reader, more than one character in a thousand are refused.
  package init(_ url: URL) throws {
    name = url.path
    bytes = try MappedFile(url).withBytes { [UInt8]($0) }
    try requireText()
  }

  private func requireText() throws {
    try bytes.withUnsafeBufferPointer { bytes in
      let census = TextCensus(bytes)
      guard !census.isText else { return }
      // The first NUL, or the first malformed stretch, whichever comes first.
      let first = min(UTF8Text.wellFormedPrefix(of: bytes), bytes.firstIndex(of: 0) ?? bytes.count)
      let line = bytes[..<first].reduce(1) { $0 + ($1 == 0x0A ? 1 : 0) }
      throw TaggedCorpusError.notText(
        file: name, line: line, unreadable: census.unreadableCount, characters: census.characterCount,
        cure: LikelyEncoding(bytes).cure(for: name))
    }
  }

  /// How many lines it has, a last one without a line feed included.
  package var lineCount: Int {
    let feeds = bytes.withUnsafeBufferPointer { all in all.reduce(into: 0) { $0 += $1 == 0x0A ? 1 : 0 } }
    return feeds + (bytes.last == nil || bytes.last == 0x0A ? 0 : 1)
  }

  /// Calls `body` with each line, from 1: without line feed, carriage return before it, or byte-order mark.
  package func forEachLine(_ body: (Int, ArraySlice<UInt8>) throws -> Void) rethrows {
    var start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    var number = 1
    while start < bytes.count {
      let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
      let trimmed = end > start && bytes[end - 1] == 0x0D ? end - 1 : end
      try body(number, bytes[start..<trimmed])
      start = end + 1
      number += 1
    }
  }

  /// The line, from 1, that holds the first byte that is not UTF-8; nil when all are.
  package var firstLineNotUTF8: Int? {
    guard bytes[...].utf8Text == nil else { return nil }
    var found: Int?
    forEachLine { number, line in if found == nil, line.utf8Text == nil { found = number } }
    return found ?? 1
  }
}

/// What the readers ask of a line or a field.
extension ArraySlice where Element == UInt8 {
  /// The text, or nil when it is not UTF-8.
  var utf8Text: String? { String(validating: self, as: UTF8.self) }

  /// The text for a message, whatever the bytes.
  var excerpt: String { String(decoding: prefix(164), as: UTF8.self).excerpt }

  /// The fields between the bytes `separator` (a tab), empty ones kept; all after the first `limit` as one.
  func fields(separator: UInt8 = 0x09, limit: Int = .max) -> [ArraySlice<UInt8>] {
    split(separator: separator, maxSplits: limit, omittingEmptySubsequences: false)
  }

  /// The unsigned decimal number it holds, or nil when it holds anything else or more than `Int` does.
  var decimalNumber: Int? {
    guard !isEmpty else { return nil }
    var value = 0
    for byte in self {
      guard (0x30...0x39).contains(byte) else { return nil }
      let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(Int(byte) - 0x30)
      guard !overflow, !carry else { return nil }
      value = sum
    }
    return value
  }

  /// Whether it holds white space alone (ASCII; other white space can be a word).
  var isBlankLine: Bool { allSatisfy { $0 == 0x20 || $0 == 0x09 } }
}
