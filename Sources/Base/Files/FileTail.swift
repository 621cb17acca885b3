import Foundation

/// The end of a file that may be long, and that another process may be writing.
package enum FileTail {
  /// The lines in the last `byteCount` bytes, the first of which may be cut; none where the file cannot be read.
  package static func lines(of file: URL, atMost byteCount: UInt64) -> [Substring] {
    guard let handle = try? FileHandle(forReadingFrom: file) else { return [] }
    defer { try? handle.close() }
    let size = (try? handle.seekToEnd()) ?? 0
    try? handle.seek(toOffset: size > byteCount ? size - byteCount : 0)
    let text = String(decoding: (try? handle.readToEnd()) ?? Data(), as: UTF8.self)
    return text.split(separator: "\n")
  }
}
