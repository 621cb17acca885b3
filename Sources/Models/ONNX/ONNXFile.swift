import Base
import Foundation

/// An ONNX model as a file: `ModelProto` of onnx/onnx.proto, with all tensors inside.
///
/// Tensors go from where they lie, or are made, straight to the file: lengths are known beforehand, so that no second
/// copy of a model is in memory.
struct ONNXFile {
  /// `IR_VERSION` of ONNX 1.12, the first with opset 17.
  static let irVersion = 8
  /// The first set of operators that has LayerNormalization; all else is older.
  static let opset = 17
  /// Protocol buffers have no longer message.
  static let largestByteCount = Int(Int32.max)

  let graph: ONNXGraph
  /// The name of the graph.
  let name: String
  let documentation: String
  /// `metadata_props`, in their order.
  let metadata: [NamedText]

  private static let graphField = 7
  private static let initializerField = 5

  /// The graph's own fields around the initializers.
  private var graphParts: (before: ProtobufMessage, after: ProtobufMessage) {
    var before = ProtobufMessage()
    for node in graph.nodes { before.append(1, message: node) }
    before.append(2, string: name)
    var after = ProtobufMessage()
    for input in graph.inputs { after.append(11, message: input) }
    for output in graph.outputs { after.append(12, message: output) }
    return (before, after)
  }

  /// Key, length and header of each initializer, which its elements follow.
  private var tensorHeaders: [ProtobufMessage] {
    graph.initializers.map { tensor in
      let header = tensor.header
      var message = ProtobufMessage()
      message.append(ONNXFile.initializerField, headerOfBytes: header.bytes.count + tensor.byteCount)
      return message.followed(by: header)
    }
  }

  private var modelParts: (before: ProtobufMessage, after: ProtobufMessage) {
    var before = ProtobufMessage()
    before.append(1, integer: ONNXFile.irVersion)
    before.append(2, string: "Palier")
    before.append(3, string: PalierVersion.text)
    before.append(6, string: documentation)
    var operators = ProtobufMessage()
    operators.append(1, string: "")
    operators.append(2, integer: ONNXFile.opset)
    var after = ProtobufMessage()
    after.append(8, message: operators)
    for entry in metadata {
      var pair = ProtobufMessage()
      pair.append(1, string: entry.name)
      pair.append(2, string: entry.value)
      after.append(14, message: pair)
    }
    return (before, after)
  }

  /// Writes the model to `url`, where nothing may be: beside it first, renamed when it is whole.
  /// - Returns: the number of bytes.
  /// - Throws: `ONNXError.tooLarge`, before anything is written; `FileError`.
  func write(to url: URL) throws -> Int {
    let (modelBefore, modelAfter) = modelParts
    let (graphBefore, graphAfter) = graphParts
    let headers = tensorHeaders
    let tensorBytes = zip(headers, graph.initializers).reduce(0) { $0 + $1.0.bytes.count + $1.1.byteCount }
    let graphByteCount = graphBefore.bytes.count + tensorBytes + graphAfter.bytes.count
    var graphHeader = ProtobufMessage()
    graphHeader.append(ONNXFile.graphField, headerOfBytes: graphByteCount)
    let total = modelBefore.bytes.count + graphHeader.bytes.count + graphByteCount + modelAfter.bytes.count
    guard total <= ONNXFile.largestByteCount else { throw ONNXError.tooLarge(path: url.path, byteCount: total) }
    try replaceFile(at: url) { file in
      for part in [modelBefore, graphHeader, graphBefore] { try file.write(part.bytes) }
      for (header, tensor) in zip(headers, graph.initializers) {
        try file.write(header.bytes)
        var count = 0
        try tensor.write { bytes in
          try file.write(bytes)
          count += bytes.count
        }
        precondition(count == tensor.byteCount, "ONNXFile: \(tensor.name) is not whole")
      }
      for part in [graphAfter, modelAfter] { try file.write(part.bytes) }
    }
    return total
  }
}

extension ProtobufMessage {
  /// The fields of both.
  fileprivate func followed(by other: ProtobufMessage) -> ProtobufMessage {
    var both = self
    both.append(fieldsOf: other)
    return both
  }
}
