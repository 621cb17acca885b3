import ArgumentParser
import Base
import Compute
import Configuration
import Corpus
import Foundation
import Models
import Quantization
import Ranks
import Training

/// `palier quantize`: a float32 checkpoint on a scheme's grids, without training.
struct Quantize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Quantize a float32 checkpoint after its training: the baseline.",
    discussion: """
      Steps of weights and tables are measured on their values, those of activations on what the float32 model gives each site \
      over a calibration set: the first --sentences lines of texts, or the sentences of a tagged corpus' training part. \
      --calibrate says how: min-max clips nothing, percentile leaves out the outermost values, mse takes the step of least \
      squared error; per-token needs no set: each token is scaled by its largest magnitude, and weights take --weights. Ternary \
      weights (BitNet) follow from their mean as in training. docs/numerics.md, "After training", has the formulas.

      What is written is a checkpoint as training writes it: evaluate, tag, pack, inspect and train take it. Nothing is \
      trained; at 8 bits little is lost, at 4 and below training with quantizers (palier train) is what helps.

      Examples:
        palier quantize runs/float/checkpoints/best --scheme LSQ_E8W8A8 \\
          --calibrate percentile --config configs/demo.yaml --out best-ptq
        palier quantize best --scheme LSQ_E4W4A8 --calibrate mse --granularity row \\
          --data reports.txt --out best-ptq
        palier quantize best --scheme LSQ_E8W8A8 --calibrate per-token --out best-ptq
      """)

  /// How steps are measured.
  enum Calibration: String, ExpressibleByArgument, CaseIterable {
    case minMax = "min-max"
    case percentile, mse
    case perToken = "per-token"
  }

  /// The same of weights.
  enum WeightMethod: String, ExpressibleByArgument, CaseIterable {
    case minMax = "min-max"
    case percentile, mse
  }

  @Argument(
    help: ArgumentHelp("A checkpoint folder in float32.", valueName: "checkpoint"), completion: .directory)
  var checkpoint: String
  @Option(help: "Algorithm and bits, as in a configuration.")
  var scheme: String
  @Option(help: "How the steps of activations are measured.")
  var calibrate = Calibration.mse
  @Option(help: "The same of weights and tables; as --calibrate unless given, mse with per-token.")
  var weights: WeightMethod?
  @Option(help: ArgumentHelp("Of all values so many per cent lie in the range of percentile.", valueName: "n"))
  var percentile = 99.9
  @Option(help: "What a step of weights and tables is for.")
  var granularity = Granularity.tensor
  @Option(help: "What is added to the levels of activations: nothing, or the lowest value, to whole steps or not.")
  var offset: ActivationOffset?
  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "Left in float32: first, last, or a pattern of names, as of quantization.exclude; may be repeated.",
      valueName: "pattern"))
  var exclude: [String] = []
  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "Text, a sequence a line; with --format a tagged corpus: files, or a folder, whose training part is used. May be "
        + "repeated.", valueName: "path"), completion: .file())
  var data: [String] = []
  @Option(help: ArgumentHelp("Take the tagged corpus of this configuration.", valueName: "file"))
  var config: String?
  @Option(
    name: .customLong("set"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Overrides a key of the configuration; may be repeated.", valueName: "key=value"))
  var settings: [String] = []
  @OptionGroup(title: "The tagged corpus") var corpus: TaggedCorpusArguments
  @Option(help: ArgumentHelp("Lines or sentences of the calibration set, from the first on.", valueName: "n"))
  var sentences = 128
  @Option(help: ArgumentHelp("Longest sequence or window of a sentence.", valueName: "n"))
  var maximumTokens: Int?
  @Option(
    help: ArgumentHelp("Folder with sentencepiece.bpe.model; the checkpoint's own unless given.", valueName: "folder"),
    completion: .directory)
  var tokenizer: String?
  @Option(
    help: ArgumentHelp("The folder to make; must not be there, or be empty.", valueName: "folder"),
    completion: .directory)
  var out: String
  @OptionGroup var trust: TrustOption
  @OptionGroup var shared: SharedFilesOption
  @OptionGroup var quotes: QuoteOption

  func validate() throws {
    guard percentile > 50, percentile <= 100 else {
      throw ValidationError("--percentile \(percentile) is not above 50 and at most 100")
    }
    guard (1...100_000).contains(sentences) else {
      throw ValidationError("--sentences \(sentences) is not from 1 to 100000")
    }
    if let maximumTokens, !(8...65_536).contains(maximumTokens) {
      throw ValidationError("--maximum-tokens is not from 8 to 65536")
    }
    if config == nil && !settings.isEmpty { throw ValidationError("--set goes with --config") }
    if config != nil && !data.isEmpty && corpus.format == nil {
      throw ValidationError("--config names a tagged corpus, --data a text: give one of them, or --format too")
    }
    if corpus.format != nil && data.isEmpty && config == nil { throw ValidationError("--format goes with --data") }
  }

  func run() throws {
    shared.apply()
    if !quotes.quoteText { QuotedText.withhold() }
    let request = try request()
    let source = try Paths.folder(checkpoint, "a checkpoint folder")
    let output = try Paths.newFolder(out)
    try trust.require(source)
    Threads.use(try CPUSet.ofThisThread().count)
    let set = try request.needsData ? calibrationSet(source) : CalibrationSet(names: [], largestCount: 0)
    if !request.needsData, !data.isEmpty || config != nil {
      Output.say("no activation has a step to be measured: the calibration set is not read")
    }
    let start = monotonicSeconds()
    let report = try PostTrainingQuantization.write(source, to: output, request, calibratingOn: set)
    Output.say(
      "\(out): \(request.scheme.title), \(grouped(report.matrixCount)) matrices and tables, "
        + "\(counted(report.siteCount, "activation site")): \(report.facts.words)")
    if let data = report.facts.data {
      Output.say("calibration: \(data.names.prefix(4).joined(separator: ", ")), SHA-256 of the ids \(data.sha256)")
    }
    Output.say(String(format: "%.1f s", monotonicSeconds() - start))
  }

  // MARK: - What is asked

  private func request() throws -> PostTrainingQuantization.Request {
    var scheme = try Scheme(parsing: scheme)
    try scheme.set(
      .activationGranularity, to: (calibrate == .perToken ? ActivationGranularity.token : .tensor).rawValue)
    if let offset { try scheme.set(.activationOffset, to: offset.rawValue) }
    for variant in [SchemeVariant.weightGranularity, .embeddingGranularity] {
      try scheme.set(variant, to: granularity.rawValue)
    }
    scheme.exclude = exclude
    let method: StepMethod =
      switch calibrate {
      case .minMax: .minMax
      case .percentile: .percentile(percentile)
      case .mse, .perToken: .mse
      }
    let ofWeights: StepMethod =
      switch weights {
      case .minMax: .minMax
      case .percentile: .percentile(percentile)
      case .mse: .mse
      case nil: method
      }
    return PostTrainingQuantization.Request(scheme: scheme, activations: method, weights: ofWeights)
  }

  // MARK: - The calibration set

  private func calibrationSet(_ source: URL) throws -> CalibrationSet {
    let (folder, facts, _) = try CheckpointModel.describe(source)
    let home = try tokenizer.map { try Paths.folder($0, "a folder with \(Tokenizer.modelFileName)") } ?? source
    let loaded = try Tokenizer(folder: home)
    try loaded.requireVocabulary(of: folder.config, tokenizerPath: home.path, modelPath: source.path)
    var configured = RunConfiguration()
    if let config { configured = try RunConfiguration.load(file: Paths.url(config), overrides: settings) }
    let noted = config == nil ? facts.maximumTokens.map { max($0, 8) } : nil
    let asked = maximumTokens ?? noted ?? configured.fineTuning.maximumTokens
    let longest = min(asked, folder.config.longestSequence)
    guard config != nil || corpus.format != nil else { return try lines(loaded, longest: longest) }
    var stage = configured.fineTuning
    if config == nil, let known = facts.tokenization.flatMap(WordTokenization.init(rawValue:)) {
      stage.tokenization = known
    }
    corpus.apply(to: &stage)
    if config == nil { stage.task = facts.task }
    if !data.isEmpty { try use(data, in: &stage) }
    return try taggedSentences(of: stage, loaded, longest: longest)
  }

  private func lines(_ tokenizer: Tokenizer, longest: Int) throws -> CalibrationSet {
    guard !data.isEmpty else {
      throw CommandLineError.missingOption(
        "--data", reason: "text or a tagged corpus to measure activations on, or --config, or --calibrate per-token")
    }
    let files = try data.map { try Paths.file($0, "a text with a sequence a line, or --format for a tagged corpus") }
    var set = CalibrationSet(names: files.map(\.lastPathComponent), largestCount: sentences)
    for file in files { try set.add(linesOf: file, tokenizer, longest: longest) }
    return set
  }

  /// Files are the training part; a folder holds a corpus with parts, or a BRAT corpus' documents.
  private func use(_ paths: [String], in settings: inout RunConfiguration.FineTuning) throws {
    let urls = paths.map(Paths.url)
    for (path, url) in zip(paths, urls) where PathKind(url) == .absent {
      throw CommandLineError.notThere(path: path, wanted: "a tagged corpus")
    }
    (settings.path, settings.train, settings.validation, settings.test) = ([], [], [], [])
    let hasParts = settings.part != nil
    let holdsDocuments = { (url: URL) in
      !hasParts && ((try? namesInFolder(url.path)) ?? []).contains { $0.hasSuffix(".ann") }
    }
    if urls.count == 1, PathKind(urls[0]) == .folder, !holdsDocuments(urls[0]) {
      settings.path = [urls[0].path]
    } else {
      settings.train = urls.map(\.path)
    }
  }

  private func taggedSentences(
    of settings: RunConfiguration.FineTuning, _ tokenizer: Tokenizer, longest: Int
  ) throws -> CalibrationSet {
    let corpus = try FineTuningData.read(settings)
    for warning in corpus.complaints { Output.warn(warning) }
    let paths = settings.path.isEmpty ? settings.train : settings.path
    var set = CalibrationSet(
      names: paths.map { URL(fileURLWithPath: $0).lastPathComponent }, largestCount: sentences)
    guard !corpus.train.isEmpty else { throw ModelError.emptyCalibrationSet(set.names) }
    let split = try TaggedEncoding.windows(
      of: Array(corpus.train.prefix(sentences)), labels: LabelSet(names: corpus.labels), maximumTokens: longest
    ) { try tokenizer.encode(words: $0) }
    for window in split.windows { set.add(window.ids) }
    return set
  }
}

extension Granularity: ExpressibleByArgument {}
extension ActivationOffset: ExpressibleByArgument {}
