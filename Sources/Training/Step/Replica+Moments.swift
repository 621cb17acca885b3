import Checkpoints
import Compute
import Models
import Ranks

/// The optimizer's moments as a checkpoint holds them, whole, whatever each rank has of them.
extension Replica {
  /// Copies this moment's parameters and moments to the leader's snapshot; shards of moments come from the ranks that have
  /// them. Collective.
  /// - Parameter snapshot: nil on all ranks but the leader.
  package func takeSnapshot(into snapshot: TensorSnapshot?) throws {
    let parameters = ModelCheckpointIO.views(of: model)
    guard isSharded else {
      snapshot?.take(parameters + [view(.first, optimizer.first), view(.second, optimizer.second)])
      return
    }
    let room = snapshot?.take(
      parameters,
      leavingRoomFor: [MomentName.first, .second].map {
        TensorDescription(name: $0.rawValue, dtype: .float32, shape: [model.layout.elementCount])
      })
    let places = room?.map { $0.baseAddress!.assumingMemoryBound(to: Float.self) }
    try gatherMoments(first: places?[0], second: places?[1])
  }

  private func view(_ name: MomentName, _ buffer: AlignedBuffer<Float>) -> TensorView {
    TensorView(
      name.rawValue, shape: [buffer.count], floats: UnsafeBufferPointer(start: buffer.pointer, count: buffer.count))
  }

  /// Copies the moments of all ranks to their places in the leader's whole blocks. Collective.
  /// - Parameters:
  ///   - first, second: room for as many elements as the model has parameters; nil on all ranks but the leader.
  private func gatherMoments(first: UnsafeMutablePointer<Float>?, second: UnsafeMutablePointer<Float>?) throws {
    for bucket in shards {
      try gather(bucket, of: optimizer.first, into: first)
      try gather(bucket, of: optimizer.second, into: second)
    }
  }

  /// Bucket by bucket, so that the leader needs room for one bucket's messages only.
  private func gather(
    _ bucket: [Range<Int>], of moments: AlignedBuffer<Float>, into whole: UnsafeMutablePointer<Float>?
  ) throws {
    let mine = UnsafeMutableRawBufferPointer(held(bucket[world.rank], of: moments))
    guard let parts = try world.gather(bytes: UnsafeRawBufferPointer(mine)), let whole else { return }
    for (range, bytes) in zip(bucket, parts) {
      UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(start: whole + range.lowerBound, count: range.count))
        .copyBytes(from: bytes)
    }
  }

  /// Gives every rank its part of the leader's whole moments. Collective.
  /// - Parameter read: writes the moments of that name; called on the leader only, within an agreement.
  func spreadMoments(_ read: (_ name: MomentName, UnsafeMutableBufferPointer<Float>) throws -> Void) throws {
    forgetChecksum()
    for (name, moments) in [(MomentName.first, optimizer.first), (.second, optimizer.second)] {
      guard isSharded else {
        try world.agree { if world.isLeader { try read(name, moments.elements) } }
        try world.broadcast(moments.elements)
        continue
      }
      let whole = world.isLeader ? AlignedBuffer<Float>(model.layout.elementCount) : nil
      try world.agree { if let whole { try read(name, whole.elements) } }
      for (bucket, ranges) in zip(buckets, shards) {
        try spread(bucket, whole, to: held(ranges[world.rank], of: moments), from: ranges[world.rank])
      }
    }
  }

  private func spread(
    _ bucket: Range<Int>, _ whole: AlignedBuffer<Float>?, to mine: UnsafeMutableBufferPointer<Float>,
    from range: Range<Int>
  ) throws {
    let room = whole == nil ? AlignedBuffer<Float>(bucket.count) : nil
    let start = whole.map { $0.pointer + bucket.lowerBound } ?? room!.pointer
    try world.broadcast(UnsafeMutableBufferPointer(start: start, count: bucket.count))
    guard !range.isEmpty else { return }
    mine.baseAddress!.update(from: start + (range.lowerBound - bucket.lowerBound), count: range.count)
  }

  /// The place of a range of this rank's among its moments.
  private func held(_ range: Range<Int>, of moments: AlignedBuffer<Float>) -> UnsafeMutableBufferPointer<Float> {
    guard !range.isEmpty, let place = optimizer.momentsPlace(of: range.lowerBound) else {
      return UnsafeMutableBufferPointer(start: nil, count: 0)
    }
    return UnsafeMutableBufferPointer(start: moments.pointer + place, count: range.count)
  }
}

/// The names of AdamW's moments in a checkpoint.
enum MomentName: String {
  case first = "first_moments"
  case second = "second_moments"
}
