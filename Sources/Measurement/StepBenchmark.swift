import Compute
import Corpus
import Encoder
import Foundation
import Quantization
import Ranks
import Training

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
    /// Tokens that the model has room for at once; `sliceTokens` where they are fewer.
    public var largestSlice = 0
    public var dropout: Float = 0.1
    public var steps = 3
    /// nil: masked-LM; else the labels of a token classifier.
    public var labelCount: Int?
    /// Whether the optimizer's moments are shared out over the ranks.
    public var shardsOptimizer = false
    /// What is learned from an unquantized teacher of the same shape, and its products; nil: no teacher.
    public var distillation: (weights: DistillationWeights, precision: Precision)?

    public init() {}
  }

  /// What came out.
  public struct Result: Sendable {
    public var tokensPerSecond: Double
    public var secondsPerStep: Double
    /// Of a median step, the seconds in which even the last rank to finish its slices waited for sums or parameters:
    /// communication that no computation hid.
    public var waitedSeconds: Double
    /// And the seconds more that the first rank to finish waited: slices that do not divide evenly among the ranks.
    public var unevenSeconds: Double
    /// Median step's seconds by phase.
    public var phases: [(name: String, seconds: Double)]
    public var limitSeconds: Double
    /// limit / measured: 1 would be products alone.
    public var shareOfLimit: Double
    /// Means of samples taken before and after each step.
    public var rates: ProductRates
    /// Bytes a second that all threads of a rank read and write.
    public var bandwidth: Double
    /// What each phase would take with products or memory alone.
    public var roofline: StepRoofline
    /// The most memory that any rank has held.
    public var peakBytes: Int
    /// The optimizer's moments of rank zero.
    public var momentBytes: Int
    public var loss: Double
  }

  /// Runs the benchmark. Collective.
  public static func run(_ setting: Setting, world: World) throws -> Result {
    let benchmarked = try BenchmarkedModel(setting, world: world)
    let (d, model, batch) = (setting.dimensions, benchmarked.model, benchmarked.batch)
    let replica = try benchmarked.replica(setting.reduction, shardsOptimizer: setting.shardsOptimizer)
    var seconds: [Double] = []
    var waited: [Double] = []
    var uneven: [Double] = []
    var loss = 0.0
    // A shared machine's speed drifts within a step's seconds: each step is held against the rates just before and after.
    var rates = [try ProductRates(dimensions: d, precision: model.precision)]
    model.clearPhases()
    for _ in 0..<setting.steps {
      let timed = try benchmarked.step(replica)
      loss = timed.outcome.loss
      seconds.append(timed.seconds)
      waited.append(try world.minimum(timed.outcome.waitedSeconds))
      uneven.append(try world.maximum(timed.outcome.waitedSeconds) - waited[waited.count - 1])
      rates.append(try ProductRates(dimensions: d, precision: model.precision))
    }
    let phases = model.phases.seconds.sorted { $0.value > $1.value }.map {
      ($0.key.rawValue, $0.value / Double(setting.steps))
    }
    let sequences = batch.slices.flatMap(\.sequences).map { (tokens: $0.ids.count, labelled: $0.labelledTokenCount) }
    let work = StepWork(
      dimensions: d, sequences: sequences, classes: model.classCount, hasDense: setting.labelCount == nil)
    let median = seconds.median ?? 0
    let bandwidth = MemoryBandwidth.measure()
    let load = StepRoofline.Load(
      dimensions: d, tokens: batch.tokenCount, labelled: batch.labelledTokenCount, slices: batch.slices.count,
      parameterCount: model.layout.elementCount, gradientByteCount: setting.reduction.elementByteCount,
      classes: model.classCount, hasDense: setting.labelCount == nil)
    let roofline = StepRoofline(
      work, load, rates: ProductRates(meanOf: rates), bandwidth: bandwidth, ranks: world.count)
    // Each rank's products work on its share.
    func limit(_ samples: ArraySlice<ProductRates>) -> Double {
      work.limitSeconds(ProductRates(meanOf: Array(samples))) / Double(world.count)
    }
    let shares = seconds.indices.map { limit(rates[$0...$0 + 1]) / seconds[$0] }
    return Result(
      tokensPerSecond: Double(batch.tokenCount) / median, secondsPerStep: median,
      waitedSeconds: waited.median ?? 0, unevenSeconds: uneven.median ?? 0,
      phases: phases, limitSeconds: limit(rates[...]), shareOfLimit: shares.median ?? 0,
      rates: ProductRates(meanOf: rates), bandwidth: bandwidth, roofline: roofline,
      peakBytes: Int(try world.maximum(Int64(peakMemory()))),
      momentBytes: 2 * MemoryLayout<Float>.stride * replica.optimizer.first.count, loss: loss)
  }

  /// The most memory that this process has held, in bytes.
  public static func peakMemory() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  }
}
