import Base
import Foundation
import XCTest

/// An ONNX file read back, field by field of onnx/onnx.proto: what the tests look at.
struct ONNXModel {
  struct Tensor {
    var shape: [Int] = []
    /// `TensorProto.DataType`.
    var type = 0
    var name = ""
    var bytes: [UInt8] = []

    var floats: [Float] {
      bytes.withUnsafeBytes { raw in
        (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
      }
    }
    var signedBytes: [Int8] { bytes.map { Int8(bitPattern: $0) } }
    var integers: [Int] {
      bytes.withUnsafeBytes { raw in
        (0..<raw.count / 8).map { Int(raw.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self)) }
      }
    }
  }

  struct Node {
    var inputs: [String] = []
    var output = ""
    var operation = ""
    var integers: [String: [Int]] = [:]
    var floats: [String: Float] = [:]
  }

  /// An input or output: its sizes as texts, numbers or names.
  struct Value: Equatable {
    var name = ""
    var type = 0
    var sizes: [String] = []
  }

  var irVersion = 0
  var producer = ""
  var opset = 0
  var metadata: [String: String] = [:]
  var nodes: [Node] = []
  var tensors: [String: Tensor] = [:]
  var inputs: [Value] = []
  var outputs: [Value] = []

  init(_ url: URL) throws {
    let data = [UInt8](try Data(contentsOf: url))
    try data.withUnsafeBytes { bytes in
      let reader = Reader(bytes: bytes)
      try reader.each(0..<bytes.count) { number, value in
        switch (number, value) {
        case (1, .varint(let version)): irVersion = Int(version)
        case (2, .bytes(let range)): producer = reader.text(range)
        case (7, .bytes(let range)): try readGraph(range, reader)
        case (8, .bytes(let range)):
          try reader.each(range) { if case (2, .varint(let version)) = ($0, $1) { opset = Int(version) } }
        case (14, .bytes(let range)):
          let pair = try reader.texts(range)
          metadata[pair[1] ?? ""] = pair[2]
        default: break
        }
      }
    }
  }

  func operations(_ name: String) -> [Node] { nodes.filter { $0.operation == name } }

  private mutating func readGraph(_ range: Range<Int>, _ reader: Reader) throws {
    try reader.each(range) { number, value in
      guard case .bytes(let inner) = value else { return }
      switch number {
      case 1: nodes.append(try reader.node(inner))
      case 5:
        let tensor = try reader.tensor(inner)
        XCTAssertNil(tensors.updateValue(tensor, forKey: tensor.name), tensor.name)
      case 11: inputs.append(try reader.value(inner))
      case 12: outputs.append(try reader.value(inner))
      default: break
      }
    }
  }
}

/// Messages within the file's bytes.
private struct Reader {
  let bytes: UnsafeRawBufferPointer

  func each(_ range: Range<Int>, _ body: (Int, ProtobufFields.Value) throws -> Void) throws {
    var fields = ProtobufFields(bytes, in: range)
    while let (number, value) = try fields.next() { try body(number, value) }
  }

  func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  /// Texts by field.
  func texts(_ range: Range<Int>) throws -> [Int: String] {
    var found: [Int: String] = [:]
    try each(range) { if case .bytes(let inner) = $1 { found[$0] = text(inner) } }
    return found
  }

  func tensor(_ range: Range<Int>) throws -> ONNXModel.Tensor {
    var tensor = ONNXModel.Tensor()
    try each(range) { number, value in
      switch (number, value) {
      case (1, .varint(let size)): tensor.shape.append(Int(size))
      case (2, .varint(let type)): tensor.type = Int(type)
      case (8, .bytes(let inner)): tensor.name = text(inner)
      case (9, .bytes(let inner)): tensor.bytes = Array(bytes[inner])
      default: XCTFail("field \(number) of a tensor")
      }
    }
    return tensor
  }

  func node(_ range: Range<Int>) throws -> ONNXModel.Node {
    var node = ONNXModel.Node()
    try each(range) { number, value in
      guard case .bytes(let inner) = value else { return XCTFail("field \(number) of a node") }
      switch number {
      case 1: node.inputs.append(text(inner))
      case 2: node.output = text(inner)
      case 4: node.operation = text(inner)
      case 5: try readAttribute(inner, into: &node)
      default: break
      }
    }
    return node
  }

  private func readAttribute(_ range: Range<Int>, into node: inout ONNXModel.Node) throws {
    var name = ""
    var integers: [Int] = []
    var float: Float?
    try each(range) { number, value in
      switch (number, value) {
      case (1, .bytes(let inner)): name = text(inner)
      case (2, .fixed32(let bits)): float = Float(bitPattern: bits)
      case (3, .varint(let bits)), (8, .varint(let bits)): integers.append(Int(Int64(bitPattern: bits)))
      default: break
      }
    }
    if let float { node.floats[name] = float } else { node.integers[name] = integers }
  }

  func value(_ range: Range<Int>) throws -> ONNXModel.Value {
    var found = ONNXModel.Value()
    try each(range) { number, value in
      guard case .bytes(let inner) = value else { return }
      if number == 1 { found.name = text(inner) }
      guard number == 2 else { return }
      try each(inner) { _, value in
        guard case .bytes(let tensor) = value else { return }
        try readTensorType(tensor, into: &found)
      }
    }
    return found
  }

  private func readTensorType(_ range: Range<Int>, into found: inout ONNXModel.Value) throws {
    try each(range) { number, value in
      switch (number, value) {
      case (1, .varint(let type)): found.type = Int(type)
      case (2, .bytes(let shape)):
        try each(shape) { _, value in
          guard case .bytes(let size) = value else { return }
          try each(size) { _, value in
            switch value {
            case .varint(let count): found.sizes.append("\(count)")
            case .bytes(let name): found.sizes.append(text(name))
            default: break
            }
          }
        }
      default: break
      }
    }
  }
}
