/// What a tagged corpus holds, and what of it cannot be learnt or scored as it stands.
public struct TaggedAudit: Sendable {
  /// The figures of one part.
  public struct Part: Sendable {
    /// Which part.
    public let name: TaggedSplitName
    /// Examples.
    public let sentenceCount: Int
    /// Words in all of them.
    public let wordCount: Int
    /// How often each label occurs, in the corpus' order, with 0 for those that do not.
    public let labelCounts: [(label: String, count: Int)]
    /// Words of the longest example.
    public let longest: Int
    /// Examples with no word (an empty tail of a file).
    public let emptyCount: Int
    /// The same words twice or more in this part: examples beyond the first.
    public let repeatedCount: Int
    /// `I-` tags that continue no span of their type: lenient scores open a span there, strict ones count none.
    public let strayInsideCount: Int
    /// How the tokenizer cut it; nil when the audit was made without one.
    public let encoded: EncodedSplit?
  }

  /// Train, validation and test.
  public let parts: [Part]
  /// Pairs of parts and how many different examples (same words, empty ones apart) stand in both.
  public let shared: [(first: TaggedSplitName, second: TaggedSplitName, count: Int)]
  /// The bad lines and other notes of the reader.
  public let notes: [String]

  /// Examines `corpus`; `encoded` holds the windows of its parts where they have been made.
  public init(_ corpus: TaggedCorpus, encoded: [TaggedSplitName: EncodedSplit] = [:]) {
    notes = corpus.notes
    // Bytes, not strings: two spellings of one accent are two texts here.
    let keys = corpus.splits.map { split in
      Set(split.sentences.lazy.filter { !$0.words.isEmpty }.map(TaggedAudit.key))
    }
    parts = zip(corpus.splits, keys).map { split, keys in
      Part(split, distinct: keys.count, labels: corpus.labels, task: corpus.task, encoded: encoded[split.name])
    }
    shared = [(0, 1), (0, 2), (1, 2)].map { a, b in
      (corpus.splits[a].name, corpus.splits[b].name, keys[a].intersection(keys[b]).count)
    }
  }

  private static func key(_ sentence: TaggedSentence) -> [UInt8] {
    var key: [UInt8] = []
    for word in sentence.words { key += word.utf8 + [0x0A] }
    return key
  }

  /// Printable lines, bad lines last.
  public var lines: [String] {
    var lines: [String] = []
    for part in parts { lines += part.lines }
    for pair in shared where pair.count > 0 {
      lines.append("\(pair.count) sentences stand in both \(pair.first.rawValue) and \(pair.second.rawValue)")
    }
    return lines + notes
  }
}

extension TaggedAudit.Part {
  fileprivate init(_ split: TaggedSplit, distinct: Int, labels: [String], task: TaggedTask, encoded: EncodedSplit?) {
    name = split.name
    sentenceCount = split.sentences.count
    wordCount = split.sentences.reduce(0) { $0 + $1.words.count }
    longest = split.sentences.reduce(0) { max($0, $1.words.count) }
    emptyCount = split.sentences.reduce(0) { $0 + ($1.words.isEmpty ? 1 : 0) }
    repeatedCount = sentenceCount - emptyCount - distinct
    var counts: [String: Int] = [:]
    for sentence in split.sentences { for tag in sentence.tags { counts[tag, default: 0] += 1 } }
    labelCounts = labels.map { ($0, counts[$0] ?? 0) }
    strayInsideCount = task == .entities ? split.sentences.reduce(0) { $0 + Self.strayInsides($1.tags) } : 0
    self.encoded = encoded
  }

  private static func strayInsides(_ tags: [String]) -> Int {
    var count = 0
    var openType: Substring?
    for tag in tags {
      let type = tag.dropFirst(2)
      if tag.utf8.starts(with: "I-".utf8), openType != type { count += 1 }
      openType = tag == "O" ? nil : type
    }
    return count
  }

  fileprivate var lines: [String] {
    guard sentenceCount > 0 else { return ["\(name.rawValue): nothing"] }
    var lines = ["\(name.rawValue): \(sentenceCount) sentences, \(wordCount) words, longest \(longest)"]
    if emptyCount > 0 { lines[0] += ", \(emptyCount) sentences empty" }
    if repeatedCount > 0 { lines[0] += ", \(repeatedCount) repeated" }
    lines.append("  labels: " + labelCounts.map { "\($0.label) \($0.count)" }.joined(separator: ", "))
    if strayInsideCount > 0 {
      lines.append("  \(strayInsideCount) I- tags continue no span of their type: strict F1 counts no span there")
    }
    if let encoded {
      lines.append(
        "  \(encoded.windows.count) windows: \(encoded.cutSentences) sentences cut, "
          + "\(encoded.wordsWithoutPiece) words without a piece, \(encoded.truncatedWords) words cut short, "
          + "\(encoded.sentencesWithoutPiece) sentences without a piece")
    }
    return lines
  }
}
