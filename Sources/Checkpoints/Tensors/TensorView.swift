/// A tensor to be written: its name and shape, and its elements where they lie.
///
/// The elements are borrowed: they must stay in place and unchanged until the write has returned.
public struct TensorView {
  /// Name, type and shape.
  public let description: TensorDescription
  /// The elements, row-major, little-endian.
  public let bytes: UnsafeRawBufferPointer

  /// Any elements; `bytes` must have the size that `description` tells.
  public init(_ description: TensorDescription, bytes: UnsafeRawBufferPointer) {
    guard bytes.count == description.elementCount * description.dtype.byteCount else {
      fatalError("TensorView \(description.name): \(bytes.count) bytes for \(description.dtype) \(description.shape)")
    }
    self.description = description
    self.bytes = bytes
  }

  /// A float32 tensor.
  public init(_ name: String, shape: [Int], floats: UnsafeBufferPointer<Float>) {
    self.init(TensorDescription(name: name, dtype: .float32, shape: shape), bytes: UnsafeRawBufferPointer(floats))
  }

  /// An int64 tensor.
  public init(_ name: String, shape: [Int], integers: UnsafeBufferPointer<Int64>) {
    self.init(TensorDescription(name: name, dtype: .int64, shape: shape), bytes: UnsafeRawBufferPointer(integers))
  }

  /// A uint8 tensor.
  public init(_ name: String, shape: [Int], octets: UnsafeBufferPointer<UInt8>) {
    self.init(TensorDescription(name: name, dtype: .uint8, shape: shape), bytes: UnsafeRawBufferPointer(octets))
  }
}
