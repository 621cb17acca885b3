import Base

/// An attribute of a node.
enum ONNXAttribute {
  case integer(String, Int)
  case integers(String, [Int])
  case float(String, Float)

  /// Its `AttributeProto`.
  fileprivate var message: ProtobufMessage {
    var message = ProtobufMessage()
    switch self {
    case .float(let name, let value):
      message.append(1, string: name)
      message.append(2, float: value)
      message.append(20, integer: 1)
    case .integer(let name, let value):
      message.append(1, string: name)
      message.append(3, integer: value)
      message.append(20, integer: 2)
    case .integers(let name, let values):
      message.append(1, string: name)
      for value in values { message.append(8, integer: value) }
      message.append(20, integer: 7)
    }
    return message
  }
}

/// A size of an input or output.
enum ONNXSize {
  case fixed(Int)
  /// Any, the same wherever the name stands.
  case named(String)
}

/// An ONNX graph that is being put together: nodes in the order in which they run, and the tensors that they read.
///
/// A node has one output, which has the node's name; names tell tensors apart, so that none may be given twice.
struct ONNXGraph {
  /// `GraphProto.node`, each a `NodeProto`.
  private(set) var nodes: [ProtobufMessage] = []
  private(set) var initializers: [ONNXTensor] = []
  /// `GraphProto.input` and `output`, each a `ValueInfoProto`.
  private(set) var inputs: [ProtobufMessage] = []
  private(set) var outputs: [ProtobufMessage] = []
  private var names: Set<String> = []

  /// Whether a node or initializer of this name is there.
  func has(_ name: String) -> Bool { names.contains(name) }

  private mutating func take(_ name: String) { precondition(names.insert(name).inserted, "ONNXGraph: two of \(name)") }

  /// Adds a node; returns the name of its output, which is its own.
  mutating func add(
    _ operation: String, _ inputs: [String], as name: String, _ attributes: ONNXAttribute...
  ) -> String {
    take(name)
    var message = ProtobufMessage()
    for input in inputs { message.append(1, string: input) }
    message.append(2, string: name)
    message.append(3, string: name)
    message.append(4, string: operation)
    for attribute in attributes { message.append(5, message: attribute.message) }
    nodes.append(message)
    return name
  }

  /// Adds an initializer; returns its name.
  mutating func add(_ tensor: ONNXTensor) -> String {
    take(tensor.name)
    initializers.append(tensor)
    return tensor.name
  }

  /// A scalar that many nodes may read: added where it is not there yet.
  mutating func scalar(_ value: Float, as name: String) -> String {
    has(name) ? name : add(ONNXTensor(name, .float, shape: [], [value]))
  }

  /// As above, of a byte.
  mutating func scalar(_ value: UInt8, as name: String) -> String {
    has(name) ? name : add(ONNXTensor(name, .uint8, shape: [], [value]))
  }

  /// Some integers that many nodes may read; `[]` for a scalar.
  mutating func integers(_ values: [Int64], shape: [Int]? = nil, as name: String) -> String {
    has(name) ? name : add(ONNXTensor(name, .int64, shape: shape ?? [values.count], values))
  }

  /// Adds an input of the graph.
  mutating func addInput(_ name: String, _ element: ONNXElement, _ shape: [ONNXSize]) {
    take(name)
    inputs.append(ONNXGraph.value(name, element, shape))
  }

  /// Makes a node's output an output of the graph.
  mutating func addOutput(_ name: String, _ element: ONNXElement, _ shape: [ONNXSize]) {
    outputs.append(ONNXGraph.value(name, element, shape))
  }

  private static func value(_ name: String, _ element: ONNXElement, _ shape: [ONNXSize]) -> ProtobufMessage {
    var sizes = ProtobufMessage()
    for size in shape {
      var message = ProtobufMessage()
      switch size {
      case .fixed(let count): message.append(1, integer: count)
      case .named(let name): message.append(2, string: name)
      }
      sizes.append(1, message: message)
    }
    var tensor = ProtobufMessage()
    tensor.append(1, integer: element.rawValue)
    tensor.append(2, message: sizes)
    var type = ProtobufMessage()
    type.append(1, message: tensor)
    var value = ProtobufMessage()
    value.append(1, string: name)
    value.append(2, message: type)
    return value
  }
}
