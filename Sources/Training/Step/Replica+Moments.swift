import Checkpoints
import Compute
import Models
import Ranks

/// The optimizer's moments as a checkpoint holds them, whole, whatever each rank has of them.
extension Replica {
  /// Copies this moment's parameters, moments and average to the leader's snapshot; what is shared out comes from the ranks that
  /// have it. Collective.
  /// - Parameter snapshot: nil on all ranks but the leader.
  package func takeSnapshot(into snapshot: TensorSnapshot?, average: WeightAverage? = nil) throws {
    let moments = [(MomentName.first.rawValue, optimizer.first), (MomentName.second.rawValue, optimizer.second)]
    var shared = average?.state ?? []
    if isSharded { shared = moments + shared }
    let count = model.layout.elementCount
    let room = snapshot?.take(
      ModelCheckpointIO.views(of: model) + (isSharded ? [] : moments.map(view)),
      leavingRoomFor: shared.map { TensorDescription(name: $0.name, dtype: .float32, shape: [count]) })
    for (index, buffer) in shared.enumerated() {
      let whole = room?[index].baseAddress!.assumingMemoryBound(to: Float.self)
      try sharing.gather(buffer.values, into: whole)
    }
  }

  private func view(_ name: String, _ buffer: AlignedBuffer<Float>) -> TensorView {
    TensorView(name, shape: [buffer.count], floats: UnsafeBufferPointer(start: buffer.pointer, count: buffer.count))
  }

  /// The whole moments, on the leader alone; empty elsewhere. Collective.
  func wholeMoments() throws -> [MomentName: AlignedBuffer<Float>] {
    var whole: [MomentName: AlignedBuffer<Float>] = [:]
    for (name, moments) in [(MomentName.first, optimizer.first), (.second, optimizer.second)] {
      if world.isLeader { whole[name] = isSharded ? AlignedBuffer(model.layout.elementCount) : moments }
      if isSharded { try sharing.gather(moments, into: whole[name]?.pointer) }
    }
    return whole
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
      try sharing.spread(whole, into: moments)
    }
  }
}

/// The names of AdamW's moments in a checkpoint.
enum MomentName: String {
  case first = "first_moments"
  case second = "second_moments"
}
