/// A packed right operand, panel after panel, in the bytes of the product that reads it.
final class PackedPanels {
  let count: Int
  let panelByteCount: Int
  private let bytes: AlignedBytes

  init(count: Int, panelByteCount: Int) {
    (self.count, self.panelByteCount) = (count, panelByteCount)
    bytes = AlignedBytes(byteCount: count * panelByteCount)
  }

  /// Panel `index` as a product reads it.
  subscript(index: Int) -> UnsafeMutableRawPointer {
    guard index >= 0, index < count else { fatalError("panel \(index) of \(count)") }
    return bytes.pointer + index * panelByteCount
  }

  /// Panel `index` as our packers write it.
  func panel<Value: BitwiseCopyable>(_ index: Int, of kind: Value.Type) -> UnsafeMutablePointer<Value> {
    bytes.bound(to: kind, at: index * panelByteCount, count: panelByteCount / MemoryLayout<Value>.stride)
  }
}
