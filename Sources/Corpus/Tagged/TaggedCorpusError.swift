/// What can be wrong with a tagged corpus, its paths or its use. Each description is one line: what, where, what to do.
public enum TaggedCorpusError: Error, CustomStringConvertible, Equatable {
  /// A folder without a file or folder for one of the splits.
  case missingSplit(folder: String, split: String, expected: String)
  /// A folder with several candidates for the same thing.
  case ambiguous(folder: String, what: String, found: [String], cure: String)
  /// Nothing to read.
  case noSentences(path: String)
  /// Too few examples for a 70/10/20 split.
  case tooFewToSplit(count: Int)
  /// More bad lines than the reader puts up with; the last one is named.
  case tooManyBadLines(file: String, line: Int, reason: String, count: Int, allowed: Int)
  /// Bytes that are not UTF-8, where offsets need every character.
  case notUTF8(file: String, line: Int)
  /// A file of which more than one character in a thousand is not UTF-8.
  case notText(file: String, line: Int, unreadable: Int, characters: Int, cure: String)
  /// A tag of an entities corpus that its scheme does not have.
  case foreignTag(tag: String, word: String, place: String, scheme: TagScheme)
  /// A BRAT text without its annotations, or the reverse.
  case missingCompanion(file: String, expected: String)
  /// A BRAT entity line that does not parse.
  case badEntity(file: String, line: Int, reason: String)
  /// A BRAT span beyond its text.
  case spanOutsideText(file: String, line: Int, start: Int, end: Int, characterCount: Int)
  /// Tags that are numbers, with no names given for them.
  case tagNamesMissing(file: String, line: Int)
  /// JSON lines with both kinds of tags, and no choice made.
  case bothTasks(file: String, line: Int)
  /// A format that does not hold the task asked for.
  case taskMismatch(format: String, task: String)
  /// A set of labels with no label.
  case noLabels
  /// A label that stands twice in a set.
  case labelRepeated(String)
  /// A tag that the classifier does not know.
  case unknownTag(tag: String, word: String, position: Int, source: String, known: [String])
  /// Labels that the strict rule cannot read.
  case noStrictReading(label: String)
  /// A window that holds no piece between `<s>` and `</s>`.
  case windowTooSmall(Int)
  /// A tokenizer whose answer is not one id a word id, word ids ascending, null at both ends only.
  case badEncoding(source: String, reason: String)
  /// Counts of another shape than the label set's.
  case countsMismatch(expected: Int, found: Int)

  /// One line.
  public var description: String {
    switch self {
    case .missingSplit(let folder, let split, let expected):
      return "\(folder): no \(split) part: expected \(expected); or name the files of each part"
    case .ambiguous(let folder, let what, let found, let cure):
      return "\(folder): several candidates for \(what): \(found.prefix(6).joined(separator: ", ")); \(cure)"
    case .noSentences(let path): return "\(path): no tagged sentence in it: check the path and the format"
    case .tooFewToSplit(let count): return "\(count) examples are too few for a 70/10/20 split: at least 10 are needed"
    case .tooManyBadLines(let file, let line, let reason, let count, let allowed):
      return
        "\(file):\(line): \(reason); \(count) bad lines, \(allowed) allowed: check the format (fine_tuning.format, or --format), or correct them"
    case .notUTF8(let file, let line): return "\(file):\(line): not UTF-8: convert the file"
    case .notText(let file, let line, let unreadable, let characters, let cure):
      return "\(file):\(line): not UTF-8 text: \(unreadable) of \(characters) characters cannot be read; \(cure)"
    case .foreignTag(let tag, let word, let place, let scheme):
      let isBIOES = scheme == .iob2 && TagScheme.bioes.iob2(tag) != nil
      let known = scheme == .iob2 ? "O, B-TYPE and I-TYPE" : "O, B-TYPE, I-TYPE, E-TYPE and S-TYPE"
      return "\(place): tag \(tag.excerpt) of \(word.excerpt) is none of \(known): "
        + (isBIOES
          ? "fine_tuning.tags: bioes (--tags bioes) reads BIOES tags as IOB2"
          : "correct it, or set the task to pos where the tags mark no spans")
    case .missingCompanion(let file, let expected): return "\(file): \(expected) is missing beside it"
    case .badEntity(let file, let line, let reason): return "\(file):\(line): entity line: \(reason)"
    case .spanOutsideText(let file, let line, let start, let end, let count):
      return
        "\(file):\(line): span \(start) \(end) in a text of \(count) characters: are offsets and text of one version?"
    case .tagNamesMissing(let file, let line):
      return "\(file):\(line): tags are numbers: give their names in labels.txt beside the file, one a line"
    case .bothTasks(let file, let line):
      return "\(file):\(line): both ner_tags and pos_tags: say which is meant (fine_tuning.task, or --task)"
    case .taskMismatch(let format, let task):
      return "format \(format) holds no \(task) tags: change fine_tuning.format or fine_tuning.task"
    case .noLabels: return "the set of labels is empty: a classifier needs at least one"
    case .labelRepeated(let name): return "label \(name.excerpt) stands twice in the set of labels"
    case .unknownTag(let tag, let word, let position, let source, let known):
      let names = known.prefix(24).joined(separator: " ") + (known.count > 24 ? " …" : "")
      return
        "\(source): tag \(tag.excerpt) of word \(position) (\(word.excerpt)) is not among the classifier's labels: \(names)"
    case .noStrictReading(let label):
      return "label \(label.excerpt) is not of IOB2, which the strict rule reads alone: leave --strict out"
    case .windowTooSmall(let tokens): return "windows of \(tokens) tokens hold no word: at least 3 are needed"
    case .badEncoding(let source, let reason): return "\(source): the tokenizer's answer is unusable: \(reason)"
    case .countsMismatch(let expected, let found):
      return "score counts: \(found) numbers, \(expected) expected: both sides must use the same labels"
    }
  }
}

extension String {
  /// At most 40 characters on one line, for messages: a hostile line must not fill a terminal. None where text is not to be
  /// quoted (`QuotedText`).
  var excerpt: String {
    if QuotedText.isWithheld { return QuotedText.placeholder }
    var shown = ""
    for scalar in unicodeScalars.prefix(40) {
      shown.unicodeScalars.append(scalar.value < 0x20 || scalar.value == 0x7F ? "\u{FFFD}" : scalar)
    }
    return unicodeScalars.dropFirst(40).isEmpty ? shown : shown + "…"
  }
}
