import Base
import Foundation

/// What a token store holds: `manifest.json` beside `tokens.bin`.
public struct TokenStoreManifest: Codable, Sendable, Equatable {
  static let fileName = "manifest.json"
  static let tokenFileName = "tokens.bin"
  static let currentFormatVersion = 1
  /// A manifest lists its sources, a line each: larger than this it is none.
  static let largestByteCount = 1 << 26

  /// 1.
  public let formatVersion: Int
  /// `Tokenizer.fingerprint`.
  public let tokenizerFingerprint: String
  /// Every token is below.
  public let vocabularySize: Int
  /// 2, or 4 for a vocabulary of more than 65,536; little-endian, unsigned.
  public let bytesPerToken: Int
  /// The tokens, `<s>` and `</s>` of each document included.
  public let tokenCount: Int
  /// The documents.
  public let documentCount: Int
  /// The malformed stretches of UTF-8 that were replaced by U+FFFD.
  public let replacementCount: Int
  /// The documents of the text whose tokens an earlier one has; nil in stores of earlier builds, which did not count.
  public let duplicateCount: Int?
  /// Whether these were left out; nil in stores of earlier builds, which kept them.
  public let dropsDuplicates: Bool?
  /// The text files, in the order of the tokens.
  public let sources: [TokenizationPlan.Source]
  /// SHA-256 of the token file, in hexadecimal.
  public let sha256: String

  /// Whether the store was made from the text of `plan`, byte for byte, by the tokenizer of this fingerprint, with duplicates
  /// left out or kept. A store of an earlier build does not tell of its text, and counts as another.
  public func isMade(
    from plan: TokenizationPlan, by tokenizerFingerprint: String, dropsDuplicates: Bool = false
  ) -> Bool {
    self.tokenizerFingerprint == tokenizerFingerprint && (self.dropsDuplicates ?? false) == dropsDuplicates
      && sources.map(\.sha256) == plan.sources.map(\.sha256)
      && sources.map(\.layout) == plan.sources.map(\.layout) && !sources.contains { $0.sha256 == nil }
  }

  /// How many documents were the same as an earlier one, and what became of them; nil where none was.
  public var duplicatesLine: String? {
    guard let duplicateCount, duplicateCount > 0 else { return nil }
    return counted(duplicateCount, "document") + " the same as an earlier one, "
      + (dropsDuplicates == true ? "left out" : "kept")
  }

  /// The manifest as it is written: keys sorted, so that equal stores have equal bytes.
  func json() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    return try encoder.encode(self) + Data("\n".utf8)
  }

  /// Reads and checks the manifest at `url`.
  init(contentsOf url: URL) throws {
    func bad(_ problem: String) -> CorpusError { .badManifest(path: url.path, problem: problem) }
    let file = try MappedFile(url)
    guard file.bytes.count <= Self.largestByteCount else { throw bad("\(file.bytes.count) bytes are no manifest") }
    let text = try file.copied()
    do {
      self = try JSONDecoder().decode(Self.self, from: text)
    } catch DecodingError.keyNotFound(let key, _) {
      throw bad("no \(key.stringValue)")
    } catch DecodingError.typeMismatch(_, let context) {
      throw bad("\(context.codingPath.map(\.stringValue).joined(separator: ".")) is of another type")
    } catch {
      throw bad("not JSON, or a value that cannot be")
    }
    guard formatVersion == Self.currentFormatVersion else {
      throw bad("format version \(formatVersion), this program reads \(Self.currentFormatVersion)")
    }
    guard vocabularySize > 8, vocabularySize <= Int(Int32.max) else { throw bad("vocabularySize is \(vocabularySize)") }
    guard bytesPerToken == TokenWidth(vocabularySize: vocabularySize).byteCount else {
      throw bad("bytesPerToken is \(bytesPerToken) for a vocabulary of \(vocabularySize)")
    }
    guard tokenCount >= 0, tokenCount <= Int.max / bytesPerToken else { throw bad("tokenCount is \(tokenCount)") }
    guard documentCount >= 0, replacementCount >= 0, duplicateCount ?? 0 >= 0 else { throw bad("a negative count") }
  }

  init(
    formatVersion: Int, tokenizerFingerprint: String, vocabularySize: Int, bytesPerToken: Int, tokenCount: Int,
    documentCount: Int, replacementCount: Int, duplicateCount: Int?, dropsDuplicates: Bool?,
    sources: [TokenizationPlan.Source], sha256: String
  ) {
    self.formatVersion = formatVersion
    self.tokenizerFingerprint = tokenizerFingerprint
    self.vocabularySize = vocabularySize
    self.bytesPerToken = bytesPerToken
    self.tokenCount = tokenCount
    self.documentCount = documentCount
    self.replacementCount = replacementCount
    self.duplicateCount = duplicateCount
    self.dropsDuplicates = dropsDuplicates
    self.sources = sources
    self.sha256 = sha256
  }
}
