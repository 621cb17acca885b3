/// Gathers the words of a sentence that is spread over lines, one word a line, a blank line at its end.
///
/// A sentence with a bad line is left out whole: one with a hole would teach, and score, something nobody wrote.
struct SentenceBuilder {
  let file: TaggedFile
  private(set) var sentences: [TaggedSentence] = []
  private(set) var words: [String] = []
  private var tags: [String] = []
  private var firstLine = 0
  private var isSpoiled = false

  init(file: TaggedFile) { self.file = file }

  /// Adds one word that stands on `line`.
  mutating func add(_ word: String, _ tag: String, line: Int) {
    if words.isEmpty { firstLine = line }
    words.append(word)
    tags.append(tag)
  }

  /// Reports `line` and gives up the sentence it stands in.
  mutating func spoil(line: Int, _ reason: String, _ bad: inout BadLines) throws {
    isSpoiled = true
    try bad.add(file, line, reason)
  }

  /// Whether the sentence under way has been given up.
  var isGivenUp: Bool { isSpoiled }

  /// Ends the sentence.
  mutating func finish(_ bad: inout BadLines) {
    if isSpoiled {
      bad.addDroppedSentence()
    } else if !words.isEmpty {
      sentences.append(TaggedSentence(words: words, tags: tags, source: "\(file.name):\(firstLine)"))
    }
    words.removeAll(keepingCapacity: true)
    tags.removeAll(keepingCapacity: true)
    isSpoiled = false
  }
}
