import Base
import Compute
import Corpus
import Encoder
import Foundation
import Ranks
import Training

/// Where the time of one rank's step goes, as far as it matters for more ranks: measured once, without any communication.
public struct StepProfile: Sendable, Equatable {
  /// A bucket of the gradient, in the order in which the backward pass ends them.
  public struct Bucket: Sendable, Equatable {
    public var elementCount: Int
    /// Seconds from its end to the end of the rank's last slice: in these its sum can hide.
    public var secondsBeforeEnd: Double

    public init(elementCount: Int, secondsBeforeEnd: Double) {
      (self.elementCount, self.secondsBeforeEnd) = (elementCount, secondsBeforeEnd)
    }
  }

  /// Seconds before the first slice: weights are quantized and packed, sums cleared.
  public var preparation: Double
  /// Seconds for a slice of cost 1.
  public var secondsPerCost: Double
  public var buckets: [Bucket]
  /// Seconds of the update, on the sums.
  public var update: Double
  public var threads: Int

  public init(preparation: Double, secondsPerCost: Double, buckets: [Bucket], update: Double, threads: Int) {
    (self.preparation, self.secondsPerCost, self.buckets) = (preparation, secondsPerCost, buckets)
    (self.update, self.threads) = (update, threads)
  }

  /// Times `setting.steps` steps of every rank's own share, all at once, and takes the median of each part; of several ranks the
  /// slowest one's. Collective.
  static func measure(_ benchmarked: BenchmarkedModel) throws -> StepProfile {
    let (world, setting) = (benchmarked.world, benchmarked.setting)
    let timed = TimedPass(benchmarked)
    try timed.warmUp()
    var rounds: [StepProfile] = []
    for _ in 0..<setting.steps {
      try world.barrier()
      rounds.append(try timed.step())
    }
    func median(_ part: (StepProfile) -> Double) throws -> Double {
      try world.maximum(rounds.map(part).median ?? 0)
    }
    let buckets = try rounds[0].buckets.indices.map { index in
      Bucket(
        elementCount: rounds[0].buckets[index].elementCount,
        secondsBeforeEnd: try median { $0.buckets[index].secondsBeforeEnd })
    }
    return StepProfile(
      preparation: try median(\.preparation), secondsPerCost: try median(\.secondsPerCost), buckets: buckets,
      update: try median(\.update), threads: Threads.count)
  }
}

/// A step's parts on one rank, in the order of `Replica.step`, with nothing summed over ranks.
private final class TimedPass {
  private let model: EncoderModel
  private let slices: [Slice]
  private let labelledTokenCount: Int
  private let gradients: GradientStore
  private let optimizer: AdamW
  private let benchmarked: BenchmarkedModel

  init(_ benchmarked: BenchmarkedModel) {
    let (world, batch) = (benchmarked.world, benchmarked.batch)
    self.benchmarked = benchmarked
    model = benchmarked.model
    let dealt = Slices.deal(batch.slices, rankCount: world.count)[world.rank].map { batch.slices[$0] }
    slices = dealt.isEmpty ? [batch.slices[0]] : dealt
    labelledTokenCount = batch.labelledTokenCount
    gradients = GradientStore(kind: benchmarked.setting.reduction, count: model.layout.elementCount)
    optimizer = AdamW(layout: model.layout, settings: AdamWSettings())
  }

  /// The activations' first steps, and a step whose pages are touched for the first time.
  func warmUp() throws {
    try benchmarked.measureActivationSteps()
    _ = try step()
  }

  func step() throws -> StepProfile {
    let start = monotonicSeconds()
    gradients.largestContribution = .infinity
    gradients.clear()
    model.dropout = benchmarked.nextDropout()
    model.prepareStep()
    let firstSlice = monotonicSeconds()
    var ends: [GradientBucket: Double] = [:]
    for slice in slices {
      let trace = try model.loss(
        try model.forwardToLoss(SliceInput(slice)), lossScale: 1 / Float(labelledTokenCount), into: gradients)
      ends[.head] = monotonicSeconds()
      model.backward(trace, into: gradients) { ends[$0] = monotonicSeconds() }
    }
    let end = monotonicSeconds()
    model.backwardThroughWeightQuantizers(gradients)
    model.tieSharedSteps(of: gradients)
    let norm = optimizer.squaredNorm(of: gradients, at: model.parameters).squareRoot()
    optimizer.update(
      model.parameters, with: gradients, rates: LearningRates(1e-5), clip: optimizer.clipFactor(norm: norm))
    return StepProfile(
      preparation: firstSlice - start,
      secondsPerCost: (end - firstSlice) / Double(slices.reduce(0) { $0 + $1.cost }),
      buckets: model.layout.buckets.map {
        StepProfile.Bucket(elementCount: $0.range.count, secondsBeforeEnd: end - (ends[$0.bucket] ?? end))
      },
      update: monotonicSeconds() - end, threads: Threads.count)
  }
}
