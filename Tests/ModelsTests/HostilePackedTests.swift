import Base
import Checkpoints
import Encoder
import Foundation
import Models
import Quantization
import TestSupport
import XCTest

/// Packed folders that lie: each is one line that names what is wrong.
final class HostilePackedTests: XCTestCase {
  private let matrix = "roberta.encoder.layer.0.output.dense"
  private let table = "roberta.embeddings.word_embeddings"

  private func tensorsRefused(
    _ folders: PackedFolders, _ source: URL, saying parts: String..., line: UInt = #line,
    change: (inout [String: RawTensor]) -> Void
  ) throws {
    let url = try folders.copy(source, as: "bad-\(line)-\(UInt32.random(in: 0 ... .max))", tensors: change)
    assertThrows(ModelError.self, saying: ["model.safetensors"] + parts, line: line) { try CheckpointModel(url) }
    assertThrows(ModelError.self, saying: ["model.safetensors"] + parts, line: line) {
      try TaggingModel(url) { _ in .float32 }
    }
  }

  func testTensorsThatLie() throws {
    let folders = try PackedFolders()
    let source = try folders.packed(PackedFolders.scheme("LSQplus_E6W3A6", ["activations.offset": "integer"]))
    let (packed, scale, shape) = (matrix + ".weight_packed", matrix + ".weight_scale", matrix + ".weight_shape")
    for (name, said) in [
      (scale, "is missing"), (shape, "is missing"), (matrix + ".input_scale", "is missing"),
      (matrix + ".input_zero_point", "is missing"), (packed, "weight is missing"),
    ] {
      try tensorsRefused(folders, source, saying: said) { $0[name] = nil }
    }
    for sizes in [
      [24, 41], [25, 40], [24, 400], [-1, 40], [0, 0], [1 << 40, 1 << 40], [.max, .max], [24, .max],
    ] as [[Int64]] {
      try tensorsRefused(folders, source, saying: matrix) { $0[shape] = .integers(sizes, shape: [2]) }
    }
    try tensorsRefused(folders, source, saying: shape, "two numbers") { $0[shape] = .integers([24], shape: [1]) }
    try tensorsRefused(folders, source, saying: shape) { $0[shape] = .floats([24, 40], shape: [2]) }
    try tensorsRefused(folders, source, saying: packed, "words") {
      $0[packed]?.shape = [24, 3]
      $0[packed]?.bytes.removeLast(24 * 4)
    }
    try tensorsRefused(folders, source, saying: packed, "I32") { $0[packed]?.shape = [96] }
    try tensorsRefused(folders, source, saying: packed, "I32") { $0[packed]?.type = .float32 }
    for bad in [0, -0.5, .infinity, .nan] as [Float] {
      try tensorsRefused(folders, source, saying: scale, "above zero and finite") {
        $0[scale] = .floats([bad], shape: [1])
      }
      try tensorsRefused(folders, source, saying: "input_scale", "above zero and finite") {
        $0[self.matrix + ".input_scale"] = .floats([bad], shape: [1])
      }
    }
    try tensorsRefused(folders, source, saying: scale, "F32 [1]") { $0[scale] = .floats([1, 1], shape: [2]) }
    let query = "roberta.encoder.layer.1.attention.self.query"
    try tensorsRefused(folders, source, saying: query + ".input_scale", "differs from those of") {
      $0[query + ".input_scale"] = .floats([0.3], shape: [1])
    }
    try tensorsRefused(folders, source, saying: query + ".input_zero_point", "differs from those of") {
      $0[query + ".input_zero_point"]?.bytes[0] ^= 1
    }
    try tensorsRefused(folders, source, saying: matrix + ".weight", "has codes") {
      $0[self.matrix + ".weight"] = .floats([Float](repeating: 0, count: 24 * 40), shape: [24, 40])
    }
    try tensorsRefused(folders, source, saying: "weight_zero_point") {
      $0[self.matrix + ".weight_zero_point"] = .integers([1], shape: [1])
    }
    // 40 codes of 3 bits are 120 bits: the last byte of a row is no code's.
    try tensorsRefused(folders, source, saying: packed, "row 0 has bits behind") { $0[packed]?.bytes[15] |= 0x80 }
    try tensorsRefused(folders, source, saying: "classifier.weight_packed", "no codes of it") {
      $0["classifier.weight_packed"] = $0[packed]
    }
  }

