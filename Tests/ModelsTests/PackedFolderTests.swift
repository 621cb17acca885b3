import Base
import Checkpoints
import Compute
import Encoder
import Foundation
import Models
import Quantization
import TestSupport
import Training
import Verification
import XCTest

/// What a packed folder holds, and that a model read from it computes the bits of its checkpoint.
final class PackedFolderTests: XCTestCase {
  private let tagger = Head.tokenClassification(labelCount: 3)
  private let language = Head.maskedLanguageModel(tied: true)

  /// Schemes and variants: the paper's, and each grid that has a packed form.
  private func cases() throws -> [(name: String, scheme: Scheme)] {
    let paper = Scheme.paper.filter(\.isQuantized)
    let variants: [(String, [String: String], [String])] = [
      ("LSQ_E2W2A2", ["weights.granularity": "row", "embeddings.granularity": "row"], []),
      ("LSQ_E2W2A2", ["weights.grid": "symmetric"], []),
      ("LSQ_E4W7A8", ["weights.grid": "symmetric", "weights.granularity": "row"], []),
      ("LSQplus_E4W4A4", ["activations.offset": "integer"], []),
      ("LSQ_E3W5A8", ["activations.offset": "integer", "heads.weights": "3"], []),
      ("LSQ_E6W2A6", ["heads.weights": "8", "weights.granularity": "row"], []),
      ("BitNet_E6W1.58A6", ["weights.granularity": "row", "heads.weights": "4"], []),
      ("LSQ_E4W4A4", [:], ["first", "*.value", "embeddings.position_embeddings"]),
      ("BitNet_E6W1.58A6", [:], ["*.output.dense"]),
      ("LSQ_E8W32A8", [:], []), ("LSQ_E32W4A32", [:], []),
    ]
    return paper.map { ($0.name, $0) }
      + (try variants.map { name, grids, exclude in
        let scheme = try PackedFolders.scheme(name, grids, exclude: exclude)
        return (scheme.title, scheme)
      })
  }

  private func precisions(_ scheme: Scheme) throws -> [Precision] {
    let automatic = try ComputePlan.products(
      forward: .automatic, backward: .fixed(.float), attention: .automatic, head: .automatic, scheme: scheme,
      features: .current
    ).0
    return [automatic, .float32]
  }

  func testLogitsAreTheCheckpointsToTheBit() throws {
    let folders = try PackedFolders()
    let drawn = DrawnSequences.make(8, vocabularySize: 61, longest: 32, seed: 3)
    for (name, scheme) in try cases() {
      for (head, word) in [(tagger, "tagger"), (language, "tied"), (.maskedLanguageModel(tied: false), "untied")] {
        for tables in head == tagger ? PackedExport.Tables.allCases : [.packed] {
          let place = "\(name) \(word) \(tables)".replacing(/[^A-Za-z0-9]+/, with: "-")
          let checkpoint = try folders.checkpoint(place, scheme, head)
          let packed = folders.folder.file(place + "-packed")
          let report = try PackedExport.write(checkpoint, to: packed, tables: tables)
          for precision in try precisions(scheme) {
            let comparison = try PackedComparison(packed: packed, checkpoint: checkpoint, precision: precision)
            let outcome = try comparison.run(drawn, threads: [1, 3])
            XCTAssertEqual(outcome.digest, report.digest, place)
            XCTAssertEqual(outcome.passCount, 6)
          }
          try FileManager.default.removeItem(at: checkpoint)
          try FileManager.default.removeItem(at: packed)
        }
      }
    }
  }

