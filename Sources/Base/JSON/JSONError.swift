/// Why a text is not JSON, or a value cannot be written as JSON.
public enum JSONError: Error, Equatable, CustomStringConvertible {
  /// The text breaks JSON's grammar, nests too deep or holds too many values.
  case grammar(offset: Int, reason: String)
  /// Bytes that are not UTF-8.
  case notUTF8(offset: Int)
  /// A key that stands twice in its object.
  case repeatedKey(String, offset: Int)
  /// A number that JSON cannot express (NaN, infinity) was to be written.
  case notExpressible(key: String)

  /// The byte, from the start of the text; nil where there is no text.
  public var offset: Int? {
    switch self {
    case .grammar(let offset, _), .notUTF8(let offset), .repeatedKey(_, let offset): offset
    case .notExpressible: nil
    }
  }

  /// The reason, in a few words.
  public var reason: String {
    switch self {
    case .grammar(_, let reason): reason
    case .notUTF8: "not UTF-8"
    case .repeatedKey(let key, _): "key \(quoted(key)) is there twice"
    case .notExpressible(let key): "\(quoted(key)) is NaN or infinite, which JSON cannot hold"
    }
  }

  /// One line.
  public var description: String { oneLine((offset.map { "byte \($0): " } ?? "") + reason) }
}
