/// A pattern of module names: `*` stands for any characters, dots among them, `?` for one; the rest is literal.
///
/// The encoder's prefix `roberta.` may be left out: `encoder.layer.0.*`, `*.value`, `embeddings.word_embeddings`.
public struct NamePattern: Equatable, Sendable {
  public let text: String
  private static let prefix = "roberta."

  public init(_ text: String) { self.text = text }

  /// Whether the whole of `name`, with or without its prefix, is of this pattern.
  public func matches(_ name: String) -> Bool {
    let pattern = Array(text.utf8)
    if NamePattern.matches(Array(name.utf8), pattern) { return true }
    guard name.hasPrefix(NamePattern.prefix) else { return false }
    return NamePattern.matches(Array(name.utf8.dropFirst(NamePattern.prefix.utf8.count)), pattern)
  }

  /// Goes back to the last star alone: the work is at most the product of both lengths.
  private static func matches(_ name: [UInt8], _ pattern: [UInt8]) -> Bool {
    var (n, p) = (0, 0)
    var star: (pattern: Int, name: Int)?
    while n < name.count {
      if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
        star = (p, n)
        p += 1
      } else if p < pattern.count, pattern[p] == UInt8(ascii: "?") || pattern[p] == name[n] {
        (n, p) = (n + 1, p + 1)
      } else if let last = star {
        star = (last.pattern, last.name + 1)
        (n, p) = (last.name + 1, last.pattern + 1)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}