  /// A tagger takes codes as they are stored and looks rows of its tables up in packed form: the logits are those of the
  /// checkpoint's weights, quantized.
  func testATaggersLogitsAreThoseOfQuantizedWeightsToTheBit() throws {
    let folders = try PackedFolders()
    let drawn = DrawnSequences.make(6, vocabularySize: 61, longest: 32, seed: 5)
    let before = Threads.count
    defer { Threads.use(before) }
    for (name, scheme) in try cases() {
      let place = name.replacing(/[^A-Za-z0-9]+/, with: "-")
      let checkpoint = try folders.checkpoint(place, scheme, tagger)
      for tables in PackedExport.Tables.allCases {
        let packed = folders.folder.file("\(place)-\(tables)")
        _ = try PackedExport.write(checkpoint, to: packed, tables: tables)
        for precision in try precisions(scheme) {
          let original = try CheckpointModel(checkpoint, precision: precision, trains: false).model
          original.prepareStep()
          for threads in [1, 3] {
            Threads.use(threads)
            let opened = try TaggingModel(packed) { _ in precision }.model
            let shared = EncoderModel(sharingWeightsOf: opened)
            for slice in [drawn[..<1], drawn[1...], drawn[...]] {
              let input = SliceInput(
                ids: slice.flatMap { $0 }, lengths: slice.map(\.count), labels: slice.flatMap { $0.map { _ in 0 } })
              let expected = try original.logitsOfLabelledTokens(original.forwardToLoss(input)).map(\.bitPattern)
              for model in [opened, shared] {
                XCTAssertEqual(
                  try model.logitsOfLabelledTokens(model.forwardToLoss(input)).map(\.bitPattern), expected,
                  "\(name), tables \(tables), \(threads) threads")
              }
            }
          }
        }
      }
    }
  }

  /// The comparison sees one code that differs, and one step.
  func testTheComparisonSeesADifference() throws {
    let folders = try PackedFolders()
    let scheme = try PackedFolders.scheme("LSQ_E4W4A4")
    let checkpoint = try folders.checkpoint("checkpoint", scheme, tagger)
    let packed = folders.folder.file("packed")
    _ = try PackedExport.write(checkpoint, to: packed)
    let drawn = DrawnSequences.make(4, vocabularySize: 61, longest: 32, seed: 3)
    let name = "roberta.encoder.layer.1.output.dense"
    let code = try folders.copy(packed, as: "code", tensors: { $0[name + ".weight_packed"]?.bytes[0] ^= 1 })
    assertThrows(VerificationError.self, saying: ["codes are not the same"]) {
      try PackedComparison(packed: code, checkpoint: checkpoint, precision: .float32).run(drawn, threads: [1])
    }
    let scale = try folders.copy(packed, as: "scale", tensors: { $0[name + ".weight_scale"]?.bytes[0] ^= 1 })
    assertThrows(VerificationError.self, saying: ["logits differ, first at sequence 1, token", "thread"]) {
      try PackedComparison(packed: scale, checkpoint: checkpoint, precision: .float32).run(drawn, threads: [1])
    }
    assertThrows(VerificationError.self, saying: ["no packed folder"]) {
      try PackedComparison(packed: checkpoint, checkpoint: checkpoint, precision: .float32)
    }
  }

  func testPackingAPackedFolderGivesTheSameBytes() throws {
    let folders = try PackedFolders()
    for name in ["LSQ_E6W2A6", "BitNet_E6W1.58A6"] {
      let first = try folders.packed(
        PackedFolders.scheme(name, ["heads.weights": "4"]), head: language, as: "first-" + name)
      let second = folders.folder.file("second-" + name)
      _ = try PackedExport.write(first, to: second)
      for file in ["model.safetensors", "config.json"] {
        XCTAssertEqual(
          try Data(contentsOf: first.appendingPathComponent(file)),
          try Data(contentsOf: second.appendingPathComponent(file)),
          name)
      }
    }
  }

