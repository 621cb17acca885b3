import Base
import Foundation
import TestSupport
import XCTest

import Corpus

/// FNV-1a over `word<TAB>tag<LF>` for each word and one more line feed a sentence: the checksum of an independent
/// reading in Python.
func taggedChecksum(_ sentences: [TaggedSentence]) -> UInt64 {
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  func add(_ text: String) { for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 } }
  for sentence in sentences {
    for (word, tag) in zip(sentence.words, sentence.tags) { add("\(word)\t\(tag)\n") }
    add("\n")
  }
  return hash
}

extension TemporaryFolder {
  /// Writes `text` at `path` inside the folder, folders on the way included.
  @discardableResult
  func put(_ text: String, at path: String) throws -> URL { try put([UInt8](text.utf8), at: path) }

  /// Writes `bytes` at `path` inside the folder, folders on the way included.
  @discardableResult
  func put(_ bytes: [UInt8], at path: String) throws -> URL {
    let target = file(path)
    try FileManager.default.createDirectory(at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: target)
    return target
  }
}

/// The corpus in one file, as its training part.
func read(_ format: TaggedCorpusFormat, _ url: URL, _ options: TaggedCorpusOptions = TaggedCorpusOptions()) throws
  -> TaggedCorpus
{
  try TaggedCorpusReader.read(format: format, paths: .splits(train: [url], validation: [], test: []), options: options)
}

/// Checks that `body` throws a `TaggedCorpusError` or a `FileError` of one line that holds each of `parts`.
func assertThrows(
  _ parts: String..., file: StaticString = #filePath, line: UInt = #line, _ body: () throws -> Void
) {
  assertThrows((any Error).self, saying: parts, file: file, line: line, body) {
    $0 is TaggedCorpusError || $0 is FileError
  }
}
