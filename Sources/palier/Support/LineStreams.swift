import Base
import Foundation
import Inference

/// Standard input, line by line, with no more of it in memory than a line and a block.
enum StandardInput {
  /// Calls `body` with each line (from 1), without its line feed; the last one may lack it.
  /// - Parameters:
  ///   - descriptor: where the lines are read from, and `path` its name in messages.
  ///   - longest: bytes beyond which a line is refused.
  ///   - flushing: called whenever the next read may wait.
  static func forEachLine(
    of descriptor: Int32 = STDIN_FILENO, path: String = "standard input", longest: Int = .max,
    flushing: () throws -> Void, _ body: (_ number: Int, _ line: UnsafeBufferPointer<UInt8>) throws -> Void
  ) throws {
    var pending: [UInt8] = []
    var number = 0
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      try flushing()
      let count = read(descriptor, &block, block.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else {
        throw FileError.from(path: path, operation: "read")
      }
      if count == 0 { break }
      let searched = pending.count
      pending.append(contentsOf: block[..<count])
      try takeLines(&pending, searched, &number, body)
      guard pending.count <= longest else {
        throw InferenceError.lineTooLong(source: path, line: number + 1, largest: longest)
      }
    }
    guard !pending.isEmpty else { return }
    try pending.withUnsafeBufferPointer { try body(number + 1, $0) }
  }

  /// Hands on all whole lines of `pending`; the first `searched` bytes hold no line feed.
  private static func takeLines(
    _ pending: inout [UInt8], _ searched: Int, _ number: inout Int,
    _ body: (Int, UnsafeBufferPointer<UInt8>) throws -> Void
  ) throws {
    var start = 0
    try pending.withUnsafeBufferPointer { bytes in
      var at = searched
      while at < bytes.count {
        guard bytes[at] == 0x0A else {
          at += 1
          continue
        }
        number += 1
        try body(number, UnsafeBufferPointer(rebasing: bytes[start..<at]))
        at += 1
        start = at
      }
    }
    pending.removeFirst(start)
  }
}

/// Text on its way to standard output, in large writes.
struct LineOutput {
  private var bytes: [UInt8] = []

  mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

  /// A JSON list.
  mutating func append<Element>(_ elements: [Element], _ text: (Element) -> String) {
    bytes.append(UInt8(ascii: "["))
    for (index, element) in elements.enumerated() {
      if index > 0 { append(", ") }
      append(text(element))
    }
    bytes.append(UInt8(ascii: "]"))
  }

  /// Writes everything out.
  mutating func flush() throws {
    try bytes.withUnsafeBytes { try writeAll($0, to: STDOUT_FILENO, path: "standard output") }
    bytes.removeAll(keepingCapacity: true)
  }
}
