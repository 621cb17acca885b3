/// A page-aligned block of bytes for plain values of kinds that are known when it is used: packed operands, a library's
/// scratch. Zero when made.
public final class AlignedBytes {
  public let byteCount: Int
  private let bytes: AlignedBuffer<UInt8>

  /// Reserves room for `byteCount` bytes.
  public init(byteCount: Int) {
    self.byteCount = byteCount
    bytes = AlignedBuffer(byteCount)
  }

  /// The first byte; valid while the block lives.
  public var pointer: UnsafeMutableRawPointer { UnsafeMutableRawPointer(bytes.pointer) }

  /// Room for `count` values from `byteOffset` on; what lay there as another kind is gone.
  public func bound<Value: BitwiseCopyable>(
    to kind: Value.Type, at byteOffset: Int = 0, count: Int
  ) -> UnsafeMutablePointer<Value> {
    guard byteOffset >= 0, count >= 0, byteOffset + count * MemoryLayout<Value>.stride <= byteCount else {
      fatalError("\(count) values of \(kind) at byte \(byteOffset) of \(byteCount)")
    }
    return (pointer + byteOffset).bindMemory(to: kind, capacity: count)
  }
}
