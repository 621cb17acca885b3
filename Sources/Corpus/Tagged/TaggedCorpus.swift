/// One example of a tagged corpus: words and their tags, one to one.
public struct TaggedSentence: Sendable, Equatable {
  /// The words, byte for byte as in the file (never normalised).
  public var words: [String]
  /// One tag a word: IOB2 for entities, a part of speech otherwise.
  public var tags: [String]
  /// Where it stands: `file:line` of its first line, or the file alone where a file is one example.
  public var source: String

  /// A sentence of `words` and as many `tags`.
  public init(words: [String], tags: [String], source: String) {
    precondition(words.count == tags.count, "TaggedSentence: \(words.count) words, \(tags.count) tags, \(source)")
    self.words = words
    self.tags = tags
    self.source = source
  }
}

/// What the tags of a corpus say.
public enum TaggedTask: String, Sendable, CaseIterable {
  /// Spans of words with a type, in IOB2 (or BIOES, read as IOB2).
  case entities
  /// One part of speech a word.
  case pos
}

/// A part of a tagged corpus.
public enum TaggedSplitName: String, Sendable, CaseIterable {
  case train, validation, test
}

/// One named part of a tagged corpus with its sentences.
public struct TaggedSplit: Sendable {
  /// Which part.
  public var name: TaggedSplitName
  /// Its examples, in file order.
  public var sentences: [TaggedSentence]

  /// The part `name`, made of `sentences`.
  public init(name: TaggedSplitName, sentences: [TaggedSentence]) {
    self.name = name
    self.sentences = sentences
  }
}

/// A tagged corpus, read and checked.
public struct TaggedCorpus: Sendable {
  /// What its tags say.
  public var task: TaggedTask
  /// Examples to learn from.
  public var train: [TaggedSentence]
  /// Examples that choose the best checkpoint.
  public var validation: [TaggedSentence]
  /// Examples of the final score.
  public var test: [TaggedSentence]
  /// Every tag of the three parts, in canonical order (`LabelSet.canonical`): the classes of a new classifier.
  public var labels: [String]
  /// One printable line for each bad line and for each thing a reader should know (sentences dropped, say).
  public var notes: [String]
  /// Those of the notes that tell of lines which could not be read.
  public var complaints: [String] = []

  /// The corpus of these parts; `labels` is what their tags need, joined with `declaredLabels`.
  public init(
    task: TaggedTask, train: [TaggedSentence], validation: [TaggedSentence], test: [TaggedSentence],
    declaredLabels: [String] = [], notes: [String] = []
  ) {
    self.task = task
    self.train = train
    self.validation = validation
    self.test = test
    self.notes = notes
    var seen = Set(declaredLabels)
    for sentence in [train, validation, test].joined() { seen.formUnion(sentence.tags) }
    labels = LabelSet.canonical(seen, task: task)
  }

  /// The three parts by name.
  public var splits: [TaggedSplit] { TaggedSplitName.allCases.map { TaggedSplit(name: $0, sentences: self[$0]) } }

  /// The examples of the part `name`.
  public subscript(name: TaggedSplitName) -> [TaggedSentence] {
    switch name {
    case .train: return train
    case .validation: return validation
    case .test: return test
    }
  }
}
