import Base

/// A sentence of words in JSON: `["Le", "patient"]`, or an object with `tokens` (or `words`) and perhaps an `id`.
public struct WordsLine: Sendable, Equatable {
  /// The words.
  public let words: [String]
  /// What names it, as it stands in the line.
  public let id: JSONNode?

  /// Why a line is no sentence, in a few words.
  public struct Malformed: Error, Equatable {
    /// The reason.
    public let reason: String
  }

  /// Reads one line.
  /// - Throws: `Malformed`.
  public init(_ line: UnsafeBufferPointer<UInt8>) throws {
    let node: JSONNode
    do { node = try JSONReader.node(in: UnsafeRawBufferPointer(line)) } catch let error as JSONError {
      throw Malformed(reason: "not JSON: \(error)")
    }
    let list = node.array ?? node.object?["tokens"]?.array ?? node.object?["words"]?.array
    guard let list else {
      throw Malformed(reason: "neither a list of words nor an object with \"tokens\": \(node.shown)")
    }
    words = try list.enumerated().map { number, word in
      guard let text = word.string else { throw Malformed(reason: "word \(number + 1) is \(word.shown), not a text") }
      return text
    }
    id = node.object?["id"]
  }
}
