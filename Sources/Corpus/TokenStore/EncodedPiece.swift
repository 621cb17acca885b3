import Crypto
import Foundation

/// The tokens of a plan's piece: its documents as `<s> … </s>`, one after the other.
public struct EncodedPiece: Sendable, Equatable {
  /// The piece's place in the plan.
  public let index: Int
  /// The ids.
  public var ids: [Int32] = []
  /// The number of documents.
  public var documentCount = 0
  /// The number of malformed stretches of UTF-8 that were replaced by U+FFFD.
  public var replacementCount = 0
}

/// Encodes the pieces of a plan.
public struct PieceTokenizer {
  private let plan: TokenizationPlan
  private let tokenizer: Tokenizer

  /// An encoder of the pieces of `plan`.
  public init(plan: TokenizationPlan, tokenizer: Tokenizer) {
    self.plan = plan
    self.tokenizer = tokenizer
  }

  /// The tokens of `piece`. The file is mapped, not loaded; a document is encoded as the text that it is, line feeds
  /// included, so that its ids are those of the whole document.
  public func encode(piece: TokenizationPlan.Piece) throws -> EncodedPiece {
    let source = plan.sources[piece.source]
    let file = try MappedFile(URL(fileURLWithPath: source.path))
    guard file.bytes.count == source.byteCount else {
      throw CorpusError.sourceChanged(path: source.path, planned: source.byteCount, found: file.bytes.count)
    }
    let text = UnsafeRawBufferPointer(rebasing: file.bytes[piece.start..<piece.end])
    guard SHA256.hash(data: text).hexadecimal == piece.sha256 else {
      throw CorpusError.otherText(path: source.path, start: piece.start)
    }
    var encoded = EncodedPiece(index: piece.index)
    encoded.ids.reserveCapacity(piece.byteCount / 3)
    try Documents(text: file.text, layout: source.layout).forEach(in: piece.start..<piece.end) { document in
      encoded.ids.append(tokenizer.bos)
      encoded.replacementCount += try tokenizer.encodePlain(
        utf8: UnsafeBufferPointer(rebasing: file.text[document]), into: &encoded.ids)
      encoded.ids.append(tokenizer.eos)
      encoded.documentCount += 1
    }
    return encoded
  }
}