  /// Codes at exactly their bits; the rest of the file is the safetensors header.
  func testBytesAreThoseOfTheArithmetic() throws {
    let folders = try PackedFolders()
    for (name, scheme) in try cases() {
      let url = folders.folder.file(name.replacing(/[^A-Za-z0-9]+/, with: "-"))
      let sizes = try PackedExport.write(folders.checkpoint(url.lastPathComponent + "-c", scheme, tagger), to: url)
        .sizes
      for part in sizes.parts {
        guard let bits = part.bits else { continue }
        // A row of 24 or 40 codes ends inside a word.
        XCTAssertEqual(part.arithmetic, Double(part.count * bits) / 8)
        XCTAssertGreaterThanOrEqual(Double(part.byteCount), part.arithmetic)
        XCTAssertLessThan(Double(part.byteCount), 2.3 * part.arithmetic, "\(name): \(part.name)")
      }
      let total = sizes.parts.reduce(0) { $0 + $1.byteCount }
      let header = ["model.safetensors", "quantizers.safetensors"].reduce(0) { sum, file in
        guard let data = try? Data(contentsOf: url.appendingPathComponent(file)) else { return sum }
        return sum + 8 + data.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
      }
      let others = try? SafetensorsFile(url.appendingPathComponent("quantizers.safetensors")).tensors.values.reduce(0) {
        $0 + 4 * $1.elementCount
      }
      XCTAssertEqual(sizes.byteCount, total + header + (others ?? 0), name)
    }
  }

  /// Rows of whole words: codes, float32 rest and scales come to within 1 % of the arithmetic.
  func testAModelOfWholeWordsIsWithinAHundredthOfTheArithmetic() throws {
    let folders = try PackedFolders()
    var config = HuggingFaceConfig(
      hiddenSize: 256, layerCount: 1, headCount: 4, intermediateSize: 1_024, vocabularySize: 9_000, positionCount: 130)
    config.labels = PackedFolders.labels
    for scheme in Scheme.paper where scheme.isQuantized {
      let model = try EncoderModel(
        dimensions: ModelCheckpointIO.dimensions(config), scheme: scheme, head: tagger, precision: .float32)
      for parameter in model.layout.parameters where parameter.kind != .stepSize {
        ModelCheckpointIO.draw(parameter, model, seed: 1, range: 0.05)
      }
      let source = folders.folder.file(scheme.name)
      try HuggingFaceFolder.write(
        to: source,
        config: ModelCheckpointIO.config(
          from: config, head: tagger, labels: config.labels, facts: PalierMetadata.fields(of: scheme)),
        tensors: ModelCheckpointIO.views(of: model), tokenizerFrom: nil)
      let sizes = try PackedExport.write(source, to: folders.folder.file(scheme.name + "-packed")).sizes
      XCTAssertEqual(Double(sizes.byteCount) / sizes.arithmetic, 1, accuracy: 0.01, scheme.name)
      let rest = 4 * (11 * 256 + 1_024 + 3 * 257)
      let (tables, matrices) = (256 * (9_000 + 130 + 1), 12 * 256 * 256)
      let bits = scheme.embeddings.storedBits * tables + scheme.weights.storedBits * matrices
      XCTAssertEqual(Double(sizes.byteCount) / Double(bits / 8 + rest), 1, accuracy: 0.01, scheme.name)
    }
  }

  func testWhatHasNoPackedFormIsRefusedInALine() throws {
    let folders = try PackedFolders()
    for (name, variants, said) in [
      ("fp32", [:], ["fp32", "no codes"]), ("LSQplus_E2W2A2", [:], ["activations.offset: integer"]),
      ("LSQ_E4W8A8", ["weights.grid": "symmetric"], ["9 bits", "at 7 bits"]),
    ] as [(String, [String: String], [String])] {
      let scheme = try PackedFolders.scheme(name, variants)
      let source = try folders.checkpoint(name, scheme, tagger)
      let out = folders.folder.file(name + "-packed")
      assertThrows(ModelError.self, saying: [source.path] + said) { try PackedExport.write(source, to: out) }
      XCTAssertFalse(FileManager.default.fileExists(atPath: out.path))
    }
    let wide = try folders.checkpoint(
      "wide", PackedFolders.scheme("LSQplus_E4W4A8", ["activations.offset": "integer"]), tagger)
    let site = "roberta.encoder.layer.1.output.dense.input_quantizer.offset"
    let moved = try folders.copy(wide, as: "moved", tensors: { $0[site] = .floats([-900], shape: []) })
    assertThrows(ModelError.self, saying: ["zero point", "-128 to 127"]) {
      try PackedExport.write(moved, to: folders.folder.file("out"))
    }
  }

