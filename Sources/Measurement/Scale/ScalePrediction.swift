import Corpus
import Encoder
import Ranks

/// What a step would take on more hosts, from the parts of one rank's step and the figures of a link: slices dealt evenly, each
/// bucket of the gradient summed by a ring as soon as the backward pass ends it (`GradientReducer`), one rank a host.
public struct ScalePrediction: Sendable {
  public let profile: StepProfile
  public let host: HostRates
  /// The slices of the global batch.
  public let costs: [Int]
  /// Tokens of the global batch.
  public let tokenCount: Int
  /// Bytes of one element of the sums.
  public let elementByteCount: Int
  private let tuning = RingTuning()

  public init(profile: StepProfile, host: HostRates, costs: [Int], tokenCount: Int, elementByteCount: Int) {
    (self.profile, self.host, self.costs) = (profile, host, costs)
    (self.tokenCount, self.elementByteCount) = (tokenCount, elementByteCount)
  }

  /// Measures the parts of a step on every rank at once, with nothing summed, and what a sum costs a host. Collective.
  public static func measure(_ setting: StepBenchmark.Setting, world: World) throws -> ScalePrediction {
    let benchmarked = try BenchmarkedModel(setting, world: world)
    let profile = try StepProfile.measure(benchmarked)
    let host = try world.agree {
      switch setting.reduction {
      case .fixedPoint: try HostRates.measure(Int64.self)
      case .float32: try HostRates.measure(Float.self)
      }
    }
    return ScalePrediction(
      profile: profile, host: host, costs: benchmarked.batch.slices.map(\.cost),
      tokenCount: benchmarked.batch.tokenCount,
      elementByteCount: setting.reduction.elementByteCount)
  }

  /// A step on some number of ranks.
  public struct Step: Sendable, Equatable {
    public let ranks: Int
    public let seconds: Double
    /// The part in which the slowest rank waits for sums: communication that no computation hides.
    public let waitedSeconds: Double
    /// The time in which anything is on its way.
    public let communicationSeconds: Double

    /// The share of communication that computation hides; 1 where there is none.
    public var hiddenShare: Double { communicationSeconds > 0 ? 1 - waitedSeconds / communicationSeconds : 1 }
  }

  /// The step on `ranks` hosts joined by `link`.
  public func step(ranks: Int, link: Link) -> Step {
    precondition(ranks > 0, "ScalePrediction: \(ranks) ranks")
    let pace = RankPace(secondsPerCost: profile.secondsPerCost, secondsBeside: profile.preparation)
    let paces = [RankPace](repeating: pace, count: ranks)
    let computed = Slices.seconds(Slices.deal(costs: costs, paces: paces), costs: costs, paces: paces)
    // Every sum starts when its bucket is ready and the one before is done. What the reducing thread works is taken from the
    // threads that compute: while it works beside them, both take longer.
    var (free, sums, stolen) = (0.0, 0.0, 0.0)
    for bucket in profile.buckets {
      let sum = self.sum(of: bucket.elementCount * elementByteCount, ranks: ranks, link)
      let ready = computed - bucket.secondsBeforeEnd + stolen
      let start = max(ready, free)
      free = start + sum.seconds
      sums += sum.seconds
      let beside = min(max((computed + stolen - start) / max(sum.seconds, .leastNonzeroMagnitude), 0), 1)
      stolen += sum.work * beside / Double(profile.threads)
    }
    let waited = max(free - (computed + stolen), 0)
    return Step(
      ranks: ranks, seconds: computed + stolen + waited + profile.update, waitedSeconds: waited,
      communicationSeconds: sums)
  }

  /// A ring's time for a bucket, and what of it is work of this host's threads.
  ///
  /// A block is cut into a segment a rank, each makes 2(P − 1) hops, half of which add up; `window` blocks are on their way at
  /// once. What holds it: the link, the thread that moves and adds, or the hops' latency over the window.
  private func sum(of byteCount: Int, ranks: Int, _ link: Link) -> (seconds: Double, work: Double) {
    let hops = Double(2 * (ranks - 1))
    let segment = min(Double(tuning.segmentByteCount), Double(byteCount) / Double(ranks))
    guard segment > 0 else { return (0, 0) }
    let blocks = Double(byteCount) / (segment * Double(ranks))
    let onLink = hops * segment / link.bytesPerSecond
    let work = hops * segment / host.moved + hops / 2 * segment / host.added
    let alone = hops * link.latency + onLink + work
    let window = min(Double(tuning.window), max(blocks.rounded(.up), 1))
    return (alone + max(blocks - 1, 0) * max(onLink, work, alone / window), blocks * work)
  }

  /// The first of `counts` of which twice the ranks would make a step less than 1.25 times as fast; nil where all pay.
  public func firstThatDoesNotPay(_ counts: [Int], link: Link) -> Int? {
    counts.first { step(ranks: $0, link: link).seconds < 1.25 * step(ranks: 2 * $0, link: link).seconds }
  }
}
