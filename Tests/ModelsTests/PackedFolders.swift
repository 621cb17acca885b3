import Base
import Checkpoints
import Encoder
import Foundation
import Models
import Quantization
import TestSupport
import XCTest

/// Small checkpoints to be packed.
struct PackedFolders {
  let folder: TemporaryFolder
  let config = HuggingFaceConfig(
    hiddenSize: 24, layerCount: 2, headCount: 2, intermediateSize: 40, vocabularySize: 61, positionCount: 34)

  init() throws { folder = try TemporaryFolder() }

  static let labels = ["O", "B-DISO", "I-DISO"]

  static func scheme(_ name: String, _ variants: [String: String] = [:], exclude: [String] = []) throws -> Scheme {
    var scheme = try Scheme(parsing: name)
    for (key, value) in variants { try scheme.set(key, to: value) }
    scheme.exclude = exclude
    return scheme
  }

  /// A checkpoint with random weights, steps that fit them, and every activation site's own step.
  func checkpoint(_ name: String, _ scheme: Scheme, _ head: Head) throws -> URL {
    let model = try EncoderModel(
      dimensions: ModelCheckpointIO.dimensions(config), scheme: scheme, head: head, precision: .float32)
    var numbers = SeededNumbers(seed: 6)
    for parameter in model.layout.parameters {
      let spread = Float(0.05 + 0.3 * numbers.uniform())
      for i in parameter.range {
        switch parameter.kind {
        case .stepSize: model.parameters[i] = 0.02 + 0.2 * Float(numbers.uniform())
        case .offset: model.parameters[i] = Float(numbers.uniform() - 0.8)
        case .normWeight: model.parameters[i] = 1 + 0.1 * Float(numbers.normal())
        default: model.parameters[i] = spread * Float(numbers.normal())
        }
      }
    }
    model.initialiseWeightSteps()
    var facts = PalierMetadata.fields(of: scheme)
    facts["global_step"] = 7
    let isTagger = model.classCount == PackedFolders.labels.count
    let written = ModelCheckpointIO.config(
      from: config, head: head, labels: isTagger ? PackedFolders.labels : nil, facts: facts)
    let url = folder.file(name)
    try HuggingFaceFolder.write(
      to: url, config: written, tensors: ModelCheckpointIO.views(of: model), tokenizerFrom: nil)
    return url
  }

  /// A packed checkpoint of a tagger.
  func packed(
    _ scheme: Scheme, head: Head = .tokenClassification(labelCount: 3), tables: PackedExport.Tables = .packed,
    as name: String = "packed"
  ) throws -> URL {
    let url = folder.file(name)
    _ = try PackedExport.write(checkpoint(name + "-checkpoint", scheme, head), to: url, tables: tables)
    return url
  }

  /// A copy of a folder with its tensors or configuration changed, and no checksums.
  func copy(
    _ source: URL, as name: String, tensors change: (inout [String: RawTensor]) -> Void = { _ in },
    config changeConfig: (inout JSONFields) -> Void = { _ in }
  ) throws -> URL {
    let url = folder.file(name)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    let file = try SafetensorsFile(source.appendingPathComponent("model.safetensors"))
    var tensors: [String: RawTensor] = [:]
    for (name, tensor) in file.tensors {
      tensors[name] = RawTensor(type: tensor.dtype, shape: tensor.shape, bytes: try file.withBytes(name) { Array($0) })
    }
    change(&tensors)
    try RawTensor.write(tensors, to: url.appendingPathComponent("model.safetensors"))
    var fields = try HuggingFaceConfig(readingFileAt: source.appendingPathComponent("config.json")).fields
    changeConfig(&fields)
    try Data(fields.text(for: "config.json")).write(to: url.appendingPathComponent("config.json"))
    let quantizers = source.appendingPathComponent("quantizers.safetensors")
    if FileManager.default.fileExists(atPath: quantizers.path) {
      try FileManager.default.copyItem(at: quantizers, to: url.appendingPathComponent("quantizers.safetensors"))
    }
    return url
  }
}

/// A tensor as it stands in a file.
struct RawTensor {
  var type: ElementType
  var shape: [Int]
  var bytes: [UInt8]

  static func floats(_ values: [Float], shape: [Int]) -> RawTensor {
    RawTensor(type: .float32, shape: shape, bytes: values.withUnsafeBytes { Array($0) })
  }

  static func integers(_ values: [Int64], shape: [Int]) -> RawTensor {
    RawTensor(type: .int64, shape: shape, bytes: values.withUnsafeBytes { Array($0) })
  }

  static func write(_ tensors: [String: RawTensor], to url: URL) throws {
    // The bytes must stay in place until all are written.
    let kept = tensors.map { name, tensor in
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(tensor.bytes.count, 1), alignment: 8)
      memory.copyBytes(from: tensor.bytes)
      return (name, tensor, memory)
    }
    defer { kept.forEach { $0.2.deallocate() } }
    let writer = try FileWriter(creating: url)
    try SafetensorsWriter.write(
      kept.map { name, tensor, memory in
        TensorView(
          TensorDescription(name: name, dtype: tensor.type, shape: tensor.shape),
          bytes: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory)[..<tensor.bytes.count]))
      }, to: writer)
    try writer.finish()
  }
}
