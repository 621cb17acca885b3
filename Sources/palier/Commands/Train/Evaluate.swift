import ArgumentParser
import Base
import Configuration
import Corpus
import Foundation
import Models
import Observability
import Quantization
import Ranks
import Training

/// `palier evaluate`: a checkpoint's scores on a split of a corpus.
struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Score a checkpoint on a split of a tagged corpus, or its masked-LM loss on a token store.",
    discussion: """
      The corpus is that of a configuration (--config) or is named here: --format with --path (a whole corpus, whose file \
      names tell the parts) or --file (files that are the split). The checkpoint knows its labels, its task and its scheme; a \
      label of the corpus that it does not know is an error.

      Shown are loss, scores, figures per label, and baselines that need no model: every word O and labels drawn at random for \
      entities, the most frequent label for parts of speech. Every word of the reference counts. --predictions writes a JSON \
      line a sentence: {"tokens": […], "reference": […], "predicted": […]}. --by-document writes the scores, and the counts that \
      they are made of for each document (a BRAT file, else a sentence), as JSON. Under mpirun the ranks share the sentences; the \
      scores are the same.

      Examples:
        palier evaluate runs/demo/checkpoints/best --config configs/demo.yaml
        palier evaluate best --format brat --path QUAERO_FrenchMed --part EMEA \\
          --predictions out.jsonl
        palier evaluate best --format conllu --file fr_sequoia-ud-test.conllu
        palier evaluate runs/demo/checkpoints/alpha --task mlm --store runs/demo/store
      """)

  /// What is measured.
  enum Task: String, ExpressibleByArgument, CaseIterable { case entities, pos, mlm }

  @Argument(
    help: ArgumentHelp("A checkpoint folder that Palier wrote.", valueName: "checkpoint"), completion: .directory)
  var checkpoint: String
  @Option(help: ArgumentHelp("Take corpus and lengths from this configuration.", valueName: "file"))
  var config: String?
  @Option(
    name: .customLong("set"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Overrides a key of the configuration; may be repeated.", valueName: "key=value"))
  var settings: [String] = []
  @Option(help: "What is measured; the checkpoint's own unless given.")
  var task: Task?
  @Option(help: "Which part of the corpus; test unless given, validation for mlm.")
  var split: TaggedSplitName?
  @OptionGroup(title: "The tagged corpus") var corpus: TaggedCorpusArguments
  @Option(
    help: ArgumentHelp("The whole corpus: a folder, or files to be split by seed; may be repeated.", valueName: "path"))
  var path: [String] = []
  @Option(
    help: ArgumentHelp(
      "A file (brat: a folder) that is the split, or a part of it; may be repeated.", valueName: "file"))
  var file: [String] = []
  @Option(help: ArgumentHelp("Token store for --task mlm.", valueName: "folder"))
  var store: String?
  @Option(help: ArgumentHelp("Tokens in a block, for --task mlm.", valueName: "n"))
  var blockLength: Int?
  @Option(
    help: ArgumentHelp(
      "Longest window of a sentence; without --config as the checkpoint notes it, else 512.", valueName: "n"))
  var maximumTokens: Int?
  @Option(
    help: ArgumentHelp("Folder with sentencepiece.bpe.model; the checkpoint's own unless given.", valueName: "folder"))
  var tokenizer: String?
  @Option(help: "Quantize by this scheme in place of the checkpoint's.")
  var scheme: String?
  @Option(help: ArgumentHelp("Seed of validation blocks, masks and the random baseline.", valueName: "n"))
  var seed: UInt64?
  @Option(help: ArgumentHelp("Write the predictions to this file, a JSON line a sentence.", valueName: "file"))
  var predictions: String?
  @Option(help: ArgumentHelp("Write scores and counts by document to this file, as JSON.", valueName: "file"))
  var byDocument: String?
  @Flag(help: "Replace the --predictions and --by-document files where they are there.")
  var overwrite = false
  @OptionGroup var trust: TrustOption
  @OptionGroup var shared: SharedFilesOption
  @OptionGroup var quotes: QuoteOption
  @OptionGroup(title: "Threads") var threadOptions: ThreadOptions

  func validate() throws {
    if config == nil && !settings.isEmpty { throw ValidationError("--set goes with --config") }
    if !path.isEmpty && !file.isEmpty {
      throw ValidationError("--path names a whole corpus, --file one split: give one of them")
    }
    if let blockLength, !(8...65_536).contains(blockLength) {
      throw ValidationError("--block-length is not from 8 to 65536")
    }
    if let maximumTokens, !(8...65_536).contains(maximumTokens) {
      throw ValidationError("--maximum-tokens is not from 8 to 65536")
    }
    if task == .mlm && predictions != nil { throw ValidationError("--predictions goes with a tagged corpus") }
    if task == .mlm && byDocument != nil { throw ValidationError("--by-document goes with a tagged corpus") }
    if task == .mlm, let split, split != .validation {
      throw ValidationError("--task mlm measures the validation blocks")
    }
  }

  func run() throws {
    try RankSession.run(allowSeparateWorlds: threadOptions.allowSeparateWorlds) { world in
      let (configuration, request) = try world.agree { try prepare() }
      let asked = threadOptions.threads > 0 ? threadOptions.threads : configuration.compute.threads
      let allow = threadOptions.allowOversubscription || configuration.compute.allowOversubscription
      let placed = try RankSession.takeThreads(world, asked: asked, allowOversubscription: allow)
      if world.isLeader { Output.say(placed.line) }
      let evaluation = try CheckpointEvaluation(world: world, request)
      let task = measuredTask(evaluation.facts, configuration)
      let outcome =
        try task == .mlm
        ? evaluateStream(evaluation, configuration, world) : evaluateTags(evaluation, configuration, task, world)
      try world.agree {
        guard world.isLeader else { return }
        if let file = predictionFile { try PredictionFile.write(outcome, to: file) }
        if let file = documentFile { try DocumentFile.write(outcome, to: file) }
      }
      if world.isLeader { show(outcome, scheme: evaluation.scheme) }
      return EXIT_SUCCESS
    }
  }

  // MARK: - What is asked

  private var predictionFile: ResultFile? {
    predictions.map { ResultFile($0, wanted: "a file for the predictions", overwrites: overwrite) }
  }

  private var documentFile: ResultFile? {
    byDocument.map { ResultFile($0, wanted: "a file for the counts by document", overwrites: overwrite) }
  }

  private func prepare() throws -> (RunConfiguration, CheckpointEvaluation.Request) {
    var configuration = RunConfiguration()
    if let config { configuration = try RunConfiguration.load(file: Paths.url(config), overrides: settings) }
    shared.apply()
    if !quotes.quoteText || !configuration.logging.quoteText { QuotedText.withhold() }
    var request = CheckpointEvaluation.Request(checkpoint: try Paths.folder(checkpoint, "a checkpoint folder"))
    request.tokenizer = try tokenizer.map { try Paths.folder($0, "a folder with \(Tokenizer.modelFileName)") }
    request.scheme = try scheme.map { try Scheme(parsing: $0) }
    if config != nil { request.schemeUnlessNoted = try Scheme(configuration) }
    request.compute = configuration.compute
    request.sliceTokens = configuration.evaluation.sliceTokens
    request.trusts = trust.trust
    request.seed = seed ?? configuration.seed
    try predictionFile?.tryOut()
    try documentFile?.tryOut()
    return (configuration, request)
  }

  private func measuredTask(_ facts: PalierMetadata, _ configuration: RunConfiguration) -> Task {
    if let task { return task }
    if facts.stage == .pretraining { return .mlm }
    let known = facts.task?.rawValue ?? configuration.fineTuning.task?.rawValue
    return known.flatMap { Task(rawValue: $0) } ?? (store != nil ? .mlm : .entities)
  }

  private func evaluateStream(
    _ evaluation: CheckpointEvaluation, _ configuration: RunConfiguration, _ world: World
  ) throws -> CheckpointEvaluation.Outcome {
    var settings = configuration.pretraining
    if let blockLength { settings.blockLength = blockLength }
    let folder = try world.agree { () throws -> URL in
      if let store { return try Paths.folder(store, "a token store") }
      if !settings.store.isEmpty { return URL(fileURLWithPath: settings.store) }
      let made = Paths.url(configuration.output).appendingPathComponent("store")
      guard config != nil, PathKind(made) == .folder else {
        throw CommandLineError.missingOption("--store", reason: "the token store to measure the masked-LM loss on")
      }
      return made
    }
    return try evaluation.maskedLanguageModel(store: folder, settings)
  }

  private func evaluateTags(
    _ evaluation: CheckpointEvaluation, _ configuration: RunConfiguration, _ task: Task, _ world: World
  ) throws -> CheckpointEvaluation.Outcome {
    var settings = configuration.fineTuning
    let split = split ?? .test
    try world.agree {
      if config == nil, let name = evaluation.facts.tokenization,
        let known = WordTokenization(rawValue: name)
      {
        settings.tokenization = known
      }
      corpus.apply(to: &settings)
      if self.task != nil || settings.task == nil { settings.task = .init(rawValue: task.rawValue) }
      if config == nil { settings.splitSeed = corpus.splitSeed ?? evaluationSeed(configuration) }
      let noted = config == nil ? evaluation.facts.maximumTokens.map { max($0, 8) } : nil
      if let longest = maximumTokens ?? noted { settings.maximumTokens = longest }
      if !path.isEmpty {
        (settings.path, settings.train, settings.validation, settings.test) = (absolute(path), [], [], [])
      }
      if !file.isEmpty { use(absolute(file), as: split, in: &settings) }
      guard settings.format != nil else {
        throw CommandLineError.missingOption("--format", reason: "brat, conllu, cas, conll2 or jsonl, or a --config")
      }
      guard !(settings.path + settings.train + settings.validation + settings.test).isEmpty else {
        throw CommandLineError.missingOption(
          "--path", reason: "the corpus, or --file with the split's files, or a --config")
      }
    }
    return try evaluation.tagged(settings, split: split)
  }

  private func evaluationSeed(_ configuration: RunConfiguration) -> UInt64 { seed ?? configuration.seed }

  private func absolute(_ paths: [String]) -> [String] { paths.map { Paths.url($0).path } }

  private func use(_ files: [String], as split: TaggedSplitName, in settings: inout RunConfiguration.FineTuning) {
    (settings.path, settings.part) = ([], nil)
    settings.train = split == .train ? files : []
    settings.validation = split == .validation ? files : []
    settings.test = split == .test ? files : []
  }

  // MARK: - What is shown

  private func show(_ outcome: CheckpointEvaluation.Outcome, scheme: Scheme) {
    for warning in outcome.warnings { Output.warn(warning) }
    for note in outcome.notes { Output.say(note) }
    let amount =
      outcome.maskedTokenCount > 0
      ? "\(counted(outcome.sentenceCount, "block")), \(grouped(outcome.maskedTokenCount)) masked tokens"
      : "\(counted(outcome.sentenceCount, "sentence")), \(counted(outcome.wordCount, "word")), "
        + "\(grouped(outcome.wordsWithoutPrediction)) without a prediction"
    Output.say("\(checkpoint), \(scheme.title), \(outcome.report.split): \(amount)")
    for line in Console.scoreTable([outcome.report] + outcome.baselines) { Output.say(line) }
    for line in Console.labelTable([outcome.report]) { Output.say(line) }
    Output.say(String(format: "\n%.1f s", outcome.report.seconds))
    if let predictions { Output.say("predictions: \(predictions)") }
    if let byDocument { Output.say("counts by document: \(byDocument)") }
  }
}

/// Sentences with their labels as JSON lines.
enum PredictionFile {
  /// Writes the file, whole or not at all. A word of an entity corpus without a prediction counts as `O`, and is written so.
  static func write(_ outcome: CheckpointEvaluation.Outcome, to file: ResultFile) throws {
    let missing = outcome.task == .entities ? "O" : nil
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    var data = Data()
    func append(_ key: String, _ values: some Encodable, _ end: String) throws {
      data += Data("\"\(key)\": ".utf8) + (try encoder.encode(values)) + Data(end.utf8)
    }
    for sentence in outcome.predictions {
      let predicted = sentence.predicted.map { $0 ?? missing }
      data += Data("{".utf8)
      try append("tokens", sentence.words, ", ")
      try append("reference", sentence.reference, ", ")
      try append("predicted", predicted, "}\n")
    }
    try file.write(data)
  }
}
