import Base
import Compute
import Configuration
import Corpus
import Encoder
import Foundation

/// The second stage's data: tagged sentences, in windows that fit the model.
public final class FineTuningData {
  public let corpus: TaggedCorpus
  public let labels: LabelSet
  public let audit: TaggedAudit
  /// Where running text is to be cut into words for a model of this corpus, as its checkpoints note it; nil: the corpus brought its
  /// words, or its texts stand with spaces around punctuation, so that cutting others at punctuation gives words like these.
  let notedTokenization: WordTokenization?
  private let encoded: [TaggedSplitName: EncodedSplit]
  private let order: SampleOrder?
  private let batchSize: Int
  private let sliceTokens: Int

  /// Reads and encodes the corpus of a configuration.
  /// - Parameter labelNames: the labels of a checkpoint; nil: those of the corpus.
  public init(
    _ settings: RunConfiguration.FineTuning, seed: UInt64, batchSize: Int, tokenizer: Tokenizer, longestSequence: Int,
    labelNames: [String]? = nil
  ) throws {
    corpus = try FineTuningData.read(settings)
    labels = try LabelSet(names: labelNames ?? corpus.labels)
    let cutsAtSpaces = settings.tokenization == .whitespace
    notedTokenization =
      settings.format != .brat || cutsAtSpaces && corpus.partsPunctuation ? nil : settings.tokenization
    let limit = min(settings.maximumTokens, longestSequence)
    var encoded: [TaggedSplitName: EncodedSplit] = [:]
    for split in corpus.splits {
      encoded[split.name] = try TaggedEncoding.windows(of: split.sentences, labels: labels, maximumTokens: limit) {
        try tokenizer.encode(words: $0)
      }
    }
    self.encoded = encoded
    audit = TaggedAudit(corpus, encoded: encoded)
    let count = encoded[.train]?.windows.count ?? 0
    order = count > 0 ? try SampleOrder(count: count, seed: seed, purpose: .sentenceOrder) : nil
    self.batchSize = batchSize
    sliceTokens = settings.sliceTokens
  }

  /// The corpus that a configuration names, as it is.
  public static func read(_ settings: RunConfiguration.FineTuning) throws -> TaggedCorpus {
    guard let format = settings.format else {
      throw TrainingError.missingSetting("fine_tuning.format", "one of brat, conllu, cas, conll2, jsonl")
    }
    var options = TaggedCorpusOptions(
      task: settings.task, seed: settings.splitSeed,
      bratSubset: settings.part?.rawValue, keepsTails: !settings.dropTails,
      tokenization: settings.tokenization, tags: settings.tags)
    options.bratSubset = format == .brat ? options.bratSubset : nil
    return try TaggedCorpusReader.read(format: format, paths: paths(settings), options: options)
  }

  private static func paths(_ settings: RunConfiguration.FineTuning) -> TaggedCorpusPaths {
    let urls = settings.path.map { URL(fileURLWithPath: $0) }
    if urls.isEmpty {
      func all(_ paths: [String]) -> [URL] { paths.map { URL(fileURLWithPath: $0) } }
      return .splits(train: all(settings.train), validation: all(settings.validation), test: all(settings.test))
    }
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: urls[0].path, isDirectory: &isFolder)
    if urls.count == 1, !exists || isFolder.boolValue { return .folder(urls[0]) }
    return .pooled(urls)
  }

  public var trainingWindowCount: Int { order?.count ?? 0 }

  /// The tokens of a step, on average over the training part; nil without one.
  package var tokensPerStep: Double? {
    guard let windows = encoded[.train]?.windows, !windows.isEmpty else { return nil }
    return Double(batchSize) * Double(windows.reduce(0) { $0 + $1.ids.count }) / Double(windows.count)
  }

  /// The batch of the stage's step number `step`.
  package func batch(_ step: Int) throws -> GlobalBatch {
    guard let order, let windows = encoded[.train]?.windows else { throw TrainingError.emptySplit("train") }
    let sequences = order.samples(step * batchSize..<(step + 1) * batchSize).enumerated().map { number, sample in
      TokenSequence(ids: windows[sample].ids, labels: windows[sample].labels, number: UInt32(number))
    }
    return GlobalBatch(sequences, sliceTokens: sliceTokens)
  }

  // MARK: - Evaluation

  /// The split that evaluations look at: validation, or train where the corpus has none.
  package var evaluationSplit: TaggedSplitName { corpus.validation.isEmpty ? .train : .validation }

  /// Whole sentences that one rank scores: a span may cross the windows of its sentence.
  package struct SentenceGroup {
    package let sentences: [Int]
    let windows: [Int]
    /// The windows, in order, as they go through the model: several slices for a sentence of many windows.
    package let slices: [Slice]

    /// What it costs to work through, as `Slice.cost`.
    var cost: Int { slices.reduce(0) { $0 + $1.cost } }
  }

  /// A split in groups of at most `tokens` tokens (one longer sentence is a group alone), cut in slices of as many.
  package func groups(_ name: TaggedSplitName, tokens: Int) -> [SentenceGroup] {
    guard let split = encoded[name] else { return [] }
    var groups: [SentenceGroup] = []
    var sentences: [Int] = []
    var windows: [Int] = []
    var count = 0
    func close() {
      guard !sentences.isEmpty else { return }
      let sequences = windows.map {
        TokenSequence(ids: split.windows[$0].ids, labels: split.windows[$0].labels, number: UInt32($0 & 0xFFFF))
      }
      groups.append(
        SentenceGroup(
          sentences: sentences, windows: windows, slices: Slices.cut(sequences, largestTokenCount: tokens)))
      (sentences, windows, count) = ([], [], 0)
    }
    for (sentence, own) in split.windowsOfSentence.enumerated() {
      let size = own.reduce(0) { $0 + split.windows[$1].ids.count }
      if count + size > tokens { close() }
      sentences.append(sentence)
      windows += own
      count += size
    }
    close()
    return groups
  }

  /// The predicted class of every word of a group's sentences, from the classes of its labelled tokens in order.
  func wordPredictions(_ name: TaggedSplitName, _ group: SentenceGroup, labelled predictions: [Int32]) -> [[Int?]] {
    guard let split = encoded[name] else { return [] }
    var byWindow: [Int: [Int32]] = [:]
    var next = 0
    for number in group.windows {
      let labels = split.windows[number].labels
      byWindow[number] = labels.map { label in
        guard label != TokenLabel.ignored else { return 0 }
        defer { next += 1 }
        return predictions[next]
      }
    }
    return TaggedEncoding.wordPredictions(
      split, tokenPredictions: { byWindow[$0] ?? [] }, sentences: group.sentences,
      wordCounts: corpus[name].map(\.words.count))
  }

  /// The reference classes of a sentence.
  func reference(_ name: TaggedSplitName, _ sentence: Int) throws -> [Int] {
    try labels.indices(of: corpus[name][sentence])
  }
}
