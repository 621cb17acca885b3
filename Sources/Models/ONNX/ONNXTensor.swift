import Base

/// The element types of ONNX in use; raw values are those of `TensorProto.DataType`.
enum ONNXElement: Int {
  case float = 1
  case uint8 = 2
  case int8 = 3
  case int64 = 7

  var byteCount: Int {
    switch self {
    case .uint8, .int8: 1
    case .float: 4
    case .int64: 8
    }
  }
}

/// An initializer of a graph: its shape, and how to come by its elements when they are written.
struct ONNXTensor {
  typealias Sink = (UnsafeRawBufferPointer) throws -> Void

  let name: String
  let element: ONNXElement
  /// Empty: a scalar.
  let shape: [Int]
  /// Hands all elements on in their order, row-major, little-endian, in as many pieces as it likes.
  let write: (Sink) throws -> Void

  var byteCount: Int { shape.reduce(element.byteCount, *) }

  init(_ name: String, _ element: ONNXElement, shape: [Int], write: @escaping (Sink) throws -> Void) {
    (self.name, self.element, self.shape, self.write) = (name, element, shape, write)
  }

  /// A few numbers, kept.
  init<Number>(_ name: String, _ element: ONNXElement, shape: [Int], _ values: [Number]) {
    precondition(
      values.count == shape.reduce(1, *) && MemoryLayout<Number>.stride == element.byteCount, "ONNXTensor: \(name)")
    self.init(name, element, shape: shape) { sink in try values.withUnsafeBytes { try sink($0) } }
  }

  /// The fields of its `TensorProto` up to the elements, `raw_data`, which end it.
  var header: ProtobufMessage {
    var message = ProtobufMessage()
    for size in shape { message.append(1, integer: size) }
    message.append(2, integer: element.rawValue)
    message.append(8, string: name)
    message.append(9, headerOfBytes: byteCount)
    return message
  }
}
