import Corpus

extension RunConfiguration {
  /// The first stage: masked-language modelling on blocks of a token stream.
  public struct Pretraining: SettingsSection {
    /// Text files, tokenized into `output/store` when the run starts. Either these or `store`.
    public var text: [String] = []
    /// A token store that `palier tokenize` wrote.
    public var store = ""
    /// How documents stand in the text files.
    public var documentLayout = DocumentLayout.automatic
    /// Whether of documents with the same tokens the first alone is learned from.
    public var dropDuplicates = false
    /// Tokens in a block.
    public var blockLength = 512
    /// The share of non-special tokens that are asked for.
    public var maskingProbability = 0.15
    /// The largest number of tokens that go through the model at once.
    public var sliceTokens = 2048
    /// The peak of this stage's schedule; the optimizer's unless given.
    public var learningRate = Optimizer().learningRate
    /// The blocks that one evaluation looks at, at most.
    public var validationBlocks = 64

    /// No text given yet.
    public init() {}

    /// The keys of this section.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.paths("text", &text, "text files, tokenized into output/store at the start")
      try visitor.path("store", &store, "a token store that palier tokenize wrote, instead of text")
      try visitor.choice("document_layout", &documentLayout, "how documents stand in the text files")
      try visitor.flag(
        "drop_duplicates", &dropDuplicates, "of the text's documents with the same tokens keep the first")
      try visitor.integer("block_length", &blockLength, 8...65_536, "tokens in a block")
      try visitor.number("masking_probability", &maskingProbability, .above(0, through: 1), "share of tokens asked for")
      try visitor.integer("slice_tokens", &sliceTokens, 8...1_048_576, "tokens through the model at once, at most")
      try visitor.number(
        "learning_rate", &learningRate, .above(0, through: 1), "peak in this stage; the optimizer's unless given")
      try visitor.integer(
        "validation_blocks", &validationBlocks, 1...1_000_000, "blocks an evaluation looks at, at most")
    }
  }
}
