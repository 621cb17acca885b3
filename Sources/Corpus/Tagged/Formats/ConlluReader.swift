/// Reads CoNLL-U: ten tab-separated columns a word, FORM in column 2, UPOS in column 4, a blank line after each
/// sentence.
///
/// Comments, range lines (`3-4`, the surface form of a contraction) and empty nodes (`3.1`) are passed over: the words
/// of a sentence are its syntactic words. A bad line (not ten columns, a word number out of order, no tag, not UTF-8)
/// leaves its sentence out and is reported. https://universaldependencies.org/format.html
enum ConlluReader {
  static func sentences(in file: TaggedFile, bad: inout BadLines) throws -> [TaggedSentence] {
    bad.begin(file)
    var builder = SentenceBuilder(file: file)
    try file.forEachLine { number, line in
      if line.isBlankLine {
        builder.finish(&bad)
      } else if line.first != UInt8(ascii: "#"), !builder.isGivenUp {
        do {
          if let (word, tag) = try word(line, expected: builder.words.count + 1) {
            builder.add(word, tag, line: number)
          }
        } catch let problem as BadLine {
          try builder.spoil(line: number, problem.reason, &bad)
        }
      }
    }
    builder.finish(&bad)
    return builder.sentences
  }

  /// The word and tag of a line, nil for a range line or an empty node.
  private static func word(_ line: ArraySlice<UInt8>, expected: Int) throws -> (String, String)? {
    let columns = line.fields(limit: 10)
    guard columns.count == 10 else {
      throw BadLine("\(columns.count > 10 ? "more than 10" : "\(columns.count)") columns, 10 expected")
    }
    let id = columns[0]
    if let separator = id.firstIndex(where: { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }) {
      guard id[..<separator].decimalNumber != nil, id[(separator + 1)...].decimalNumber != nil else {
        throw BadLine.number(id)
      }
      return nil
    }
    guard let number = id.decimalNumber else { throw BadLine.number(id) }
    guard number == expected else { throw BadLine("word number \(number), \(expected) expected") }
    guard let form = columns[1].utf8Text, let tag = columns[3].utf8Text else { throw BadLine("not UTF-8") }
    guard !form.isEmpty else { throw BadLine("empty FORM") }
    guard !tag.isEmpty, tag != "_" else { throw BadLine("word \(form.excerpt) has no UPOS tag") }
    return (form, tag)
  }
}

/// Why a line is passed over.
struct BadLine: Error {
  let reason: String
  init(_ reason: String) { self.reason = reason }

  /// A word number that is none.
  static func number(_ bytes: ArraySlice<UInt8>) -> BadLine {
    BadLine("word number \(bytes.excerpt) is not a number")
  }
}