  func testCodesThatTheSchemeDoesNotKnow() throws {
    let folders = try PackedFolders()
    let name = matrix + ".weight_packed"
    // Two bits hold −2 too.
    let ternary = try folders.packed(PackedFolders.scheme("BitNet_E6W1.58A6"), as: "ternary")
    try tensorsRefused(folders, ternary, saying: name, "row 1 has a code") { $0[name]?.bytes[12] &= 0xFC }
    // Codes of the symmetric grid are odd.
    let symmetric = try folders.packed(PackedFolders.scheme("LSQ_E2W3A4", ["weights.grid": "symmetric"]), as: "odd")
    try tensorsRefused(folders, symmetric, saying: name, "has a code") { $0[name]?.bytes[0] ^= 1 }
  }

  func testConfigurationsThatLie() throws {
    let folders = try PackedFolders()
    let source = try folders.packed(PackedFolders.scheme("LSQ_E6W2A6"))
    func refused(_ place: [String], _ value: JSONNode?, saying parts: String..., line: UInt = #line) throws {
      let url = try folders.copy(
        source, as: "bad-\(line)-\(UInt32.random(in: 0 ... .max))",
        config: { fields in
          fields = HostilePackedTests.setting(place, to: value, in: fields)
        })
      assertThrows(ModelError.self, saying: parts, line: line) { try CheckpointModel(url) }
    }
    let section = "quantization_config"
    try refused([section, "quant_method"], "gptq", saying: "quant_method", "compressed-tensors")
    try refused([section, "format"], "int-quantized", saying: "format", "pack-quantized")
    try refused([section, "config_groups", "linears", "format"], nil, saying: "linears.format", "pack-quantized")
    try refused([section, "config_groups", "linears"], nil, saying: "config_groups.linears", "group")
    try refused([section, "config_groups"], 7, saying: "config_groups.embeddings")
    let weights = [section, "config_groups", "linears", "weights"]
    try refused(weights + ["num_bits"], 4, saying: "num_bits must be 2", "found 4")
    try refused(weights + ["num_bits"], .integer(1 << 40), saying: "num_bits must be 2")
    try refused(weights + ["symmetric"], false, saying: "symmetric")
    try refused(weights + ["strategy"], "channel", saying: "strategy")
    try refused(
      [section, "config_groups", "linears", "input_activations", "num_bits"], 8, saying: "num_bits must be 6")
    try refused([section, "config_groups", "linears", "input_activations"], nil, saying: "input_activations")
    try refused(["palier", "scheme"], "LSQ_E6W4A6", saying: matrixWords)
    try refused(["palier", "scheme"], "fp32", saying: "no codes of it")
    try refused(["palier", "packed", "tables"], "float32", saying: "no codes of it")
    try refused(["palier", "packed", "tables"], "stone", saying: "packed.tables")
    try refused(["palier", "packed"], nil, saying: "another program")
    try refused(["palier"], nil, saying: "another program")
    try refused([section], "gptq", saying: "another program")
    try refused([section], nil, saying: "word_embeddings.weight is missing")
    try refused(["num_hidden_layers"], 1, saying: "layer.1", "no codes of it")
    try refused(["num_hidden_layers"], 3, saying: "layer.2")
    try refused(["hidden_size"], .integer(1 << 15), saying: "shape")
  }

  private let matrixWords = "words, which are not"

