/// Everything that a training run is told, as plain values: the YAML file with its defaults, preset and overrides resolved.
///
/// The YAML keys are the properties in snake case (`fine_tuning.maximum_tokens`). Each default stands at its property and
/// nowhere else. Read one with `load(file:overrides:)`; `resolvedYAML()` writes it back.
/// Paths are absolute after reading; an empty path means that none was given.
public struct RunConfiguration: SettingsSection {
  /// Values that belong together; explicit keys win over it.
  public var preset = Preset.standard
  /// The seed of every draw: masking, dropout, order, splits, heads.
  public var seed: UInt64 = 1
  /// The folder of the run: checkpoints, logs, the resolved configuration.
  public var output = ""
  /// Whether what the run writes is made as the umask has it; else its owner alone may read it.
  public var sharedFiles = false
  /// What is trained.
  public var model = Model()
  /// How it is quantized.
  public var quantization = Quantization()
  /// The grids of its tables.
  public var embeddings = Embeddings()
  /// The grids of its weights.
  public var weights = Weights()
  /// The grids of its activations.
  public var activations = Activations()
  /// What of the heads is quantized.
  public var heads = Heads()
  /// Dropout rates.
  public var dropout = Dropout()
  /// How many steps, and how they are shared between the stages.
  public var budget = Budget()
  /// The global batch.
  public var batch = Batch()
  /// AdamW and its schedule.
  public var optimizer = Optimizer()
  /// An average of the weights beside the weights.
  public var averaging = Averaging()
  /// The first stage: masked-language modelling.
  public var pretraining = Pretraining()
  /// The second stage: token classification.
  public var fineTuning = FineTuning()
  /// A teacher beside the student.
  public var distillation = Distillation()
  /// When and how the model is measured.
  public var evaluation = Evaluation()
  /// When and how the run is saved.
  public var checkpoints = Checkpoints()
  /// Kinds of products, threads, placement.
  public var compute = Compute()
  /// What stops a run that has gone wrong.
  public var guards = Guards()
  /// What rank zero prints and writes.
  public var logging = Logging()

  /// Every default; `output` and `model.checkpoint` are empty and must be given.
  public init() {}

  /// The keys, in the order of the file. Sections that take defaults from others come after them.
  public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
    try visitor.choice("preset", &preset, "values that belong together; explicit keys win over it")
    visitor.derive([], from: "preset") { apply(preset) }
    try visitor.integer("seed", &seed, 0...UInt64.max, "the seed of every random draw")
    try visitor.path("output", &output, "the folder of the run")
    try visitor.flag("shared_files", &sharedFiles, "files as the umask has them; false: for their owner alone")
    try visitor.section("model", &model, "what is trained")
    try visitor.section("quantization", &quantization, "how it is quantized")
    visitor.derive(["activations.granularity", "activations.offset"], from: "quantization.scheme") {
      activations.granularity = quantization.scheme.activations.isPerToken ? .token : .tensor
      activations.offset = quantization.scheme.activations.offset
    }
    try visitor.section("embeddings", &embeddings, "the grids of the tables")
    try visitor.section("weights", &weights, "the grids of the encoder's weights")
    try visitor.section("activations", &activations, "the grids of the activations")
    try visitor.section("heads", &heads, "what of the heads is quantized")
    try visitor.section("dropout", &dropout, "dropout rates")
    try visitor.section("budget", &budget, "steps, and their share between the stages")
    try visitor.section("batch", &batch, "the global batch")
    try visitor.section("optimizer", &optimizer, "AdamW and its schedule")
    try visitor.section("averaging", &averaging, "an average of the weights, beside the weights")
    visitor.derive(["pretraining.learning_rate", "fine_tuning.learning_rate"], from: "optimizer.learning_rate") {
      pretraining.learningRate = optimizer.learningRate
      fineTuning.learningRate = optimizer.learningRate
    }
    visitor.derive(["fine_tuning.split_seed"], from: "seed") { fineTuning.splitSeed = seed }
    try visitor.section("pretraining", &pretraining, "the first stage: masked-language modelling")
    try visitor.section("fine_tuning", &fineTuning, "the second stage: token classification")
    try visitor.section("distillation", &distillation, "a teacher beside the student, by stage")
    try visitor.section("evaluation", &evaluation, "when and how the model is measured")
    try visitor.section("checkpoints", &checkpoints, "when and how the run is saved")
    try visitor.section("compute", &compute, "kinds of products, threads, placement")
    try visitor.section("guards", &guards, "what stops a run that has gone wrong")
    try visitor.section("logging", &logging, "what rank zero prints and writes")
  }
}
