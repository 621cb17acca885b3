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
  public func take(_ originals: [TensorView]) {
    let alignment = 64
    var offsets: [Int] = []
    var end = 0
    for tensor in originals {
      offsets.append(end)
      end += (tensor.bytes.count + alignment - 1) / alignment * alignment
    }
    if memory.count < end { memory = AlignedBuffer<UInt8>(end) }
    let all = UnsafeMutableRawBufferPointer(memory.elements)
    tensors = zip(originals, offsets).map { tensor, offset in
      let copy = UnsafeMutableRawBufferPointer(rebasing: all[offset..<offset + tensor.bytes.count])
      copy.copyMemory(from: tensor.bytes)
      return TensorView(tensor.description, bytes: UnsafeRawBufferPointer(copy))
    }
  }
}
