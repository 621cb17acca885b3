import Base
import Foundation

/// One rank's part of a store under construction: the tokens of its chunks in a file, the records of their documents in
/// another, and an index beside them.
///
/// The index is written last: a part without one was not finished.
public final class TokenPartWriter {
  private let files: PartFiles
  private let output: OutputFile
  private let documents: OutputFile
  private let width: TokenWidth
  private var index: PartIndex

  /// Starts the part of `rank` in a store's working folder.
  init(folder: URL, rank: Int, planFingerprint: String, width: TokenWidth) throws {
    files = PartFiles(folder: folder, rank: rank)
    output = try OutputFile(files.tokens, .emptied)
    documents = try OutputFile(files.documents, .emptied)
    self.width = width
    index = PartIndex(planFingerprint: planFingerprint, chunks: [])
  }

  /// Appends the tokens of a chunk.
  public func append(_ chunk: EncodedChunk) throws {
    try width.withBytes(of: chunk.ids) { try output.write($0) }
    var records: [UInt8] = []
    records.reserveCapacity(chunk.documents.count * DocumentRecord.byteCount)
    for document in chunk.documents { document.append(to: &records) }
    try documents.write(records)
    index.chunks.append(
      .init(
        index: chunk.index, tokenCount: chunk.ids.count, documentCount: chunk.documentCount,
        replacementCount: chunk.replacementCount))
  }

  /// Brings the part to the disk.
  public func finish() throws {
    try output.finish()
    try documents.finish()
    try replaceFile(at: files.index, with: [UInt8](JSONEncoder().encode(index)))
  }
}

/// What a part holds.
struct PartIndex: Codable {
  struct Chunk: Codable {
    let index: Int
    let tokenCount: Int
    let documentCount: Int
    let replacementCount: Int
  }

  let planFingerprint: String
  var chunks: [Chunk]
}

/// The names of a part's files.
struct PartFiles {
  let tokens: URL
  let documents: URL
  let index: URL

  var all: [URL] { [tokens, documents, index] }

  init(folder: URL, rank: Int) {
    tokens = folder.appendingPathComponent("part-\(rank).bin")
    documents = folder.appendingPathComponent("part-\(rank).documents")
    index = folder.appendingPathComponent("part-\(rank).json")
  }
}
