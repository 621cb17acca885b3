import Base
import Checkpoints
import Compute
import Corpus
import Encoder
import Foundation
import Inference
import Models
import Quantization

/// Times a token classifier that tags made-up sentences: many at a time, and one alone.
public struct TagBenchmark {
  /// What to time.
  public struct Setting: Sendable {
    public var dimensions = EncoderDimensions(
      vocabularySize: 32_005, hiddenSize: 768, layerCount: 12, headCount: 12, intermediateSize: 3072, positionCount: 514
    )
    public var scheme = Scheme.float32
    /// Labels of the classifier.
    public var labelCount = 21
    /// Sentences a round, and the tokens of each, `<s>` and `</s>` among them; several lengths take turns.
    public var sentenceCount = 256
    public var lengths: [Int] = [40]
    /// Tokens that go through the model at once.
    public var batchTokens = 2048
    public var rounds = 5
    /// Sentences that are timed one by one.
    public var singleCount = 200
    /// A checkpoint to open; nil: one of made-up numbers, written for the measurement and removed.
    public var checkpoint: URL?
    /// Where the made-up checkpoint is written and stays; nil: a temporary folder.
    public var keep: URL?

    public init() {}
  }

  /// What came out.
  public struct Result: Sendable {
    /// Of the median round.
    public var tokensPerSecond: Double
    /// Of sentences one by one, in seconds: their median and 99th percentile.
    public var medianLatency: Double
    public var slowLatency: Double
    /// What the products alone would take for a round, and its share of the measured time: 1 would be products alone.
    public var limitSeconds: Double
    public var shareOfLimit: Double
    /// From the folder to a model that is ready, its file in the page cache.
    public var loadSeconds: Double
    /// The most memory that was held since the load began, of it pages of the mapped file; in bytes.
    public var peakBytes: Int
    public var residentBytes: Int
    /// Seconds of a round by phase.
    public var phases: [(name: String, seconds: Double)]
    public var rates: ProductRates
    /// Of all labels of a round: equal where two builds compute the same bits.
    public var fingerprint: UInt64
  }

  /// Runs the benchmark on `Threads.count` threads.
  public static func run(_ setting: Setting) throws -> Result {
    let made = try setting.checkpoint == nil ? MadeUpTagger.write(setting) : nil
    defer { if let made, setting.keep == nil { try? FileManager.default.removeItem(at: made) } }
    guard let url = setting.checkpoint ?? made else { fatalError("TagBenchmark: no checkpoint") }
    ProductLibrary.shared.removeAll()
    ProcessMemory.forgetPeak()
    let start = monotonicSeconds()
    let classifier = try WordClassifier(openingTaggerAt: url)
    let loadSeconds = monotonicSeconds() - start
    var result = try measure(classifier, setting)
    result.loadSeconds = loadSeconds
    return result
  }

  private static func measure(_ classifier: WordClassifier, _ setting: Setting) throws -> Result {
    let model = classifier.model
    let d = model.dimensions
    let sentences = MadeUpTagger.sentences(setting, d)
    let slices = Slices.cut(sentences, largestTokenCount: setting.batchTokens)
    let tokenCount = sentences.reduce(0) { $0 + $1.ids.count }
    let work = StepWork(
      dimensions: d, sequences: sentences.map { ($0.ids.count, $0.labelledTokenCount) }, classes: model.classCount,
      hasDense: false)
    // The first round touches the pages.
    var labels = try slices.flatMap { try classifier.labels($0) }
    model.clearPhases()
    var rates = [try ProductRates(dimensions: d, precision: model.precision)]
    var seconds: [Double] = []
    var shares: [Double] = []
    for _ in 0..<setting.rounds {
      let start = monotonicSeconds()
      labels = try slices.flatMap { try classifier.labels($0) }
      seconds.append(monotonicSeconds() - start)
      rates.append(try ProductRates(dimensions: d, precision: model.precision))
      shares.append(work.forwardSeconds(ProductRates(meanOf: Array(rates.suffix(2)))) / seconds[seconds.count - 1])
    }
    let phases = model.phases.seconds.sorted { $0.value > $1.value }.map {
      ($0.key.rawValue, $0.value / Double(setting.rounds))
    }
    let singles = try latencies(classifier, sentences, setting.singleCount)
    let memory = ProcessMemory.now()
    return Result(
      tokensPerSecond: Double(tokenCount) / (seconds.median ?? .infinity), medianLatency: singles.median ?? 0,
      slowLatency: singles.sorted().dropLast(singles.count / 100).last ?? 0,
      limitSeconds: work.forwardSeconds(ProductRates(meanOf: rates)), shareOfLimit: shares.median ?? 0, loadSeconds: 0,
      peakBytes: memory.peak, residentBytes: memory.resident, phases: phases, rates: ProductRates(meanOf: rates),
      fingerprint: fingerprint(labels))
  }

