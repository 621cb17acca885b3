import Base
import Checkpoints
import Compute
import Configuration
import Corpus
import Encoder
import Foundation
import Models
import Observability
import Quantization
import Ranks

/// Measures a checkpoint on data, shared out over the ranks: `palier evaluate`.
public final class CheckpointEvaluation {
  /// What is measured, and how.
  public struct Request {
    /// A Hugging Face folder.
    public var checkpoint: URL
    /// The folder of its tokenizer; nil: the checkpoint's own.
    public var tokenizer: URL?
    /// Overrides the scheme that the checkpoint notes.
    public var scheme: Scheme?
    /// The scheme of a checkpoint that notes none; nil: float32.
    public var schemeUnlessNoted: Scheme?
    public var compute = RunConfiguration.Compute()
    /// The largest number of tokens that go through the model at once.
    public var sliceTokens = RunConfiguration.Evaluation().sliceTokens
    /// Whether the checksums of checkpoint and token store are passed over.
    public var trusts = false
    /// Seed of the split, the validation masks and the random baseline.
    public var seed: UInt64 = 1

    public init(checkpoint: URL) { self.checkpoint = checkpoint }
  }

  /// One sentence with its labels; nil where a word got no prediction.
  public struct Prediction {
    public let words: [String]
    public let reference: [String]
    public let predicted: [String?]
  }

  /// What came out, the same on every rank but for `predictions`.
  public struct Outcome {
    public var report: EvaluationReport
    /// What the labels tag; nil for masked-language modelling.
    public var task: TaggedTask?
    /// Scores that need no model, to be beaten.
    public var baselines: [EvaluationReport] = []
    public var sentenceCount = 0
    public var wordCount = 0
    /// Words without a piece or cut off, which count as `O` or as wrong.
    public var wordsWithoutPrediction = 0
    /// Masked tokens, where the loss is one of masked-language modelling.
    public var maskedTokenCount = 0
    /// The sentences in order, on the leader; empty elsewhere.
    public var predictions: [Prediction] = []
    /// What the scores are made of by document, on the leader; empty elsewhere.
    public var documents: [DocumentCounts] = []
    /// Plain facts that a reader should know.
    public var notes: [String] = []
    /// What may make the figures misleading: lines of the corpus that could not be read.
    public var warnings: [String] = []
  }

  public let facts: PalierMetadata
  private let world: World
  private let request: Request
  private let folder: HuggingFaceFolder
  private let tokenizer: Tokenizer
  /// The scheme that the checkpoint is measured in.
  public let scheme: Scheme
  private let plan: ComputePlan

  /// Opens the checkpoint and its tokenizer. Collective.
  public init(world: World, _ request: Request) throws {
    self.world = world
    self.request = request
    (folder, facts, tokenizer) = try world.agree {
      if world.isLeader, !request.trusts { try CheckpointIntegrity.require(request.checkpoint) }
      let (folder, facts, _) = try CheckpointModel.describe(request.checkpoint)
      let tokenizerFolder = request.tokenizer ?? request.checkpoint
      let tokenizer = try Tokenizer(folder: tokenizerFolder)
      try tokenizer.requireVocabulary(
        of: folder.config, tokenizerPath: tokenizerFolder.path, modelPath: request.checkpoint.path)
      return (folder, facts, tokenizer)
    }
    scheme = request.scheme ?? (facts.isPresent ? facts.scheme : request.schemeUnlessNoted ?? facts.scheme)
    let features = try CPUFeatures.common(to: world)
    plan = try world.agree { [scheme] in try ComputePlan(request.compute, scheme: scheme, features: features) }
  }

  /// The longest sequence that the checkpoint has positions for.
  public var longestSequence: Int { folder.config.longestSequence }

  // MARK: - Tagged corpora

  /// Loss, scores and baselines on a split of a tagged corpus. Collective.
  public func tagged(_ settings: RunConfiguration.FineTuning, split: TaggedSplitName) throws -> Outcome {
    let started = monotonicSeconds()
    let data = try world.agree {
      guard let labels = folder.config.labels, folder.weights.tensors["classifier.weight"] != nil else {
        throw ModelError.notATagger(request.checkpoint.path)
      }
      let data = try FineTuningData(
        settings, seed: request.seed, batchSize: 1, tokenizer: tokenizer, longestSequence: longestSequence,
        labelNames: labels)
      if data.corpus[split].isEmpty { throw TrainingError.emptySplit(split.rawValue) }
      return data
    }
    let groups = data.groups(split, tokens: request.sliceTokens)
    var notes: [String] = []
    let model = try load(
      .tokenClassification(labelCount: data.labels.count), measuringOn: groups.lazy.flatMap(\.slices).first,
      &notes)
    let evaluation = Evaluation(world: world, model: model)
    let result = try evaluation.tagged(data, split, tokens: request.sliceTokens)
    let seconds = monotonicSeconds() - started
    var outcome = Outcome(
      report: EvaluationReport(
        stage: "checkpoint", globalStep: facts.globalStep ?? 0, split: split.rawValue, scores: result.scores,
        perLabel: result.perLabel, seconds: seconds, shareOfRun: 1))
    outcome.task = data.corpus.task
    outcome.sentenceCount = data.corpus[split].count
    outcome.wordCount = result.entities?.wordCount ?? result.tags?.wordCount ?? 0
    outcome.wordsWithoutPrediction = result.entities?.wordsWithoutPrediction ?? result.tags?.wordsWithoutPrediction ?? 0
    outcome.notes = notes + data.corpus.notes.filter { !data.corpus.complaints.contains($0) }
    outcome.warnings = data.corpus.complaints
    let reference = try world.agree { try data.corpus[split].indices.map { try data.reference(split, $0) } }
    outcome.baselines = try world.agree { try baselines(data, reference) }
    if let classes = try evaluation.gathered(result.predictions) {
      outcome.documents = try DocumentCounts.of(
        data.corpus[split], classes: classes, task: data.corpus.task, labels: data.labels,
        filesAreDocuments: settings.format == .brat)
      outcome.predictions = zip(data.corpus[split], classes).map { sentence, predicted in
        Prediction(
          words: sentence.words, reference: sentence.tags, predicted: predicted.map { $0.map { data.labels.names[$0] } }
        )
      }
    }
    return outcome
  }

