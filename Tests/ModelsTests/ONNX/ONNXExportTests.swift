import Base
import Checkpoints
import Compute
import Encoder
import Foundation
import Models
import Quantization
import TestSupport
import Training
import XCTest

/// What an exported ONNX model holds, and that its operators, run one by one, give the checkpoint's logits.
final class ONNXExportTests: XCTestCase {
  private let tagger = Head.tokenClassification(labelCount: 3)

  /// Schemes, variants and what is left in float32.
  private func cases() throws -> [(name: String, scheme: Scheme)] {
    let variants: [(String, [String: String], [String])] = [
      ("LSQ_E2W2A2", ["weights.granularity": "row", "embeddings.granularity": "row"], []),
      ("LSQ_E2W2A2", ["weights.grid": "symmetric"], []),
      ("LSQ_E4W7A8", ["weights.grid": "symmetric", "weights.granularity": "row"], []),
      ("LSQ_E4W8A8", ["weights.grid": "symmetric"], []),
      ("LSQ_E5W3A7", [:], []),
      ("LSQplus_E4W4A4", ["activations.offset": "integer"], []),
      ("LSQ_E3W5A8", ["activations.offset": "integer", "heads.weights": "3"], []),
      ("LSQ_E6W2A6", ["heads.weights": "8", "weights.granularity": "row"], []),
      ("BitNet_E6W1.58A6", ["weights.granularity": "row", "heads.weights": "4"], []),
      ("BitNet_E8W1.58A8", [:], []),
      ("LSQ_E4W4A4", [:], ["first", "*.value", "embeddings.position_embeddings"]),
      ("BitNet_E6W1.58A6", [:], ["*.output.dense"]),
      ("LSQ_E8W32A8", [:], []), ("LSQ_E32W4A32", [:], []),
    ]
    let paper = Scheme.paper.filter { !$0.rulesRealOffset }
    return paper.map { ($0.name, $0) }
      + (try variants.map { name, grids, exclude in
        let scheme = try PackedFolders.scheme(name, grids, exclude: exclude)
        return (scheme.title, scheme)
      })
  }

  /// Padded to the longest: tokens, and 1 where they are real.
  private func batch(_ sequences: [[Int]], pad: Int) -> (ids: [[Int]], mask: [[Int]]) {
    let longest = sequences.map(\.count).max() ?? 0
    return (
      sequences.map { $0 + [Int](repeating: pad, count: longest - $0.count) },
      sequences.map { [Int](repeating: 1, count: $0.count) + [Int](repeating: 0, count: longest - $0.count) }
    )
  }

  private func expected(_ checkpoint: URL, _ sequences: [[Int]]) throws -> [Float] {
    let model = try CheckpointModel(checkpoint, trains: false).model
    model.prepareStep()
    let ids = sequences.joined().map { Int32($0) }
    let trace = try model.forward(
      SliceInput(ids: ids, lengths: sequences.map(\.count), labels: [Int32](repeating: -100, count: ids.count)))
    return model.logits(ofTokens: Array(0..<ids.count), trace)
  }

  func testTheOperatorsGiveTheCheckpointsLogitsInABatchWithPadding() throws {
    let folders = try PackedFolders()
    var numbers = SeededNumbers(seed: 8)
    let sequences = [3, 9, 6].map { length in
      [5] + (0..<length).map { _ in 7 + numbers.below(50) } + [6]
    }
    let (ids, mask) = batch(sequences, pad: folders.config.padTokenID)
    for (name, scheme) in try cases() {
      for (head, word) in [
        (tagger, "tagger"), (Head.maskedLanguageModel(tied: true), "tied"),
        (.maskedLanguageModel(tied: false), "untied"),
      ] {
        let place = "\(name) \(word)".replacing(/[^A-Za-z0-9]+/, with: "-")
        let checkpoint = try folders.checkpoint(place, scheme, head)
        let file = folders.folder.file(place + ".onnx")
        let report = try ONNXExport.write(checkpoint, to: file)
        XCTAssertEqual(report.byteCount, try Data(contentsOf: file).count)
        let model = try ONNXModel(file)
        XCTAssertEqual(report.nodeCount, model.nodes.count)
        var interpreter = ONNXInterpreter(model)
        let found = try interpreter.run(ids: ids, mask: mask)
        let classes = found.shape[2]
        XCTAssertEqual(found.shape, [3, 11, head == tagger ? 3 : 61])
        var real: [Float] = []
        for (row, sequence) in sequences.enumerated() {
          real += found.values[row * 11 * classes..<(row * 11 + sequence.count) * classes]
        }
        let wanted = try expected(checkpoint, sequences)
        let largest = wanted.map(abs).max() ?? 0
        let worst = zip(real, wanted).map { abs($0 - $1) }.max() ?? .infinity
        XCTAssertLessThan(worst / largest, 2e-5, place)
        for url in [checkpoint, file] { try FileManager.default.removeItem(at: url) }
      }
    }
  }

