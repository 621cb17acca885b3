import Base
import Crypto
import Foundation

/// The tokens of a plan's chunk: its documents as `<s> … </s>`, one after the other.
public struct EncodedChunk: Sendable, Equatable {
  /// The chunk's place in the plan.
  public let index: Int
  /// The ids.
  public var ids: [Int32] = []
  /// The number of documents.
  public var documentCount: Int { documents.count }
  /// Each of them, in order.
  public var documents: [DocumentRecord] = []
  /// The number of malformed stretches of UTF-8 that were replaced by U+FFFD.
  public var replacementCount = 0
}

/// Encodes the chunks of a plan.
public struct ChunkTokenizer {
  private let plan: TokenizationPlan
  private let tokenizer: Tokenizer

  /// An encoder of the chunks of `plan`.
  public init(plan: TokenizationPlan, tokenizer: Tokenizer) {
    self.plan = plan
    self.tokenizer = tokenizer
  }

  /// The tokens of `chunk`. The file is mapped, not loaded; a document is encoded as the text that it is, line feeds
  /// included, so that its ids are those of the whole document.
  public func encode(chunk: TokenizationPlan.Chunk) throws -> EncodedChunk {
    let source = plan.sources[chunk.source]
    let file = try MappedFile(URL(fileURLWithPath: source.path))
    guard file.bytes.count == source.byteCount else {
      throw CorpusError.sourceChanged(path: source.path, planned: source.byteCount, found: file.bytes.count)
    }
    let text = UnsafeRawBufferPointer(rebasing: file.bytes[chunk.start..<chunk.end])
    guard SHA256.hash(data: text).hexadecimal == chunk.sha256 else {
      throw CorpusError.otherText(path: source.path, start: chunk.start)
    }
    var encoded = EncodedChunk(index: chunk.index)
    encoded.ids.reserveCapacity(chunk.byteCount / 3)
    try Documents(text: file.text, layout: source.layout).forEach(in: chunk.start..<chunk.end) { document in
      let start = encoded.ids.count
      encoded.ids.append(tokenizer.bos)
      let replaced = try tokenizer.encodePlain(
        utf8: UnsafeBufferPointer(rebasing: file.text[document]), into: &encoded.ids)
      encoded.ids.append(tokenizer.eos)
      encoded.replacementCount += replaced
      encoded.documents.append(DocumentRecord(ids: encoded.ids[start...], replacementCount: replaced))
    }
    return encoded
  }
}
