import Base
import Compute
import Foundation

/// What a round of reduction cost.
public struct ReductionTimes: Sendable, Equatable {
  /// Seconds that the computing thread stood still in `waitAll`: the part that was not hidden.
  public var waitedSeconds: Double
  /// Seconds in which something was on its way.
  public var communicationSeconds: Double
  /// Bytes that this rank sent.
  public var sentByteCount: Int
}

/// Adds up a gradient buffer over the ranks, bucket by bucket, while the rest of the backward pass still runs.
///
/// A thread of its own drives pipelined rings (`Ring`), or MPI's own all-reduce, over the buckets that are ready. `Float` sums have the same bits on
/// all ranks and in every run with as many ranks; `Int64` sums are exact, so they have the same bits for any number of
/// ranks too. The ring needs the ranks' threads to leave it a little time: idle, the thread sleeps.
///
/// A round is `bucketReady` for every bucket, then `waitAll`. In between, the buckets that were named ready belong to the
/// reducer. All ranks make the same reducers in the same order.
public final class GradientReducer<Element: Reducible> {
  /// Where the sums end.
  public enum Outcome: Sendable {
    /// On every rank.
    case everywhere
    /// On each rank in its own shards only (`ownedRanges`), for an optimizer that shares out its state.
    case shards
  }

  /// The buckets, in the order in which the backward pass ends them.
  public let buckets: [Range<Int>]
  /// The parts of the buffer that hold sums after a round: with `.shards`, this rank's shard of every bucket.
  public let ownedRanges: [Range<Int>]
  private let world: World
  private let shards: [[Range<Int>]]
  private let worker: ReductionWorker<Element>?

  /// - Parameters:
  ///   - gradients: the buffer, kept alive by the reducer.
  ///   - buckets: ranges of it, without overlap, the same on all ranks.
  ///   - shards: each bucket cut into one neighbouring range a rank; nil: evenly. Float sums follow the shards' bounds.
  ///   - outcome: where the sums end.
  ///   - path: the way that exact sums take where they end everywhere; all others go round the ring.
  ///   - tuning: message size and number of messages on their way.
  public init(
    world: World, gradients: AlignedBuffer<Element>, buckets: [Range<Int>], shards wanted: [[Range<Int>]]? = nil,
    outcome: Outcome = .everywhere, path: ReductionPath = .ring, tuning: RingTuning = RingTuning()
  ) {
    precondition(
      buckets.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= gradients.count }, "bucket beyond the buffer")
    self.world = world
    self.buckets = buckets
    shards = wanted ?? buckets.map { evenShards(of: $0, count: world.count) }
    precondition(
      shards.count == buckets.count && shards.allSatisfy { $0.count == world.count }, "one shard a bucket and rank")
    ownedRanges = outcome == .everywhere ? buckets : shards.map { $0[world.rank] }
    let number = world.nextReducerNumber() + 1
    guard world.count > 1 else {
      worker = nil
      return
    }
    let (communicator, activity) = (world.reductionCommunicator, world.reductionActivity)
    if path == .mpi, outcome == .everywhere, let numbers = gradients as? AlignedBuffer<Int64>,
      let sums = CollectiveSums(world, on: communicator, activity: activity, tuning: tuning) as? any BlockSums<Element>
    {
      let blocks = buckets.enumerated().map { CollectiveSums.blocks(of: numbers.pointer, $1, owner: $0) }
      worker = ReductionWorker(
        world: world, gradients: gradients, blocks: blocks as? [[RingBlock<Element>]] ?? [], by: sums)
      return
    }
    let phase = outcome == .everywhere ? RingPhase.allReduce : .reduceScatter
    let blocks = shards.enumerated().map { bucket, shards in
      Ring.blocks(of: gradients.pointer, shards: shards, phase: phase, owner: bucket, tuning: tuning)
    }
    let ring = Ring<Element>(world, on: communicator, activity: activity, number: number, tuning: tuning)
    worker = ReductionWorker(world: world, gradients: gradients, blocks: blocks, by: ring)
  }

  deinit { worker?.stop() }

  /// Hands bucket `index` over: its gradients are final on this rank. Buckets travel in list order, so one named early
  /// waits for those before it. Once a round; returns at once.
  public func bucketReady(_ index: Int) {
    worker?.bucketReady(index)
  }

  /// Waits until every bucket is summed, and opens the next round.
  /// - Throws: `RankError.callFailed`, or `.sumOverflow` on every rank.
  public func waitAll() throws -> ReductionTimes {
    guard let worker else { return ReductionTimes(waitedSeconds: 0, communicationSeconds: 0, sentByteCount: 0) }
    let start = monotonicSeconds()
    let result = try worker.waitAll()
    if Element.hasExactSums { try world.agreeOnOverflow(result.firstOverflow) }
    return ReductionTimes(
      waitedSeconds: monotonicSeconds() - start, communicationSeconds: result.seconds,
      sentByteCount: result.sentByteCount)
  }

  /// Copies every rank's `ownedRanges` of `parameters` to all ranks, after a sharded update. Collective; blocks.
  /// - Parameter parameters: laid out as the gradients are.
  public func shareOwnedRanges<Value: Reducible>(of parameters: UnsafeMutableBufferPointer<Value>) throws {
    for bucketShards in shards { try world.allGather(parameters, shards: bucketShards) }
  }
}
