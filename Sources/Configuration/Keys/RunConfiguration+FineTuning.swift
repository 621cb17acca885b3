import Corpus

extension RunConfiguration {
  /// The second stage: token classification on a tagged corpus.
  public struct FineTuning: SettingsSection {
    /// What is tagged; nil where there is no second stage.
    public var task: TaggedTask?
    /// The corpus' format.
    public var format: TaggedCorpusFormat?
    /// The whole corpus, instead of the three splits: one folder whose names tell the splits, or files to be split by
    /// `splitSeed` (CAS, ESSAI, a BRAT folder without parts).
    public var path: [String] = []
    /// The training split.
    public var train: [String] = []
    /// The validation split.
    public var validation: [String] = []
    /// The test split.
    public var test: [String] = []
    /// The part of a QUAERO release.
    public var part: Part?
    /// Where the texts of a BRAT corpus are cut into words.
    public var tokenization = WordTokenization.whitespace
    /// How the tags of an entities corpus mark spans.
    public var tags = TagScheme.iob2
    /// Whether the words after a document's last cut are left out, as the paper's counts do (EMEA).
    public var dropTails = false
    /// The seed of the split where `path` names files without one (CAS, ESSAI); the run's unless given.
    public var splitSeed: UInt64 = 1
    /// The longest window of a sentence, special tokens included.
    public var maximumTokens = 512
    /// The largest number of tokens that go through the model at once.
    public var sliceTokens = 1024
    /// The peak of this stage's schedule; the optimizer's unless given.
    public var learningRate = Optimizer().learningRate
    /// The validation score by which the best checkpoint is kept; by task unless given.
    public var selectionScore = SelectionScore.lenientF1
    /// The score that part-of-speech runs take unless one is given; presets move it.
    var taggingScore = SelectionScore.accuracy

    /// No corpus given yet.
    public init() {}

    /// The keys of this section.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.optionalChoice("task", &task, "what is tagged")
      try visitor.optionalChoice("format", &format, "the corpus' format")
      try visitor.paths("path", &path, "the whole corpus: a folder with its splits, or files to split by seed")
      try visitor.paths("train", &train, "training split, instead of path")
      try visitor.paths("validation", &validation, "validation split")
      try visitor.paths("test", &test, "test split")
      try visitor.optionalChoice("part", &part, "the part of a QUAERO release (brat)")
      try visitor.choice(
        "tokenization", &tokenization, "words end at white space, or at punctuation and French elisions too (brat)")
      try visitor.choice("tags", &tags, "how tags mark entities; bioes is read as iob2 (conll2, jsonl)")
      try visitor.flag("drop_tails", &dropTails, "leave out the words after a document's last cut (brat)")
      try visitor.integer("split_seed", &splitSeed, 0...UInt64.max, "seed of the split of path; the run's unless given")
      try visitor.integer("maximum_tokens", &maximumTokens, 8...65_536, "longest window of a sentence")
      try visitor.integer("slice_tokens", &sliceTokens, 8...1_048_576, "tokens through the model at once, at most")
      try visitor.number(
        "learning_rate", &learningRate, .above(0, through: 1), "peak in this stage; the optimizer's unless given")
      visitor.derive(["selection_score"], from: "fine_tuning.task") {
        selectionScore = task == .pos ? taggingScore : .lenientF1
      }
      try visitor.choice(
        "selection_score", &selectionScore, "the score that chooses the best checkpoint; by task unless given")
    }
  }

  /// The parts of the QUAERO corpus.
  public enum Part: String, SettingsChoice {
    /// Drug leaflets.
    case emea = "EMEA"
    /// Scientific titles.
    case medline = "MEDLINE"
  }

  /// A validation score by which the best checkpoint is chosen.
  public enum SelectionScore: String, SettingsChoice {
    /// Entities, strict IOB2.
    case strictF1 = "strict_f1"
    /// Entities, seqeval's default.
    case lenientF1 = "lenient_f1"
    /// Parts of speech, share of words.
    case accuracy
    /// Parts of speech, F1 weighted by support.
    case weightedF1 = "weighted_f1"

    /// The task that it measures.
    public var task: TaggedTask { self == .strictF1 || self == .lenientF1 ? .entities : .pos }
  }
}