  func testInputsOutputsAndMetadataAreWhatIsDocumented() throws {
    let folders = try PackedFolders()
    let scheme = try PackedFolders.scheme("LSQ_E4W4A4")
    let checkpoint = try folders.checkpoint("checkpoint", scheme, tagger)
    let file = folders.folder.file("model.onnx")
    let report = try ONNXExport.write(checkpoint, to: file)
    let model = try ONNXModel(file)
    let sizes = ["batch", "sequence"]
    XCTAssertEqual(
      model.inputs, ["input_ids", "attention_mask"].map { ONNXModel.Value(name: $0, type: 7, sizes: sizes) })
    XCTAssertEqual(model.outputs, [ONNXModel.Value(name: "logits", type: 1, sizes: sizes + ["3"])])
    XCTAssertEqual(model.irVersion, 8)
    XCTAssertEqual(model.opset, 17)
    XCTAssertEqual(model.producer, "Palier")
    XCTAssertEqual(model.metadata["scheme"], "LSQ_E4W4A4")
    XCTAssertEqual(model.metadata["id2label"], #"{"0":"O","1":"B-DISO","2":"I-DISO"}"#)
    XCTAssertEqual(model.metadata["longest_sequence"], "32")
    XCTAssertEqual(model.metadata["codes_sha256"], report.digest?.sha256)
    XCTAssertEqual(report.digest, CodeDigest(of: try CheckpointModel(checkpoint).model))
    XCTAssertEqual(report.scheme, scheme)
  }

  /// Matrices are the codes of the quantizers, int8, inputs by outputs; nothing of them is there in float32.
  func testInitializersAreTheCodes() throws {
    let folders = try PackedFolders()
    for (name, grids) in [
      ("LSQ_E4W4A4", [:]), ("LSQ_E6W2A6", ["weights.grid": "symmetric", "weights.granularity": "row"]),
      ("BitNet_E6W1.58A6", [:]),
    ] as [(String, [String: String])] {
      let checkpoint = try folders.checkpoint(name, PackedFolders.scheme(name, grids), tagger)
      let file = folders.folder.file(name + ".onnx")
      _ = try ONNXExport.write(checkpoint, to: file)
      let written = try ONNXModel(file)
      let model = try CheckpointModel(checkpoint, trains: false).model
      model.setLevelScales()
      XCTAssertEqual(model.quantizedMatrices.count, 15)
      for matrix in model.quantizedMatrices {
        let (rows, columns) = (matrix.weight.shape[0], matrix.weight.shape[1])
        let isTable = matrix.name.contains("embeddings")
        let tensor = try XCTUnwrap(written.tensors[matrix.name + "_codes"], matrix.name)
        XCTAssertNil(written.tensors[matrix.name])
        XCTAssertEqual(tensor.type, 3)
        XCTAssertEqual(tensor.shape, isTable ? [rows, columns] : [columns, rows])
        let codes = tensor.signedBytes
        var levels = [Float](repeating: 0, count: columns)
        for row in 0..<rows {
          matrix.quantizer(row).levels(
            model.parameters.pointer + matrix.weight.start + row * columns, into: &levels, columns)
          let found = (0..<columns).map { Float(codes[isTable ? row * columns + $0 : $0 * rows + row]) }
          XCTAssertEqual(found, levels, "\(matrix.name), row \(row)")
        }
      }
      XCTAssertEqual(written.operations("MatMulInteger").count, 12)
      // Scores and values of each layer's attention, and the classifier.
      XCTAssertEqual(written.operations("MatMul").count, 5)
    }
  }

  /// A site's operators, by the kind of its rule.
  func testActivationsBecomeCodesByTheDocumentedOperators() throws {
    let folders = try PackedFolders()
    func operators(_ name: String, _ grids: [String: String] = [:]) throws -> [String] {
      let checkpoint = try folders.checkpoint(name, PackedFolders.scheme(name, grids), tagger)
      let file = folders.folder.file(name + ".onnx")
      _ = try ONNXExport.write(checkpoint, to: file)
      let site = "roberta.encoder.layer.0.intermediate.dense.input_quantizer/"
      return try ONNXModel(file).nodes.filter { $0.output.hasPrefix(site) }.map(\.operation)
    }
    XCTAssertEqual(try operators("LSQ_E8W8A8"), ["QuantizeLinear"])
    XCTAssertEqual(try operators("LSQ_E4W4A4"), ["QuantizeLinear", "Clip"])
    XCTAssertEqual(
      try operators("LSQplus_E4W4A4", ["activations.offset": "integer"]),
      ["Div", "Clip", "Add", "Round", "Add", "Cast"])
    XCTAssertEqual(
      try operators("BitNet_E6W1.58A6"),
      ["Abs", "ReduceMax", "Max", "Div", "Mul", "Clip", "Round", "Add", "Cast"])
    XCTAssertEqual(try operators("fp32"), [])
  }

  /// onnxruntime 1.31 fuses MatMulInteger, Cast and Mul with a Mul of two scales, and multiplies the bias by the token's.
  func testNoProductIsScaledByAProductOfScales() throws {
    let folders = try PackedFolders()
    let checkpoint = try folders.checkpoint("checkpoint", PackedFolders.scheme("BitNet_E6W1.58A6"), tagger)
    let file = folders.folder.file("model.onnx")
    _ = try ONNXExport.write(checkpoint, to: file)
    let model = try ONNXModel(file)
    let made = Dictionary(model.nodes.map { ($0.output, $0) }, uniquingKeysWith: { first, _ in first })
    let scaled = model.operations("Mul").filter { $0.inputs.contains { $0.hasSuffix("/MatMulInteger/Cast") } }
    XCTAssertEqual(scaled.count, 12)
    for node in scaled { XCTAssertFalse(node.inputs.contains { made[$0]?.operation == "Mul" }, node.output) }
  }

  func testAPackedFolderGivesTheSameFile() throws {
    let folders = try PackedFolders()
    for name in ["LSQ_E6W2A6", "BitNet_E6W1.58A6"] {
      let checkpoint = try folders.checkpoint(name, PackedFolders.scheme(name), tagger)
      let packed = folders.folder.file(name + "-packed")
      _ = try PackedExport.write(checkpoint, to: packed)
      let files = [folders.folder.file(name + "-a.onnx"), folders.folder.file(name + "-b.onnx")]
      _ = try ONNXExport.write(checkpoint, to: files[0])
      _ = try ONNXExport.write(packed, to: files[1])
      XCTAssertEqual(try Data(contentsOf: files[0]), try Data(contentsOf: files[1]), name)
    }
  }

  func testWhatCannotBeExpressedIsRefusedInALineAndLeavesNothing() throws {
    let folders = try PackedFolders()
    let out = folders.folder.file("out.onnx")
    let real = try folders.checkpoint("real", PackedFolders.scheme("LSQplus_E2W2A2"), tagger)
    assertThrows(ONNXError.self, saying: [real.path, "LSQplus_E2W2A2", "activations.offset: integer"]) {
      try ONNXExport.write(real, to: out)
    }
    let bare = try folders.checkpoint("bare", PackedFolders.scheme("LSQ_E4W4A4"), .none)
    assertThrows(ONNXError.self, saying: [bare.path, "no head"]) { try ONNXExport.write(bare, to: out) }
    let integer = try folders.checkpoint(
      "integer", PackedFolders.scheme("LSQplus_E4W4A8", ["activations.offset": "integer"]), tagger)
    let site = "roberta.encoder.layer.1.output.dense.input_quantizer"
    let moved = try folders.copy(integer, as: "moved", tensors: { $0[site + ".offset"] = .floats([-900], shape: []) })
    assertThrows(ONNXError.self, saying: [site, "-128 to 127"]) { try ONNXExport.write(moved, to: out) }
    let lacking = try folders.copy(integer, as: "lacking", tensors: { $0[site + ".step"] = nil })
    assertThrows(ModelError.self, saying: [site + ".step", "missing"]) { try ONNXExport.write(lacking, to: out) }
    XCTAssertEqual(
      try FileManager.default.contentsOfDirectory(atPath: folders.folder.url.path).filter { $0.contains("onnx") }, [])
  }
}

extension Scheme {
  /// LSQ+ as published, which no integer operator expresses.
  fileprivate var rulesRealOffset: Bool { activations.offset == .real }
}
