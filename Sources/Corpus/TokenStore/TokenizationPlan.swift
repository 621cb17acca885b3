import Base
import Crypto
import Foundation

/// How text files are cut into chunks for tokenization.
///
/// Follows from the files alone, never from the number of ranks: whoever encodes a chunk, the store has the same bytes.
/// Every rank can make the plan itself, or get rank zero's (it is `Codable`).
public struct TokenizationPlan: Codable, Sendable, Equatable {
  /// A text file.
  public struct Source: Codable, Sendable, Equatable {
    /// Its path as given.
    public let path: String
    /// Its size when planned.
    public let byteCount: Int
    /// How its documents lie; never `.automatic`.
    public let layout: DocumentLayout
    /// SHA-256 of its bytes, in hexadecimal; nil in stores of earlier builds.
    public var sha256: String?
  }

  /// A stretch of whole documents of one file.
  public struct Chunk: Codable, Sendable, Equatable {
    /// Its place in the plan, and in the store.
    public let index: Int
    /// The number of its file in `sources`.
    public let source: Int
    /// Its first byte.
    public let start: Int
    /// The byte after its last one.
    public let end: Int
    /// SHA-256 of its bytes, in hexadecimal: whoever encodes it must read the same.
    public let sha256: String

    /// Its size in bytes.
    public var byteCount: Int { end - start }
  }

  /// The files, in the order given.
  public let sources: [Source]
  /// The chunks, in the order of the store.
  public let chunks: [Chunk]

  /// Cuts `files` into chunks of about `chunkByteCount` bytes, at document boundaries; a long document makes a long chunk.
  public init(files: [URL], layout: DocumentLayout = .automatic, chunkByteCount: Int = 1 << 22) throws {
    precondition(chunkByteCount > 0, "TokenizationPlan: chunks of \(chunkByteCount) bytes")
    var sources: [Source] = []
    var chunks: [Chunk] = []
    for file in files {
      let mapped = try MappedFile(file)
      let documents = Documents(text: mapped.text, layout: Documents.resolve(layout, for: mapped.text))
      var whole = SHA256()
      var start = 0
      while start < mapped.bytes.count {
        let target = min(start + chunkByteCount, mapped.bytes.count)
        let end = documents.boundary(atOrAfter: target)
        let bytes = UnsafeRawBufferPointer(rebasing: mapped.bytes[start..<end])
        whole.update(bufferPointer: bytes)
        chunks.append(
          Chunk(
            index: chunks.count, source: sources.count, start: start, end: end,
            sha256: SHA256.hash(data: bytes).hexadecimal))
        start = end
      }
      sources.append(
        Source(
          path: file.relativePath, byteCount: mapped.bytes.count, layout: documents.layout,
          sha256: whole.finalize().hexadecimal))
    }
    self.sources = sources
    self.chunks = chunks
  }

  /// The size of all chunks in bytes.
  public var byteCount: Int { sources.reduce(0) { $0 + $1.byteCount } }

  /// The chunks that rank `rank` of `rankCount` encodes: every `rankCount`-th one.
  public func chunks(of rank: Int, rankCount: Int) -> [Chunk] {
    precondition(rank >= 0 && rank < rankCount, "TokenizationPlan: rank \(rank) of \(rankCount)")
    return stride(from: rank, to: chunks.count, by: rankCount).map { chunks[$0] }
  }

  /// SHA-256 of what the text is, wherever it lies: the bytes and layout of every file, in order.
  public var textFingerprint: String {
    var hash = SHA256()
    for source in sources { hash.update(data: Data("\(source.sha256 ?? "") \(source.layout.storedName)\n".utf8)) }
    return hash.finalize().hexadecimal
  }

  /// SHA-256 of the plan and a tokenizer's fingerprint: parts of one store have the same.
  func fingerprint(with tokenizer: Tokenizer) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var hash = SHA256()
    hash.update(data: try encoder.encode(self))
    hash.update(data: Data(tokenizer.fingerprint.utf8))
    return hash.finalize().hexadecimal
  }
}
