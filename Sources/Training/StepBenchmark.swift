import Compute
import Corpus
import Encoder
import Foundation
import Quantization
import Ranks

/// Times whole training steps on made-up tokens, and what the same products would take alone.
public struct StepBenchmark {
  /// What to time.
  public struct Setting: Sendable {
    public var dimensions = EncoderDimensions(
      vocabularySize: 32_005, hiddenSize: 768, layerCount: 12, headCount: 12, intermediateSize: 3072, positionCount: 514
    )
    public var scheme = Scheme.float32
    public var precision = Precision.float32
    public var reduction = GradientStore.Kind.fixedPoint
    /// Sequences a step over all ranks, and the tokens of each.
    public var sequenceCount = 12
    public var lengths: [Int] = [512]
    public var sliceTokens = 2048
    public var dropout: Float = 0.1
    public var steps = 3
    /// nil: masked-LM; else the labels of a token classifier.
    public var labelCount: Int?

    public init() {}
  }

  /// What came out.
  public struct Result: Sendable {
    public var tokensPerSecond: Double
    public var secondsPerStep: Double
    /// Median step's seconds by phase.
    public var phases: [(name: String, seconds: Double)]
    public var limitSeconds: Double
    /// limit / measured: 1 would be products alone.
    public var shareOfLimit: Double
    public var rates: ProductRates
    public var peakBytes: Int
    public var loss: Double
  }

  /// Runs the benchmark. Collective.
  public static func run(_ setting: Setting, world: World) throws -> Result {
    let d = setting.dimensions
    let head: Head = setting.labelCount.map { .tokenClassification(labelCount: $0) } ?? .maskedLanguageModel(tied: true)
    let model = try EncoderModel(
      dimensions: d, scheme: setting.scheme, head: head, precision: setting.precision, sliceTokens: setting.sliceTokens)
    for parameter in model.layout.parameters where parameter.kind != .stepSize && parameter.kind != .offset {
      fill(parameter, model)
    }
    model.initialiseWeightSteps()
    let replica = Replica(
      world: world, model: model, reduction: setting.reduction, settings: AdamWSettings(), lossBound: .infinity)
    let batch = makeBatch(setting)
    let dropout = SliceDropout(
      seed: 1, step: 0, hidden: setting.dropout, attention: setting.dropout, classifier: setting.dropout)
    if setting.scheme.activations.hasStep { try replica.measureActivationSteps(batch, dropout: dropout) }
    _ = try replica.step(batch, dropout: dropout, rate: 1e-5)
    var seconds: [Double] = []
    var loss = 0.0
    model.clearPhases()
    for step in 0..<setting.steps {
      let start = monotonicSeconds()
      let draws = SliceDropout(
        seed: 1, step: UInt32(step + 1), hidden: setting.dropout, attention: setting.dropout,
        classifier: setting.dropout)
      loss = try replica.step(batch, dropout: draws, rate: 1e-5).loss
      seconds.append(monotonicSeconds() - start)
    }
    let phases = model.phases.seconds.sorted { $0.value > $1.value }.map {
      ($0.key.rawValue, $0.value / Double(setting.steps))
    }
    let rates = try ProductRates(dimensions: d, precision: model.precision)
    let lengths = batch.slices.flatMap { $0.sequences.map(\.ids.count) }
    let work = StepWork(
      dimensions: d, lengths: lengths, labelled: batch.labelledTokenCount, classes: model.classCount,
      hasDense: setting.labelCount == nil)
    let median = seconds.sorted()[seconds.count / 2]
    // Each rank's products work on its share.
    let limit = work.limitSeconds(rates) / Double(world.count)
    return Result(
      tokensPerSecond: Double(batch.tokenCount) / median, secondsPerStep: median, phases: phases, limitSeconds: limit,
      shareOfLimit: limit / median, rates: rates, peakBytes: peakMemory(), loss: loss)
  }

  private static func fill(_ parameter: ParameterInfo, _ model: EncoderModel) {
    let values = model.parameters.pointer + parameter.start
    if parameter.kind == .normWeight { return values.update(repeating: 1, count: parameter.count) }
    guard parameter.kind == .matrix || parameter.kind == .table else { return }
    // Uniform draws of N(0, 0.02)'s spread: fast, and as good for timing.
    let philox = Philox(seed: 7, purpose: .modelInitialisation)
    Threads.forEachRange(parameter.count, length: 1 << 14) { range, _ in
      for i in range where i % 4 == 0 {
        let bits = philox.draw(UInt32(truncatingIfNeeded: i), UInt32(truncatingIfNeeded: parameter.start), 0, 0)
        for j in 0..<min(4, range.upperBound - i) { values[i + j] = (Float(bits[j] >> 8) * 0x1p-24 - 0.5) * 0.07 }
      }
    }
  }

  private static func makeBatch(_ setting: Setting) -> GlobalBatch {
    let philox = Philox(seed: 11, purpose: .blockOrder)
    let vocabulary = setting.dimensions.vocabularySize
    let sequences = (0..<setting.sequenceCount).map { s in
      let length = setting.lengths[s % setting.lengths.count]
      var ids: [Int32] = []
      var labels: [Int32] = []
      for t in 0..<length {
        let bits = philox.draw(UInt32(s), UInt32(t), 0, 0)
        ids.append(Int32(7 + Int(bits[0] % UInt32(vocabulary - 8))))
        let classes = UInt32(setting.labelCount ?? vocabulary)
        // 15 % of the tokens of masked-LM; about half the pieces begin a word.
        let isLabelled = setting.labelCount == nil ? bits[1] % 100 < 15 : bits[1] % 2 == 0
        labels.append(isLabelled ? Int32(bits[2] % classes) : Masking.ignoredLabel)
      }
      return TokenSequence(ids: ids, labels: labels, number: UInt32(s))
    }
    return GlobalBatch(sequences, sliceTokens: setting.sliceTokens)
  }

  /// The most memory that this process has held, in bytes.
  public static func peakMemory() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  }
}
