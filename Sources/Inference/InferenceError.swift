import Corpus

/// What can go wrong between a text and its labels. Each description is one line: what, where, what to do.
public enum InferenceError: Error, CustomStringConvertible, Equatable {
  /// Bytes that are not UTF-8; the line counts from 1.
  case notUTF8(source: String, line: Int)
  /// A line beyond what is read at once.
  case lineTooLong(source: String, line: Int, largest: Int)
  /// A line that is no sentence in JSON.
  case badLine(source: String, line: Int, reason: String)
  /// A word that a line of CoNLL cannot hold.
  case wordOfManyColumns(source: String, line: Int, word: Int)
  /// Types that the checkpoint does not know.
  case unknownTypes([String], known: [String])

  public var description: String {
    switch self {
    case .notUTF8(let source, let line):
      "\(source), line \(line): not UTF-8: convert it first, as with iconv -f WINDOWS-1252 -t UTF-8"
    case .lineTooLong(let source, let line, let largest):
      "\(source), line \(line): longer than \(largest) bytes; is this text?"
    case .badLine(let source, let line, let reason): "\(source), line \(line): \(reason)"
    case .wordOfManyColumns(let source, let line, let word):
      "\(source), line \(line): word \(word) is empty or holds white space, which CoNLL cannot hold: take --format jsonl"
    case .unknownTypes(let asked, let known):
      "\(asked.joined(separator: ", ")): not among the checkpoint's: " + known.prefix(40).joined(separator: " ")
    }
  }
}
