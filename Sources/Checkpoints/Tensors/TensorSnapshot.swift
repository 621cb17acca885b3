import Compute

/// A copy of tensors that stays as it was while the originals go on changing: what an asynchronous write works from.
///
/// The memory is kept from one `take` to the next.
public final class TensorSnapshot: @unchecked Sendable {
  private var memory = AlignedBuffer<UInt8>(0)
  /// The copies, valid until the next `take`.
  public private(set) var tensors: [TensorView] = []

  /// Nothing yet.
  public init() {}

  /// Copies `originals`; no write may be using the former copies.
  /// - Parameter others: tensors that follow the copies and are still to be filled in.
  /// - Returns: where the others lie.
  @discardableResult
  public func take(_ originals: [TensorView], leavingRoomFor others: [TensorDescription] = [])
    -> [UnsafeMutableRawBufferPointer]
  {
    let wanted =
      originals.map { ($0.description, $0.bytes.count) }
      + others.map { ($0, $0.elementCount * $0.dtype.byteCount) }
    let places = makeRoom(wanted.map(\.1))
    for (original, place) in zip(originals, places) { place.copyMemory(from: original.bytes) }
    tensors = zip(wanted, places).map { TensorView($0.0, bytes: UnsafeRawBufferPointer($1)) }
    return Array(places.dropFirst(originals.count))
  }

  /// Places of these sizes, one after the other.
  private func makeRoom(_ byteCounts: [Int]) -> [UnsafeMutableRawBufferPointer] {
    let alignment = 64
    var starts: [Int] = []
    var end = 0
    for byteCount in byteCounts {
      starts.append(end)
      end += (byteCount + alignment - 1) / alignment * alignment
    }
    if memory.count < end { memory = AlignedBuffer<UInt8>(end) }
    let all = UnsafeMutableRawBufferPointer(memory.elements)
    return zip(starts, byteCounts).map { UnsafeMutableRawBufferPointer(rebasing: all[$0..<$0 + $1]) }
  }
}
