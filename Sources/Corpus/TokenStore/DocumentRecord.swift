import Base
import Crypto
import Foundation

/// A document of a chunk: what tells it from others, and how much of the chunk is its own.
public struct DocumentRecord: Sendable, Equatable {
  /// The first 128 bits of SHA-256 of its tokens: two documents with the same ones are the same to the store.
  let hash: DocumentHash
  /// Its tokens, `<s>` and `</s>` among them.
  let tokenCount: Int
  /// The malformed stretches of UTF-8 that were replaced in it.
  let replacementCount: Int

  /// The record of a document with these tokens.
  init(ids: ArraySlice<Int32>, replacementCount: Int) {
    hash = ids.withUnsafeBytes { DocumentHash(SHA256.hash(data: $0)) }
    tokenCount = ids.count
    self.replacementCount = replacementCount
  }

  // MARK: - In a part's file

  /// Two words of hash, two of counts, little-endian.
  static let byteCount = 32

  /// Reads the record at `offset`; nil where its counts cannot be.
  init?(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
    func word(_ index: Int) -> UInt64 {
      UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 8 * index, as: UInt64.self))
    }
    guard let tokenCount = Int(exactly: word(2)), let replacementCount = Int(exactly: word(3)) else { return nil }
    hash = DocumentHash(high: word(0), low: word(1))
    (self.tokenCount, self.replacementCount) = (tokenCount, replacementCount)
  }

  func append(to bytes: inout [UInt8]) {
    for word in [hash.high, hash.low, UInt64(tokenCount), UInt64(replacementCount)] {
      bytes.append(littleEndian: word)
    }
  }
}

/// 128 bits that stand for a document; never all zero.
struct DocumentHash: Sendable, Equatable {
  let high: UInt64
  let low: UInt64

  init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, high | low == 0 ? 1 : low) }

  fileprivate init(_ digest: SHA256.Digest) {
    let words = digest.withUnsafeBytes { bytes in
      (0..<2).map { UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)) }
    }
    self.init(high: words[0], low: words[1])
  }
}

/// The documents met so far: a table of open addressing, 24 bytes a document.
struct SeenDocuments {
  private static let empty: (high: UInt64, low: UInt64) = (0, 0)
  private var table: [(high: UInt64, low: UInt64)]

  /// Room for `documentCount` documents: two thirds of it will be taken.
  init(documentCount: Int) {
    table = Array(repeating: Self.empty, count: documentCount + documentCount / 2 + 1)
  }

  /// Takes a document in.
  /// - Returns: whether it is the first of its hash.
  mutating func insert(_ hash: DocumentHash) -> Bool {
    var place = Int(hash.high % UInt64(table.count))
    while table[place] != Self.empty {
      if table[place] == (hash.high, hash.low) { return false }
      place = place + 1 == table.count ? 0 : place + 1
    }
    table[place] = (hash.high, hash.low)
    return true
  }
}
