import Compute
import Encoder
import Ranks

/// How blocks that lie as the parameters do are shared out over the ranks: each keeps its shard of every bucket, one after the
/// other, in the order of the block.
package struct ShardedBlock {
  let world: World
  /// Parts of the block, in the order in which the backward pass ends them, and each rank's shard of each.
  let buckets: [Range<Int>]
  let shards: [[Range<Int>]]
  /// This rank's shards, ascending, none of them empty.
  package let owned: [Range<Int>]

  package init(world: World, layout: ParameterLayout) {
    self.world = world
    (buckets, shards) = (layout.buckets.map(\.range), layout.shards(count: world.count))
    owned = shards.map { $0[world.rank] }.filter { !$0.isEmpty }.sorted { $0.lowerBound < $1.lowerBound }
  }

  /// The part of this rank's buffer that holds one of its shards.
  private func part(_ shard: Range<Int>, of mine: AlignedBuffer<Float>) -> UnsafeMutableBufferPointer<Float> {
    var found = UnsafeMutableBufferPointer<Float>(start: nil, count: 0)
    owned.forEachHeld { start, place, count in
      if start == shard.lowerBound, count == shard.count {
        found = UnsafeMutableBufferPointer(start: mine.pointer + place, count: count)
      }
    }
    return found
  }

  // MARK: - Collectives

  /// Copies all ranks' shards to their places in the leader's whole block. Collective.
  /// - Parameter whole: room for the block; nil on all ranks but the leader.
  func gather(_ mine: AlignedBuffer<Float>, into whole: UnsafeMutablePointer<Float>?) throws {
    // Bucket by bucket, so that the leader needs room for one bucket's messages only.
    for ranges in shards {
      let part = UnsafeRawBufferPointer(part(ranges[world.rank], of: mine))
      guard let parts = try world.gather(bytes: part), let whole else { continue }
      for (range, bytes) in zip(ranges, parts) {
        UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(start: whole + range.lowerBound, count: range.count))
          .copyBytes(from: bytes)
      }
    }
  }

  /// Gives every rank its shards of the leader's whole block. Collective.
  /// - Parameter whole: nil on all ranks but the leader.
  func spread(_ whole: AlignedBuffer<Float>?, into mine: AlignedBuffer<Float>) throws {
    for (bucket, ranges) in zip(buckets, shards) {
      let room = whole == nil ? AlignedBuffer<Float>(bucket.count) : nil
      let start = whole.map { $0.pointer + bucket.lowerBound } ?? room!.pointer
      try world.broadcast(UnsafeMutableBufferPointer(start: start, count: bucket.count))
      let own = ranges[world.rank]
      guard !own.isEmpty, let place = part(own, of: mine).baseAddress else { continue }
      place.update(from: start + (own.lowerBound - bucket.lowerBound), count: own.count)
    }
  }

  /// Gives every rank, of a block that each has whole, the shards of all others. Collective.
  func share(_ whole: UnsafeMutableBufferPointer<Float>) throws {
    guard world.count > 1 else { return }
    for ranges in shards { try world.allGather(whole, shards: ranges) }
  }
}

extension [Range<Int>] {
  /// Calls `body(start, place, count)` for each of some parts of a block: where it begins in the block, and where in a buffer that
  /// holds the parts one after the other.
  func forEachHeld(_ body: (_ start: Int, _ place: Int, _ count: Int) -> Void) {
    var place = 0
    for part in self {
      body(part.lowerBound, place, part.count)
      place += part.count
    }
  }
}
