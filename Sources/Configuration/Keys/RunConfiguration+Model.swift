import Quantization

extension RunConfiguration {
  /// What is trained.
  public struct Model: SettingsSection {
    /// A Hugging Face folder: `config.json` with `model.safetensors` or `pytorch_model.bin`.
    public var checkpoint = ""
    /// The folder with `sentencepiece.bpe.model`; the checkpoint's unless given.
    public var tokenizer = ""
    /// Whether the masked-language head's decoder is the word table.
    public var tied = TiedDecoder.checkpoint

    /// Nothing given yet.
    public init() {}

    /// The keys of this section.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.path("checkpoint", &checkpoint, "a Hugging Face folder (CamemBERT or RoBERTa)")
      visitor.derive(["tokenizer"], from: "model.checkpoint") { tokenizer = checkpoint }
      try visitor.path(
        "tokenizer", &tokenizer, "the folder with sentencepiece.bpe.model; the checkpoint's unless given")
      try visitor.choice("tied", &tied, "the masked-LM decoder is the word table, or has weights of its own")
    }
  }

  /// Whether the masked-language head's decoder is the word table.
  public enum TiedDecoder: String, SettingsChoice {
    /// As the checkpoint has it.
    case checkpoint
    /// It is; a decoder that the checkpoint has is left out.
    case tied = "true"
    /// It is not; a tied checkpoint's starts as a copy of the word table.
    case untied = "false"
  }

  /// How the model is quantized. The switches are the numerics contract's points; other values than the defaults are
  /// there to imitate published code.
  public struct Quantization: SettingsSection {
    /// The algorithm and its bits.
    public var scheme = Scheme.float32
    /// Schemes that the run goes over to within its first stage, in order.
    public var ramp: [RampEntry] = []
    /// Which sites share one step size.
    public var sharedSteps = SharedSteps.none
    /// Whether step sizes are trained; else they stay as first measured.
    public var learnedSteps = true
    /// Whether the gradient to a clipped value is zero; else it passes straight through.
    public var clippedGradient = true
    /// What BitNet's γ is a mean over.
    public var bitnetGamma = BitNetGamma.matrix
    /// How first steps are measured.
    public var initial = InitialSteps.mean
    /// Whether the masked-language head is quantized (dense and decoder, at the weights' bits).
    public var quantizedHead = false
    /// When steps and offsets that fit are measured anew all the same.
    public var resetSteps = ResetSteps.never
    /// What is left in float32: `first` and `last` (encoder layers), or patterns of the names of linears and tables.
    public var exclude: [String] = []

    /// The numerics contract's behaviour, scheme `fp32`.
    public init() {}

    /// The keys of this section.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.scheme("scheme", &scheme, "algorithm and bits of embeddings, weights, activations")
      try visitor.sections(
        "ramp", &ramp, "schemes that follow within the first stage, each from its share of that stage's steps on")
      try visitor.choice("shared_steps", &sharedSteps, "one step a site, or one a kind of site")
      try visitor.flag("learned_steps", &learnedSteps, "train the step sizes")
      try visitor.flag("clipped_gradient", &clippedGradient, "no gradient to clipped values")
      try visitor.choice("initial", &initial, "first steps: by the papers' rules, or by least squared error")
      try visitor.choice("bitnet_gamma", &bitnetGamma, "row: the same as weights.granularity, of BitNet's γ alone")
      try visitor.flag("quantized_head", &quantizedHead, "quantize the masked-language head too")
      try visitor.choice(
        "reset_steps", &resetSteps, "measure steps that fit anew at every load of a checkpoint but a resume")
      try visitor.words(
        "exclude", &exclude, "left in float32: first, last (layers), or patterns of names of linears and tables")
    }
  }

  /// What BitNet's γ is a mean over.
  public enum BitNetGamma: String, SettingsChoice {
    /// The matrix, unless `weights.granularity` says row.
    case matrix
    /// Each output row.
    case row
  }

  /// The grids of the embedding tables.
  public struct Embeddings: SettingsSection {
    /// What one step is for.
    public var granularity = Granularity.tensor

    /// A step a table.
    public init() {}

    /// The keys of this section.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.choice("granularity", &granularity, "one step a table, or one for each of its rows")
    }
  }

  /// The grids of the encoder's weight matrices.
  public struct Weights: SettingsSection {
    /// What one step, or γ, is for.
    public var granularity = Granularity.tensor
    /// Where the levels lie.
    public var grid = WeightGrid.standard

    /// A step a matrix, whole multiples of it.
    public init() {}

    /// The keys of this section.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.choice("granularity", &granularity, "one step (or γ) a matrix, or one for each output row")
      try visitor.choice("grid", &grid, "levels at whole steps, or at half ones, as many on either side of zero")
    }
  }

  /// The grids of the activations.
  public struct Activations: SettingsSection {
    /// What one scale is for; that of the scheme unless given.
    public var granularity = ActivationGranularity.tensor
    /// What is added to the levels; that of the scheme unless given.
    public var offset = ActivationOffset.none

    /// A step a site, no offset.
    public init() {}

    /// The keys of this section.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.choice(
        "granularity", &granularity,
        "a learned step for all tokens (LSQ), or each token's largest magnitude (BitNet); the scheme's unless given")
      try visitor.choice(
        "offset", &offset, "a learned offset (LSQ+), or one of whole steps; the scheme's unless given")
    }
  }

  /// What of the masked-language head and the classifier is quantized.
  public struct Heads: SettingsSection {
    /// The bits of their matrices.
    public var weights = HeadBits.none

    /// Both in float32.
    public init() {}

    /// The keys of this section.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.choice("weights", &weights, "bits of the matrices of the masked-LM head and of the classifier")
    }
  }

  /// Dropout rates, in [0, 1).
  public struct Dropout: SettingsSection {
    /// After the embedding norm and after the two output projections of a layer.
    public var hidden = 0.1
    /// On attention probabilities.
    public var attention = 0.1
    /// Before the classifier.
    public var classifier = 0.1

    /// The paper's rates.
    public init() {}

    /// The keys of this section.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.number("hidden", &hidden, .from(0, below: 1), "after the embeddings and the output projections")
      try visitor.number("attention", &attention, .from(0, below: 1), "on attention probabilities")
      try visitor.number("classifier", &classifier, .from(0, below: 1), "before the classifier")
    }
  }
}
