import Base
import Foundation

/// How many characters of a text can be read as UTF-8, and how many cannot.
///
/// Counts of stretches that end at line feeds add up to those of the whole.
public struct TextCensus: Sendable, Equatable {
  /// The readable characters, and the malformed stretches that stand for one each.
  public var characterCount = 0
  /// Malformed stretches, and NUL, which no text holds (and every second byte of plain letters in UTF-16 is).
  public var unreadableCount = 0

  /// Nothing counted yet.
  public init() {}

  /// The counts of `bytes`.
  package init(_ bytes: UnsafeBufferPointer<UInt8>) {
    var at = UTF8Text.wellFormedPrefix(of: bytes)
    (characterCount, unreadableCount) = Self.wellFormed(UnsafeBufferPointer(rebasing: bytes[..<at]))
    while at < bytes.count {
      let sequence = UTF8Text.sequence(in: bytes, at: at)
      characterCount += 1
      if !sequence.isWellFormed || bytes[at] == 0 { unreadableCount += 1 }
      at += sequence.byteCount
    }
  }

  /// Characters and NULs of well-formed text.
  private static func wellFormed(_ bytes: UnsafeBufferPointer<UInt8>) -> (characters: Int, nulls: Int) {
    var characters = 0
    var nulls = 0
    for byte in bytes {
      characters += byte & 0xC0 == 0x80 ? 0 : 1
      nulls += byte == 0 ? 1 : 0
    }
    return (characters, nulls)
  }

  /// Whether at most one character in a thousand is unreadable: more is another encoding, or no text.
  public var isText: Bool { unreadableCount <= characterCount / 1000 }

  /// Adds the counts of another stretch.
  public static func += (census: inout TextCensus, other: TextCensus) {
    census.characterCount += other.characterCount
    census.unreadableCount += other.unreadableCount
  }
}

extension TokenizationPlan {
  /// The counts of the chunks that one rank encodes, by source.
  public func census(of rank: Int, rankCount: Int) throws -> [TextCensus] {
    var counts = [TextCensus](repeating: TextCensus(), count: sources.count)
    var open: (source: Int, file: MappedFile)?
    for chunk in chunks(of: rank, rankCount: rankCount) {
      if open?.source != chunk.source {
        open = (chunk.source, try MappedFile(URL(fileURLWithPath: sources[chunk.source].path)))
      }
      guard let file = open?.file, file.bytes.count == sources[chunk.source].byteCount else {
        throw CorpusError.sourceChanged(
          path: sources[chunk.source].path, planned: sources[chunk.source].byteCount, found: open?.file.bytes.count ?? 0
        )
      }
      counts[chunk.source] += withExtendedLifetime(file) {
        TextCensus(UnsafeBufferPointer(rebasing: file.text[chunk.start..<chunk.end]))
      }
    }
    return counts
  }

  /// Throws unless each source, whose counts `census` holds, is UTF-8 text.
  public func requireText(_ census: [TextCensus]) throws {
    for (source, counts) in zip(sources, census) where !counts.isText {
      let file = try MappedFile(URL(fileURLWithPath: source.path))
      throw CorpusError.notText(
        path: source.path, unreadable: counts.unreadableCount, characters: counts.characterCount,
        cure: withExtendedLifetime(file) { LikelyEncoding(file.text).cure(for: source.path) })
    }
  }
}