  private func baselines(_ data: FineTuningData, _ reference: [[Int]]) throws -> [EvaluationReport] {
    // By the labels of the training part; where only the split itself was given, by its own.
    let known = data.corpus.train.isEmpty ? reference : try data.corpus.train.map { try data.labels.indices(of: $0) }
    var counts = [Int](repeating: 0, count: data.labels.count)
    for index in known.joined() { counts[index] += 1 }
    func report(_ name: String, _ scores: [Score]) -> EvaluationReport {
      EvaluationReport(stage: "baseline", globalStep: 0, split: name, scores: scores, seconds: 0, shareOfRun: 0)
    }
    if data.corpus.task == .entities {
      let outside = Baselines.allOutside(reference: reference, labels: data.labels)
      let random = Baselines.random(reference: reference, labels: data.labels, labelCounts: counts, seed: request.seed)
      return [report("all-O", outside.shown), report("random", random.shown)]
    }
    let frequent = Baselines.mostFrequent(reference: reference, labels: data.labels, labelCounts: counts)
    return [report("most frequent", frequent.shown)]
  }

  // MARK: - Masked-language modelling

  /// Masked-LM loss on the validation blocks of a token store, with the masks that training uses. Collective.
  public func maskedLanguageModel(store: URL, _ settings: RunConfiguration.Pretraining) throws -> Outcome {
    let started = monotonicSeconds()
    let (data, opened) = try world.agree {
      guard case .maskedLanguageModel = try CheckpointModel.head(of: folder) else {
        throw ModelError.noMaskedLMHead(request.checkpoint.path)
      }
      var configuration = RunConfiguration()
      configuration.seed = request.seed
      configuration.pretraining = settings
      configuration.pretraining.blockLength = min(settings.blockLength, longestSequence)
      let opened = try TokenStore(folder: store)
      let data = try PretrainingData(store: opened, tokenizer: tokenizer, configuration: configuration)
      return (data, opened)
    }
    let check = request.trusts ? nil : try StoreCheck(opened, world: world, record: nil)
    let slices = data.validationSlices(tokens: request.sliceTokens)
    var notes: [String] = []
    let head = try world.agree { try CheckpointModel.head(of: folder) }
    let model = try load(head, measuringOn: slices.first, &notes)
    let result = try Evaluation(world: world, model: model).maskedLanguageModel(slices)
    try check?.requireSound(waits: true)
    var outcome = Outcome(
      report: EvaluationReport(
        stage: "checkpoint", globalStep: facts.globalStep ?? 0, split: "validation",
        scores: [Score("loss", result.loss), Score("accuracy", result.accuracy)], seconds: monotonicSeconds() - started,
        shareOfRun: 1))
    outcome.sentenceCount = data.validation.count
    outcome.maskedTokenCount = slices.reduce(0) { $0 + $1.labelledTokenCount }
    outcome.notes = notes
    return outcome
  }

  // MARK: - The model

  /// The checkpoint's parameters on every rank: the leader reads, all ranks get the same bits.
  private func load(_ head: Head, measuringOn slice: Slice?, _ notes: inout [String]) throws -> EncoderModel {
    let model = try world.agree {
      try CheckpointModel.emptyModel(
        folder, scheme: scheme, head: head, precision: plan.precision, sliceTokens: request.sliceTokens)
    }
    let report = try world.fromLeader {
      let report = try ModelCheckpointIO.load(folder, into: model, seed: 0, range: 0, drawsHead: false)
      if let drawn = report.drawn.first { throw ModelError.missingTensor(name: drawn, path: folder.weights.path) }
      return report
    }
    try world.broadcast(UnsafeMutableRawBufferPointer(model.parameters.elements))
    try world.agree { try ModelCheckpointIO.keepScales(of: folder, in: model) }
    model.shareSteps()
    if !report.unmeasuredSites.isEmpty, let slice {
      try ActivationCalibration.run(
        model, on: GlobalBatch(slice.sequences, sliceTokens: slice.tokenCount), world: world, dropout: .off,
        sites: report.unmeasuredSites)
    }
    if let line = report.stepLine {
      notes.append(line)
    } else if !report.unmeasuredSites.isEmpty || !report.initialisedSteps.isEmpty {
      notes.append(
        "the checkpoint has no step sizes for \(scheme.title): they were set from its weights and the first slice")
    }
    return model
  }
}

extension EntityScores {
  /// Scores of a baseline, named as in the logs.
  fileprivate var shown: [Score] {
    [
      Score("f1", lenient.micro.f1), Score("precision", lenient.micro.precision), Score("recall", lenient.micro.recall),
      Score("strict_f1", strict?.micro.f1 ?? 0),
    ]
  }
}

extension TagScores {
  fileprivate var shown: [Score] { [Score("accuracy", accuracy), Score("weighted_f1", weightedF1)] }
}
