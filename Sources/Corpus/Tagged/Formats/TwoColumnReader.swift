/// Reads CoNLL with two columns: word and tag, between them one tab, or spaces; a blank line after each sentence.
///
/// `-DOCSTART-` lines are passed over. With a tab on the line, words may hold spaces. A bad line (not two columns, an
/// empty one, not UTF-8) leaves its sentence out and is reported.
enum TwoColumnReader {
  static func sentences(in file: TaggedFile, bad: inout BadLines) throws -> [TaggedSentence] {
    bad.begin(file)
    var builder = SentenceBuilder(file: file)
    try file.forEachLine { number, line in
      if line.isBlankLine || line.starts(with: "-DOCSTART-".utf8) {
        builder.finish(&bad)
      } else if !builder.isGivenUp {
        let columns =
          line.contains(0x09) ? line.fields() : line.split(separator: 0x20, omittingEmptySubsequences: true)
        if columns.count != 2 {
          try builder.spoil(line: number, "\(columns.count) columns, 2 expected (word, tag)", &bad)
        } else if columns[0].isEmpty || columns[1].isEmpty {
          try builder.spoil(line: number, "empty \(columns[0].isEmpty ? "word" : "tag")", &bad)
        } else if let word = columns[0].utf8Text, let tag = columns[1].utf8Text {
          builder.add(word, tag, line: number)
        } else {
          try builder.spoil(line: number, "not UTF-8", &bad)
        }
      }
    }
    builder.finish(&bad)
    return builder.sentences
  }
}
