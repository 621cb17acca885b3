import Foundation

/// One rank's part of a store under construction: the tokens of its pieces in a file, and an index beside it.
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
    output = try OutputFile(files.tokens)
    self.width = width
    index = PartIndex(planFingerprint: planFingerprint, pieces: [])
  }

  /// Appends the tokens of a piece.
  public func append(_ piece: EncodedPiece) throws {
    try width.withBytes(of: piece.ids) { try output.write($0) }
    index.pieces.append(
      .init(
        index: piece.index, tokenCount: piece.ids.count, documentCount: piece.documentCount,
        replacementCount: piece.replacementCount))
  }

  /// Brings the part to the disk.
  public func finish() throws {
    try output.finish()
    try OutputFile.write(JSONEncoder().encode(index), to: files.index)
  }
}

/// What a part holds.
struct PartIndex: Codable {
  struct Piece: Codable {
    let index: Int
    let tokenCount: Int
    let documentCount: Int
    let replacementCount: Int
  }

  let planFingerprint: String
  var pieces: [Piece]
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
