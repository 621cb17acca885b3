import Base
import Crypto
import Foundation

/// A corpus as one stream of tokens on disk, mapped for reading: documents as `<s> … </s>`, end to end.
///
/// Made by `TokenStoreBuild`. Any thread may read.
public final class TokenStore: Sendable {
  /// What the store holds.
  public let manifest: TokenStoreManifest
  private let file: MappedFile

  /// Opens the store in `folder`; its manifest and the length of its token file are checked, its checksum is not.
  public init(folder: URL) throws {
    manifest = try TokenStoreManifest(contentsOf: folder.appendingPathComponent(TokenStoreManifest.fileName))
    file = try MappedFile(folder.appendingPathComponent(TokenStoreManifest.tokenFileName))
    let expected = manifest.tokenCount * manifest.bytesPerToken
    guard file.bytes.count == expected else {
      throw CorpusError.wrongTokenFileLength(path: file.path, expected: expected, found: file.bytes.count)
    }
  }

  /// The file of the tokens.
  public var tokenFile: URL { URL(fileURLWithPath: file.path) }

  /// The number of tokens.
  public var tokenCount: Int { manifest.tokenCount }

  /// The number of blocks of `length` tokens; the tail that fills none is left out.
  public func blockCount(length: Int) -> Int {
    precondition(length > 0, "TokenStore: blocks of \(length) tokens")
    return tokenCount / length
  }

  /// The tokens of block `index`, checked against the vocabulary.
  public func block(_ index: Int, length: Int) throws -> [Int32] {
    precondition(index >= 0 && index < blockCount(length: length), "TokenStore: block \(index) of length \(length)")
    return try tokens(index * length..<(index + 1) * length)
  }

  /// A stretch of the stream, checked against the vocabulary.
  public func tokens(_ range: Range<Int>) throws -> [Int32] {
    precondition(range.lowerBound >= 0 && range.upperBound <= tokenCount, "TokenStore: \(range) of \(tokenCount)")
    let ids: [UInt32]
    if manifest.bytesPerToken == TokenWidth.two.byteCount {
      let stored = file.bytes.bindMemory(to: UInt16.self)
      ids = stored[range].map { UInt32(UInt16(littleEndian: $0)) }
    } else {
      let stored = file.bytes.bindMemory(to: UInt32.self)
      ids = stored[range].map { UInt32(littleEndian: $0) }
    }
    if let bad = ids.firstIndex(where: { $0 >= UInt32(manifest.vocabularySize) }) {
      throw CorpusError.tokenOutOfVocabulary(
        path: file.path, position: range.lowerBound + bad, id: Int(ids[bad]), vocabularySize: manifest.vocabularySize)
    }
    return ids.map(Int32.init)
  }

  /// Reads the whole token file and compares its SHA-256 with the manifest's.
  public func verifyChecksum() throws {
    var hash = SHA256()
    let stretch = 1 << 24
    for start in stride(from: 0, to: file.bytes.count, by: stretch) {
      hash.update(
        bufferPointer: UnsafeRawBufferPointer(rebasing: file.bytes[start..<min(start + stretch, file.bytes.count)]))
    }
    let found = hash.finalize().hexadecimal
    guard found == manifest.sha256 else {
      throw CorpusError.wrongChecksum(path: file.path, expected: manifest.sha256, found: found)
    }
  }

  /// Throws unless the store was made by `tokenizer`.
  public func requireTokenizer(_ tokenizer: Tokenizer) throws {
    guard manifest.tokenizerFingerprint == tokenizer.fingerprint else {
      throw CorpusError.otherTokenizer(
        path: file.path, expected: tokenizer.fingerprint, found: manifest.tokenizerFingerprint)
    }
  }
}
