import ArgumentParser
import Base
import Corpus
import Foundation

/// `palier encode`: lines of standard input to ids.
struct Encode: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turn lines of standard input into token ids, as JSON lines.",
    discussion: """
      Each line is a text and gives {"ids": […]}, <s> and </s> included, the same ids as transformers' CamembertTokenizer. \
      With --words each line is a JSON array of words and gives {"ids": […], "word_ids": […]} too: the number of the word that \
      each id belongs to, null for the special tokens. Order is kept, a line in gives a line out, at once. Malformed UTF-8 is \
      replaced by U+FFFD; a line that is no array of strings is an error that names it.

      Examples:
        echo "Le patient présente une dyspnée." | palier encode --tokenizer models/camembert-base
        echo '["Le", "patient", "tousse", "."]' | palier encode --tokenizer models/camembert-base --words
      """)

  @Option(help: ArgumentHelp("Folder with sentencepiece.bpe.model.", valueName: "folder"), completion: .directory)
  var tokenizer: String
  @Flag(help: "Each line is a JSON array of words.")
  var words = false

  func run() throws {
    let tokenizer = try Tokenizer(folder: Paths.folder(tokenizer, "a folder with \(Tokenizer.modelFileName)"))
    var output = LineOutput()
    try StandardInput.forEachLine(flushing: { try output.flush() }) { number, line in
      do {
        words ? try appendWords(line, tokenizer, to: &output, number) : try appendText(line, tokenizer, to: &output)
      } catch {
        // What came before the bad line is good, and is handed on.
        try output.flush()
        throw error is CommandLineError ? error : CommandLineError.badInputLine(number: number, reason: "\(error)")
      }
    }
    try output.flush()
  }

  private func appendText(
    _ line: UnsafeBufferPointer<UInt8>, _ tokenizer: Tokenizer, to output: inout LineOutput
  ) throws {
    let ids = try tokenizer.encode(utf8: line)
    output.append("{\"ids\": ")
    output.append(ids) { String($0) }
    output.append("}\n")
  }

  private func appendWords(
    _ line: UnsafeBufferPointer<UInt8>, _ tokenizer: Tokenizer, to output: inout LineOutput, _ number: Int
  ) throws {
    let text = String(decoding: line, as: UTF8.self)
    guard let words = try? JSONDecoder().decode([String].self, from: Data(text.utf8)) else {
      throw CommandLineError.badInputLine(
        number: number, reason: "not a JSON array of strings, as [\"Le\", \"patient\"]")
    }
    let (ids, wordIDs) = try tokenizer.encode(words: words)
    output.append("{\"ids\": ")
    output.append(ids) { String($0) }
    output.append(", \"word_ids\": ")
    output.append(wordIDs) { $0.map { String($0) } ?? "null" }
    output.append("}\n")
  }
}

/// Standard input, line by line, with no more of it in memory than a line and a block.
enum StandardInput {
  /// Calls `body` with each line (from 1), without its line feed; the last one may lack it.
  /// - Parameter flushing: called whenever the next read may wait.
  static func forEachLine(
    flushing: () throws -> Void, _ body: (_ number: Int, _ line: UnsafeBufferPointer<UInt8>) throws -> Void
  ) throws {
    var pending: [UInt8] = []
    var number = 0
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      try flushing()
      let count = read(STDIN_FILENO, &block, block.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else {
        throw FileError.from(path: "standard input", operation: "read")
      }
      if count == 0 { break }
      let searched = pending.count
      pending.append(contentsOf: block[..<count])
      try takeLines(&pending, searched, &number, body)
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