  /// Sets or removes what stands at a place of nested objects.
  private static func setting(_ place: [String], to value: JSONNode?, in fields: JSONFields) -> JSONFields {
    var changed = fields
    if place.count == 1 {
      changed[place[0]] = value
    } else {
      changed[place[0]] = .object(
        setting(Array(place.dropFirst()), to: value, in: fields[place[0]]?.object ?? JSONFields()))
    }
    return changed
  }

  func testTablesInFloat32NeedTheirSteps() throws {
    let folders = try PackedFolders()
    let source = try folders.packed(PackedFolders.scheme("LSQ_E6W2A6"), tables: .float32)
    XCTAssertNoThrow(try CheckpointModel(source))
    let bare = try folders.copy(source, as: "bare")
    try FileManager.default.removeItem(at: bare.appendingPathComponent("quantizers.safetensors"))
    assertThrows(ModelError.self, saying: ["quantizers.safetensors", "_embeddings.weight_quantizer.step"]) {
      try CheckpointModel(bare)
    }
    try Data([1, 2]).write(to: bare.appendingPathComponent("quantizers.safetensors"))
    assertThrows(CheckpointError.self, saying: ["quantizers.safetensors"]) { try CheckpointModel(bare) }
  }

  /// Seeded mutations of headers, tensors and configurations are read or refused, in bounds of memory.
  func testTheReaderBearsMutations() throws {
    let folders = try PackedFolders()
    let inputs = ProcessInfo.processInfo.environment["PALIER_FUZZ_INPUTS"].flatMap { Int($0) } ?? 300
    var numbers = SeededNumbers(seed: 11)
    var refused = 0
    for (name, variants) in [
      ("LSQ_E6W3A6", ["activations.offset": "integer"]), ("BitNet_E6W1.58A6", ["heads.weights": "4"]),
    ] {
      let source = try folders.packed(PackedFolders.scheme(name, variants), as: name)
      let url = try folders.copy(source, as: name + "-mutated")
      for file in ["model.safetensors", "config.json"] {
        let place = url.appendingPathComponent(file)
        let original = [UInt8](try Data(contentsOf: place))
        let header =
          file == "config.json"
          ? original.count
          : original.withUnsafeBytes {
            8 + Int($0.loadUnaligned(as: UInt64.self))
          }
        for _ in 0..<inputs {
          var bytes = original
          for _ in 0..<1 + numbers.below(3) { HostilePackedTests.mutate(&bytes, header: header, &numbers) }
          try Data(bytes).write(to: place)
          do { _ = try CheckpointModel(url, trains: false) } catch {
            refused += 1
            let text = "\(error)"
            XCTAssertFalse(text.contains("\n"), text)
            XCTAssertTrue(
              error is ModelError || error is CheckpointError || error is FileError || error is QuantizationError, text)
          }
        }
        try Data(original).write(to: place)
      }
    }
    XCTAssertGreaterThan(refused, inputs, "hardly any mutation was noticed")
  }

  private static func mutate(_ bytes: inout [UInt8], header: Int, _ numbers: inout SeededNumbers) {
    // Nine of ten in the header, where a byte means most.
    let place = numbers.below(numbers.below(10) == 0 ? bytes.count : min(header, bytes.count))
    switch numbers.below(5) {
    case 0: bytes[place] ^= 1 << UInt8(numbers.below(8))
    case 1: bytes[place] = UInt8(numbers.below(256))
    case 2: bytes[place] = UInt8(ascii: "0") + UInt8(numbers.below(10))
    case 3:
      let tokens = ["99999999999999", "-1", "1e999", "null", "{}", "I64", "F32", "pack", "true"]
      for (i, byte) in tokens[numbers.below(tokens.count)].utf8.enumerated() where place + i < bytes.count {
        bytes[place + i] = byte
      }
    default:
      if numbers.below(6) == 0 { bytes.removeLast(min(bytes.count - 1, 1 + numbers.below(bytes.count))) }
    }
  }
}
