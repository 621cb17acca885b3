import Base
import Foundation

extension TokenStoreBuild {
  /// What a join comes to.
  struct Joined {
    var tokenCount = 0
    var documentCount = 0
    var replacementCount = 0
    /// Documents whose tokens an earlier one has.
    var duplicateCount = 0
    var sha256 = ""
  }

  /// A chunk's entry, and where its tokens and the records of its documents lie.
  struct PlacedChunk {
    let entry: PartIndex.Chunk
    let bytes: UnsafeRawBufferPointer
    let records: UnsafeRawBufferPointer
  }

  /// Writes the tokens of all chunks, in the order of the store; of documents with the same tokens the first alone, where
  /// duplicates are left out.
  func join(_ chunks: [PlacedChunk], into url: URL) throws -> Joined {
    let output = try FileWriter(url, .emptied)
    var seen = SeenDocuments(documentCount: chunks.reduce(0) { $0 + $1.entry.documentCount })
    var joined = Joined()
    for chunk in chunks { try join(chunk, &seen, &joined) { try output.write($0) } }
    joined.sha256 = try output.finish().sha256
    return joined
  }

  private func join(
    _ chunk: PlacedChunk, _ seen: inout SeenDocuments, _ joined: inout Joined,
    _ write: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    func bad() -> CorpusError {
      .badPart(path: workFolder.path, problem: "chunk \(chunk.entry.index): its documents are not its tokens")
    }
    // Kept documents that follow each other are written at once.
    var run = 0..<0
    var tokenCount = 0
    for offset in stride(from: 0, to: chunk.records.count, by: DocumentRecord.byteCount) {
      guard let record = DocumentRecord(chunk.records, at: offset),
        record.tokenCount <= chunk.entry.tokenCount - tokenCount
      else { throw bad() }
      let start = tokenCount * width.byteCount
      tokenCount += record.tokenCount
      if !seen.insert(record.hash) {
        joined.duplicateCount += 1
        if dropsDuplicates {
          try write(UnsafeRawBufferPointer(rebasing: chunk.bytes[run]))
          run = tokenCount * width.byteCount..<tokenCount * width.byteCount
          continue
        }
      }
      run = (run.isEmpty ? start : run.lowerBound)..<tokenCount * width.byteCount
      joined.tokenCount += record.tokenCount
      joined.documentCount += 1
      joined.replacementCount += record.replacementCount
    }
    guard tokenCount == chunk.entry.tokenCount else { throw bad() }
    try write(UnsafeRawBufferPointer(rebasing: chunk.bytes[run]))
  }
}
