import Base
import Corpus
import Crypto
import Foundation

/// The sequences on which the steps of activations are measured: the first of some texts, in their order.
public struct CalibrationSet: Sendable {
  /// Ids with `<s>` and `</s>`.
  public private(set) var sequences: [[Int32]] = []
  /// The last names of the files.
  public let names: [String]
  private let largestCount: Int

  /// An empty set for at most `largestCount` sequences.
  public init(names: [String], largestCount: Int) { (self.names, self.largestCount) = (names, largestCount) }

  /// Whether no more is taken.
  public var isFull: Bool { sequences.count >= largestCount }
  /// Tokens of all sequences.
  public var tokenCount: Int { sequences.reduce(0) { $0 + $1.count } }

  /// Takes a sequence unless the set is full, or there is nothing in it between `<s>` and `</s>`.
  public mutating func add(_ ids: [Int32]) {
    if !isFull, ids.count > 2 { sequences.append(ids) }
  }

  /// Takes the lines of a text until the set is full, each a sequence of at most `longest` tokens.
  /// - Throws: `FileError`, `ModelError.notUTF8`.
  public mutating func add(linesOf file: URL, _ tokenizer: Tokenizer, longest: Int) throws {
    try MappedFile(file).withBytes { bytes in
      for (index, range) in ByteLines(bytes).enumerated() {
        if isFull { break }
        guard let line = String(validating: bytes[range], as: UTF8.self) else {
          throw ModelError.notUTF8(path: file.path, line: index + 1)
        }
        add(CalibrationSet.cut(try tokenizer.encode(line), longest))
      }
    }
  }

  /// The first `longest` ids, `</s>` the last of them.
  private static func cut(_ ids: [Int32], _ longest: Int) -> [Int32] {
    guard ids.count > longest, let end = ids.last else { return ids }
    return ids.prefix(longest - 1) + [end]
  }

  /// What a checkpoint notes of it. The digest is of the lengths and ids as 32-bit little-endian numbers.
  var facts: PostTraining.Data {
    var hash = SHA256()
    for ids in sequences {
      ([Int32(ids.count)] + ids).map(\.littleEndian).withUnsafeBytes { hash.update(bufferPointer: $0) }
    }
    return PostTraining.Data(
      names: names, sequences: sequences.count, tokens: tokenCount, sha256: hash.finalize().hexadecimal)
  }
}
