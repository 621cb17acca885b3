/// Reads the text files of CAS and ESSAI: one word a line, tab-separated: document, word number, word, lemma, tag.
///
/// The tag is in column 5, or in column 7 where a line has eight columns or more. The rows of one document number in
/// one file make one example. CAS and ESSAI are distributed as two files over the same documents (negation,
/// speculation): a document met in an earlier file is not read again; where its words differ there, the first reading
/// stays and a note says so. A bad line (fewer than five columns, an empty document, word or tag, not UTF-8) is passed
/// over alone, as the corpora hold such lines, and reported. Tag names are kept as they are.
struct CasReader {
  private var documents: [TaggedSentence] = []
  private var positions: [String: Int] = [:]
  private var differing = 0
  private var repeated = 0

  /// The documents of `files`, in the order of their first lines.
  static func documents(in files: [TaggedFile], bad: inout BadLines, notes: inout [String]) throws -> [TaggedSentence] {
    var reader = CasReader()
    for file in files { try reader.read(file, &bad) }
    if reader.repeated > 0 { notes.append("\(reader.repeated) documents stand in several files: read once") }
    if reader.differing > 0 {
      notes.append("\(reader.differing) of them differ there in words or tags: the first stays")
    }
    return reader.documents
  }

  private mutating func read(_ file: TaggedFile, _ bad: inout BadLines) throws {
    bad.begin(file)
    var inFile: [TaggedSentence] = []
    var inFilePositions: [String: Int] = [:]
    try file.forEachLine { number, line in
      if line.isBlankLine { return }
      do {
        let (document, word, tag) = try CasReader.row(line)
        if let position = inFilePositions[document] {
          inFile[position].words.append(word)
          inFile[position].tags.append(tag)
        } else {
          inFilePositions[document] = inFile.count
          inFile.append(TaggedSentence(words: [word], tags: [tag], source: "\(file.name):\(number)"))
        }
      } catch let problem as BadLine {
        try bad.add(file, number, problem.reason)
      }
    }
    let names = inFilePositions.sorted { $0.value < $1.value }.map(\.key)
    for (name, document) in zip(names, inFile) { take(document, name) }
  }

  private mutating func take(_ document: TaggedSentence, _ name: String) {
    guard let position = positions[name] else {
      positions[name] = documents.count
      documents.append(document)
      return
    }
    repeated += 1
    let first = documents[position]
    if first.words != document.words || first.tags != document.tags { differing += 1 }
  }

  /// Document, word and tag of one line.
  private static func row(_ line: ArraySlice<UInt8>) throws -> (document: String, word: String, tag: String) {
    let columns = line.fields(limit: 8)
    guard columns.count >= 5 else { throw BadLine("\(columns.count) columns, at least 5 expected") }
    guard let document = columns[0].utf8Text, let word = columns[2].utf8Text,
      let tag = columns[columns.count >= 8 ? 6 : 4].utf8Text
    else { throw BadLine("not UTF-8") }
    guard !document.isEmpty else { throw BadLine("empty document number") }
    guard !word.isEmpty else { throw BadLine("empty word") }
    guard !tag.isEmpty else { throw BadLine("word \(word.excerpt) has no tag") }
    return (document, word, tag)
  }
}
