import Base
import Foundation

/// One rank's part of a store under construction: the tokens of its chunks in a file, and an index beside it.
///
/// The index is written last: a part without one was not finished.
public final class TokenPartWriter {
  private let files: PartFiles
  private let output: OutputFile
  private let width: TokenWidth
  private var index: PartIndex

  /// Starts the part of `rank` in a store's working folder.
  init(folder: URL, rank: Int, planFingerprint: String, width: TokenWidth) throws {
    files = PartFiles(folder: folder, rank: rank)
    output = try OutputFile(files.tokens, .emptied)
    self.width = width
    index = PartIndex(planFingerprint: planFingerprint, chunks: [])
  }

  /// Appends the tokens of a chunk.
  public func append(_ chunk: EncodedChunk) throws {
    try width.withBytes(of: chunk.ids) { try output.write($0) }
    index.chunks.append(
      .init(
        index: chunk.index, tokenCount: chunk.ids.count, documentCount: chunk.documentCount,
        replacementCount: chunk.replacementCount))
  }

  /// Brings the part to the disk.
  public func finish() throws {
    try output.finish()
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

/// The names of a part's two files.
struct PartFiles {
  let tokens: URL
  let index: URL

  init(folder: URL, rank: Int) {
    tokens = folder.appendingPathComponent("part-\(rank).bin")
    index = folder.appendingPathComponent("part-\(rank).json")
  }
}
