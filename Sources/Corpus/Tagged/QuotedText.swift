/// Whether messages may quote what stands in a corpus: words, tags, lines.
///
/// One switch for the process, set before anything is read: every quote of a corpus goes through `String.excerpt`, and one
/// that is forgotten would be a patient's words in a log.
public enum QuotedText {
  /// What stands in place of a quote.
  package static let placeholder = "(not quoted)"
  nonisolated(unsafe) package private(set) static var isWithheld = false

  /// From now on messages name file and line alone.
  public static func withhold() { isWithheld = true }

  /// Quotes again; for tests.
  package static func allow() { isWithheld = false }
}