  private static func latencies(
    _ classifier: WordClassifier, _ sentences: [TokenSequence], _ count: Int
  ) throws -> [Double] {
    try (0..<count + 3).map { i in
      let slice = Slice(index: 0, sequences: [sentences[i % sentences.count]])
      let start = monotonicSeconds()
      _ = try classifier.labels(slice)
      return monotonicSeconds() - start
    }.suffix(count)
  }

  private static func fingerprint(_ labels: [WordLabel]) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for label in labels {
      hash = (hash ^ UInt64(label.label)) &* 0x100_0000_01B3
      hash = (hash ^ UInt64(label.score.bitPattern)) &* 0x100_0000_01B3
    }
    return hash
  }
}

extension StepWork {
  /// The seconds that the forward products alone would take at these rates, without the masked-LM head.
  func forwardSeconds(_ rates: ProductRates) -> Double {
    linear / rates.forward + attention / 3 / rates.attention + head / 3 / rates.float
  }
}

/// A token classifier of made-up numbers, and sentences for it.
enum MadeUpTagger {
  /// Writes a checkpoint to a temporary folder, or the one that keeps it, its quantizers' steps measured.
  static func write(_ setting: TagBenchmark.Setting) throws -> URL {
    let d = setting.dimensions
    let model = try EncoderModel(
      dimensions: d, scheme: setting.scheme, head: .tokenClassification(labelCount: setting.labelCount),
      precision: .float32, trains: false)
    for parameter in model.layout.parameters where parameter.kind != .stepSize && parameter.kind != .offset {
      BenchmarkedModel.fill(parameter, model)
    }
    model.initialiseWeightSteps()
    if setting.scheme.activations.hasStep {
      let first = sentences(setting, d)[0]
      model.prepareStep()
      _ = try model.measureActivationSteps(
        SliceInput(ids: first.ids, lengths: [first.ids.count], labels: first.labels), assigning: true)
    }
    model.shareSteps()
    var config = HuggingFaceConfig(
      hiddenSize: d.hiddenSize, layerCount: d.layerCount, headCount: d.headCount, intermediateSize: d.intermediateSize,
      vocabularySize: d.vocabularySize, positionCount: d.positionCount)
    config = ModelCheckpointIO.config(
      from: config, head: model.head, labels: (0..<setting.labelCount).map { "L\($0)" },
      facts: PalierMetadata.fields(of: setting.scheme))
    // A name that nobody else has: what is removed at the end is what was made here.
    let url =
      setting.keep ?? FileManager.default.temporaryDirectory.appendingPathComponent("palier-bench-\(UUID().uuidString)")
    do {
      try HuggingFaceFolder.write(
        to: url, config: config, tensors: ModelCheckpointIO.views(of: model), tokenizerFrom: nil)
    } catch {
      if setting.keep == nil { try? FileManager.default.removeItem(at: url) }
      throw error
    }
    return url
  }

  /// Sentences whose every third token is a later piece of its word: 28 words of 40 tokens, as in French clinical text.
  static func sentences(_ setting: TagBenchmark.Setting, _ d: EncoderDimensions) -> [TokenSequence] {
    let philox = Philox(seed: 13, purpose: .blockOrder)
    return (0..<setting.sentenceCount).map { s in
      let length = setting.lengths[s % setting.lengths.count]
      let ids = (0..<length).map {
        Int32(7 + Int(philox.draw(UInt32(s), UInt32($0), 0, 0)[0] % UInt32(d.vocabularySize - 8)))
      }
      let labels = (0..<length).map { t in
        t == 0 || (t == length - 1 && length > 1) || t % 4 == 3 ? TokenLabel.ignored : 0
      }
      return TokenSequence(ids: ids, labels: labels, number: 0)
    }
  }
}

/// This process's memory, from `/proc/self`.
enum ProcessMemory {
  /// Lets the peak begin anew; where the kernel refuses, it stays the process's.
  static func forgetPeak() { try? Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs")) }

  /// The most and the present resident memory, in bytes.
  static func now() -> (peak: Int, resident: Int) {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    func kilobytes(_ name: String) -> Int {
      text.split(separator: "\n").first { $0.hasPrefix(name + ":") }
        .flatMap { Int($0.split(whereSeparator: { !$0.isNumber }).first ?? "") } ?? 0
    }
    return (kilobytes("VmHWM") * 1024, kilobytes("VmRSS") * 1024)
  }
}