  func testWhatOtherProgramsReadOtherwiseIsNamed() throws {
    let folders = try PackedFolders()
    func sites(_ name: String, exclude: [String] = []) throws -> [String] {
      let scheme = try PackedFolders.scheme(name, exclude: exclude)
      let place = name + exclude.joined().replacing(/[^a-z]/, with: "")
      return try PackedExport.write(
        folders.checkpoint(place, scheme, tagger), to: folders.folder.file(place + "-packed")
      ).unequalSites
    }
    XCTAssertEqual(try sites("LSQ_E4W4A4"), [])
    XCTAssertEqual(try sites("BitNet_E6W1.58A6").count, 8)
    XCTAssertEqual(
      try sites("LSQ_E4W4A4", exclude: ["encoder.layer.1.attention.self.value"]),
      ["roberta.encoder.layer.1.attention.self.input_quantizer"])
    let config = try HuggingFaceConfig(readingFileAt: folders.folder.file("BitNet_E6W1.58A6-packed/config.json"))
    XCTAssertEqual(
      config.fields["palier"]?.object?["packed"]?.object?["activations_unequal_elsewhere"]?.array?.count, 8)
  }

  /// What a run writes that started from a packed folder is not packed, and says nothing of it.
  func testTheConfigurationOfAPackedFolderIsThatOfItsModel() throws {
    let folders = try PackedFolders()
    let url = try folders.packed(PackedFolders.scheme("LSQ_E4W4A4"))
    let opened = try HuggingFaceFolder.reading(url)
    XCTAssertNil(opened.config.fields["quantization_config"])
    XCTAssertEqual(opened.config.labels, PackedFolders.labels)
    XCTAssertEqual(try PalierMetadata(opened.config).scheme.name, "LSQ_E4W4A4")
    XCTAssertEqual(try PalierMetadata(opened.config).globalStep, 7)
  }

  /// The exported values of a packed ternary folder are those of its checkpoint.
  func testExportsOfBothFormsAreTheSame() throws {
    let folders = try PackedFolders()
    let scheme = try PackedFolders.scheme("BitNet_E6W1.58A6", ["heads.weights": "4"])
    let checkpoint = try folders.checkpoint("c", scheme, language)
    _ = try PackedExport.write(checkpoint, to: folders.folder.file("p"))
    for name in ["c", "p"] {
      _ = try DequantizedExport.write(folders.folder.file(name), to: folders.folder.file("export-" + name))
    }
    XCTAssertEqual(
      try Data(contentsOf: folders.folder.file("export-c/model.safetensors")),
      try Data(contentsOf: folders.folder.file("export-p/model.safetensors")))
  }

  /// `quantization.reset_steps: reload` measures steps on weights, and a packed folder has their codes alone.
  func testStepsOfAPackedFolderAreNotMeasuredAnew() throws {
    let folders = try PackedFolders()
    var scheme = try PackedFolders.scheme("LSQ_E4W4A4")
    scheme.resetSteps = .reload
    let url = try folders.packed(scheme)
    let opened = try CheckpointModel(url)
    XCTAssertEqual(opened.report.initialisedSteps, [], "opened as it is")
    assertThrows(ModelError.self, saying: ["is packed", "reset_steps"]) {
      try ModelCheckpointIO.load(opened.folder, into: opened.model, seed: 0, range: 0, drawsHead: false)
    }
  }
}
