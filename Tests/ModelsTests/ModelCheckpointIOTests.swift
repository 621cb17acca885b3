import Base
import Checkpoints
import Configuration
import Encoder
import Foundation
import Models
import Quantization
import TestSupport
import Training
import XCTest

/// What a model takes from a checkpoint, and what it leaves.
final class ModelCheckpointIOTests: XCTestCase {
  private let config = HuggingFaceConfig(
    hiddenSize: 8, layerCount: 2, headCount: 2, intermediateSize: 12, vocabularySize: 17, positionCount: 14)

  private func model(
    _ name: String, _ head: Head = .maskedLanguageModel(tied: true), _ config: HuggingFaceConfig? = nil,
    exclude: [String] = [], resets: Bool = false
  ) throws -> EncoderModel {
    var scheme = try Scheme(parsing: name)
    (scheme.exclude, scheme.resetSteps) = (exclude, resets ? .reload : .never)
    return try EncoderModel(
      dimensions: ModelCheckpointIO.dimensions(config ?? self.config), scheme: scheme, head: head, precision: .float32)
  }

  /// A folder with the model's tensors, random but for steps, which are all 0.125, and offsets, 0.5.
  private func write(
    _ model: EncoderModel, facts: JSONFields?, to url: URL, layers: Int? = nil, dropping: [String] = []
  ) throws {
    var numbers = SeededNumbers(seed: 4)
    for parameter in model.layout.parameters {
      for i in parameter.range {
        switch parameter.kind {
        case .stepSize: model.parameters[i] = 0.125
        case .offset: model.parameters[i] = 0.5
        default: model.parameters[i] = Float(0.3 * numbers.normal())
        }
      }
    }
    var config = ModelCheckpointIO.config(from: config, head: model.head, labels: nil, facts: facts ?? [:])
    if facts == nil { config.fields[ModelCheckpointIO.palierSection] = nil }
    config.layerCount = layers ?? config.layerCount
    try HuggingFaceFolder.write(
      to: url, config: config,
      tensors: ModelCheckpointIO.views(of: model).filter { !dropping.contains($0.description.name) }, tokenizerFrom: nil
    )
  }

  private func load(_ url: URL, into model: EncoderModel, goesOn: Bool = false) throws -> ModelCheckpointIO.LoadReport {
    try ModelCheckpointIO.load(
      HuggingFaceFolder(url), into: model, seed: 1, range: 0.02, drawsHead: false, keepsFittingSteps: goesOn)
  }

  private func value(_ name: String, _ model: EncoderModel) -> Float {
    model.parameters[model.layout.required(name).start]
  }

  // MARK: - Steps

  private let table = "roberta.embeddings.word_embeddings.weight_quantizer.step"
  private let weight = "roberta.encoder.layer.0.output.dense.weight_quantizer.step"
  private let activation = "roberta.encoder.layer.1.attention.self.input_quantizer.step"

  func testStepsOfTheSameAlgorithmAndBitsAreKept() throws {
    let folder = try TemporaryFolder()
    try write(model("LSQplus_E8W8A8"), facts: ["scheme": "LSQplus_E8W8A8"], to: folder.file("c"))
    let same = try model("LSQplus_E8W8A8")
    let report = try load(folder.file("c"), into: same)
    XCTAssertNil(report.stepLine)
    XCTAssertEqual(report.initialisedSteps, [])
    XCTAssertEqual(report.unmeasuredSites, [])
    for name in [table, weight, activation] { XCTAssertEqual(value(name, same), 0.125) }
  }

  /// Weights and tables of LSQ+ are LSQ's; its activations have offsets, and fit no other rule.
  func testStepsOfOtherBitsAreMeasuredAnewSiteBySite() throws {
    let folder = try TemporaryFolder()
    try write(model("LSQplus_E8W8A8"), facts: ["scheme": "LSQplus_E8W8A8"], to: folder.file("c"))
    let mixed = try model("LSQ_E8W2A8")
    let report = try load(folder.file("c"), into: mixed)
    XCTAssertEqual(value(table, mixed), 0.125)
    let sum = mixed.layout.required("roberta.encoder.layer.0.output.dense.weight").range.reduce(0.0) {
      $0 + Double(abs(mixed.parameters[$1]))
    }
    // 2·mean|W|/√p with p = 1 at 2 bits.
    XCTAssertEqual(Double(value(weight, mixed)), 2 * sum / Double(8 * 12), accuracy: 1e-6)
    XCTAssertEqual(report.initialisedSteps.count, 12)
    XCTAssertEqual(report.unmeasuredSites.count, 8)
    let line = try XCTUnwrap(report.stepLine)
    XCTAssertTrue(line.contains("steps of 12 weights and 8 activations are not kept"), line)
    XCTAssertTrue(line.contains("of LSQplus_E8W8A8 and not of LSQ_E8W2A8"), line)
  }

  func testALayerThatWasLeftOutIsMeasuredAndTheOthersAreKept() throws {
    let folder = try TemporaryFolder()
    let facts: JSONFields = ["scheme": "LSQ_E8W8A8", "exclude": ["last"]]
    try write(model("LSQ_E8W8A8", exclude: ["last"]), facts: facts, to: folder.file("c"))
    let whole = try model("LSQ_E8W8A8")
    let report = try load(folder.file("c"), into: whole)
    XCTAssertEqual(value(weight, whole), 0.125)
    XCTAssertEqual(report.initialisedSteps.count, 6)
    XCTAssertEqual(report.unmeasuredSites.count, 4)
    XCTAssertTrue(report.unmeasuredSites.allSatisfy { $0.contains(".layer.1.") })
    XCTAssertNil(report.stepLine, "nothing of the checkpoint was put aside")
    // And opened as it is, it is the model that was trained.
    let opened = try CheckpointModel(folder.file("c"))
    XCTAssertEqual(opened.model.scheme.exclude, ["last"])
    XCTAssertNil(opened.model.layout[activation])
    XCTAssertEqual(opened.report.initialisedSteps, [])
  }

  func testStepsWithoutAWordOnTheirSchemeAreMeasuredAnew() throws {
    let folder = try TemporaryFolder()
    try write(model("LSQ_E8W8A8"), facts: nil, to: folder.file("c"))
    let other = try model("LSQ_E8W8A8")
    let report = try load(folder.file("c"), into: other)
    XCTAssertNotEqual(value(table, other), 0.125)
    let line = try XCTUnwrap(report.stepLine)
    XCTAssertTrue(line.contains("3 tables, 12 weights and 8 activations") && line.contains("does not say"), line)
  }

  func testStepsAreSetAgainAtEveryReloadWhereAskedButARunGoesOnWithItsOwn() throws {
    let folder = try TemporaryFolder()
    let facts: JSONFields = ["scheme": "LSQ_E8W8A8", "reset_steps": "reload"]
    try write(model("LSQ_E8W8A8"), facts: facts, to: folder.file("c"))
    let start = try model("LSQ_E8W8A8", resets: true)
    let report = try load(folder.file("c"), into: start)
    XCTAssertNotEqual(value(table, start), 0.125)
    XCTAssertEqual(report.unmeasuredSites.count, 8)
    XCTAssertTrue(report.stepLine?.contains("quantization.reset_steps is reload") ?? false)
    let resumed = try model("LSQ_E8W8A8", resets: true)
    XCTAssertNil(try load(folder.file("c"), into: resumed, goesOn: true).stepLine)
    XCTAssertEqual(value(table, resumed), 0.125)
    XCTAssertEqual(try PalierMetadata(HuggingFaceFolder(folder.file("c")).config).scheme.resetSteps, .reload)
  }

  /// Two bits have four levels; a layer that is left out keeps its weights, and so does an embedding table.
  func testAnExportPutsOnTheirGridOnlyWhatIsQuantized() throws {
    let folder = try TemporaryFolder()
    let exclude = ["last", "embeddings.position_embeddings", "lm_head.decoder"]
    var scheme = try Scheme(parsing: "LSQ_E2W2A2")
    (scheme.exclude, scheme.quantizesHead) = (exclude, true)
    let trained = try EncoderModel(
      dimensions: ModelCheckpointIO.dimensions(config), scheme: scheme, head: .maskedLanguageModel(tied: true),
      precision: .float32)
    let facts: JSONFields = [
      "scheme": "LSQ_E2W2A2", "exclude": .array(exclude.map { .string($0) }), "quantized_head": true,
    ]
    try write(trained, facts: facts, to: folder.file("c"))
    let count = try DequantizedExport.write(folder.file("c"), to: folder.file("plain"))
    XCTAssertEqual(count, 2 + 6 + 1, "two tables, one layer's matrices and the head's dense")
    let before = try HuggingFaceFolder(folder.file("c")).weights
    let after = try HuggingFaceFolder(folder.file("plain")).weights
    for layer in 0..<2 {
      for name in ["attention.self.value", "attention.output.dense", "intermediate.dense", "output.dense"] {
        let tensor = "roberta.encoder.layer.\(layer).\(name).weight"
        let levels = Set(try after.floats(tensor))
        if layer == 0 { XCTAssertTrue(levels.isSubset(of: [-0.25, -0.125, 0, 0.125]), tensor) }
        if layer == 1 { XCTAssertEqual(try after.floats(tensor), try before.floats(tensor), tensor) }
      }
    }
    let positions = "roberta.embeddings.position_embeddings.weight"
    XCTAssertEqual(try after.floats(positions), try before.floats(positions))
    let words = "roberta.embeddings.word_embeddings.weight"
    XCTAssertEqual(try after.floats("lm_head.decoder.weight"), try before.floats(words))
    XCTAssertLessThanOrEqual(Set(try after.floats("lm_head.dense.weight")).count, 4)
    XCTAssertGreaterThan(Set(try before.floats("lm_head.dense.weight")).count, 4)
  }

  // MARK: - Grids

  private let variants: [(SchemeVariant, String)] = [
    (.weightGranularity, "row"), (.weightGrid, "symmetric"), (.embeddingGranularity, "row"),
    (.activationOffset, "integer"),
  ]

  private func varied(_ name: String, _ variants: [(SchemeVariant, String)]) throws -> Scheme {
    var scheme = try Scheme(parsing: name)
    for (variant, value) in variants { try scheme.set(variant, to: value) }
    return scheme
  }

  private func model(_ scheme: Scheme) throws -> EncoderModel {
    try EncoderModel(
      dimensions: ModelCheckpointIO.dimensions(config), scheme: scheme, head: .maskedLanguageModel(tied: true),
      precision: .float32)
  }

  func testGridsAreNotedAndReadBack() throws {
    for name in ["LSQplus_E4W2A4", "LSQ_E8W8A8", "BitNet_E6W1.58A6"] {
      for count in 0...variants.count {
        guard name != "BitNet_E6W1.58A6" || count < 2 else { continue }
        var scheme = try varied(name, Array(variants.prefix(count)))
        scheme.initialSteps = count % 2 == 0 ? .mean : .mse
        var config = config
        config.fields[ModelCheckpointIO.palierSection] = .object(PalierMetadata.fields(of: scheme))
        XCTAssertEqual(try PalierMetadata(config).scheme, scheme)
      }
    }
  }

  func testAnOlderCheckpointsGammaIsTheRows() throws {
    var config = config
    config.fields[ModelCheckpointIO.palierSection] = ["scheme": "BitNet_E6W1.58A6", "bitnet_gamma": "row"]
    XCTAssertEqual(try PalierMetadata(config).scheme.weights, .absoluteMean(granularity: .row))
    config.fields[ModelCheckpointIO.palierSection] = ["scheme": "LSQ_E4W4A4", "bitnet_gamma": "row"]
    XCTAssertEqual(try PalierMetadata(config).scheme.weights, .lsq(bits: 4))
  }

  func testAGridThatThisVersionDoesNotKnowIsRefused() throws {
    var config = config
    config.fields[ModelCheckpointIO.palierSection] = ["scheme": "LSQ_E4W4A4", "grids": ["weights.grid": "hexagonal"]]
    assertThrows(QuantizationError.self, saying: ["weights.grid", "hexagonal"]) { try PalierMetadata(config) }
  }

  /// A vector of steps comes back as it went; at another granularity all are measured anew.
  func testStepsOfRowsAreKeptAsRowsAndElseMeasuredAnew() throws {
    let folder = try TemporaryFolder()
    let scheme = try varied("LSQplus_E8W2A8", variants)
    try write(model(scheme), facts: PalierMetadata.fields(of: scheme), to: folder.file("c"))
    let stored = try HuggingFaceFolder(folder.file("c")).weights.tensors
    XCTAssertEqual(stored[table]?.shape, [config.vocabularySize])
    XCTAssertEqual(stored[weight]?.shape, [config.hiddenSize])
    XCTAssertEqual(stored[activation]?.shape, [])
    let opened = try CheckpointModel(folder.file("c"))
    XCTAssertEqual(opened.model.scheme, scheme)
    XCTAssertEqual(opened.report.initialisedSteps, [])
    XCTAssertEqual(opened.report.unmeasuredSites, [])
    XCTAssertTrue(
      opened.model.values(of: opened.model.layout.required(weight)).allSatisfy { $0 == 0.125 }, "every row's")

    let whole = try model("LSQplus_E8W2A8")
    let report = try load(folder.file("c"), into: whole)
    XCTAssertNotEqual(value(weight, whole), 0.125)
    XCTAssertEqual(report.initialisedSteps.count, 3 + 12)
    XCTAssertEqual(report.unmeasuredSites.count, 8)
    let line = try XCTUnwrap(report.stepLine)
    XCTAssertTrue(line.contains("weights.granularity row") && line.contains("not of LSQplus_E8W2A8:"), line)
  }

  /// A file whose steps are not those that its config.json says.
  func testStepsOfAnotherShapeAreRefusedByName() throws {
    let folder = try TemporaryFolder()
    let rows = try varied("LSQ_E8W2A8", [(.weightGranularity, "row")])
    try write(model("LSQ_E8W2A8"), facts: PalierMetadata.fields(of: rows), to: folder.file("c"))
    assertThrows(ModelError.self, saying: ["weight_quantizer.step has shape []", "config.json says [8]"]) {
      try CheckpointModel(folder.file("c"))
    }
    try write(model(rows), facts: ["scheme": "LSQ_E8W2A8"], to: folder.file("d"))
    assertThrows(ModelError.self, saying: ["weight_quantizer.step has shape [8]", "config.json says []"]) {
      try CheckpointModel(folder.file("d"))
    }
  }

  /// 0.125·(±½, ±1½) for every row, and what the model computes with.
  func testAnExportOfTheSymmetricGridHasNoZero() throws {
    let folder = try TemporaryFolder()
    let scheme = try varied("LSQ_E2W2A2", [(.weightGranularity, "row"), (.weightGrid, "symmetric")])
    try write(model(scheme), facts: PalierMetadata.fields(of: scheme), to: folder.file("c"))
    _ = try DequantizedExport.write(folder.file("c"), to: folder.file("plain"))
    let name = "roberta.encoder.layer.1.intermediate.dense.weight"
    let values = try HuggingFaceFolder(folder.file("plain")).weights.floats(name)
    XCTAssertEqual(Set(values), [-0.1875, -0.0625, 0.0625, 0.1875])
  }

  // MARK: - The decoder

  /// Made by `Tests/Interop/write_untied_checkpoint.py`: lm_head.bias and lm_head.decoder.bias differ.
  private var theirs: URL {
    SharedFolder.packageRoot.appendingPathComponent("Tests/ModelsTests/Fixtures/untied-camembert")
  }

  func testAnUntiedCheckpointOfTransformersGivesItsLogits() throws {
    let dump = try SafetensorsFile(theirs.appendingPathComponent("logits.safetensors"))
    let ids = try dump.integers("input_ids").map { Int32($0) }
    let expected = try dump.floats("logits")
    let model = try CheckpointModel(theirs).model
    XCTAssertEqual(model.head, .maskedLanguageModel(tied: false))
    XCTAssertEqual(try logits(model, ids, lengths: dump.integers("lengths").map { Int($0) }).count, expected.count)
    let found = try logits(model, ids, lengths: [5, 9])
    let largest = expected.map(abs).max()!
    for (a, b) in zip(found, expected) { XCTAssertEqual(a, b, accuracy: 1e-5 * largest) }
  }

  private func logits(_ model: EncoderModel, _ ids: [Int32], lengths: [Int]) throws -> [Float] {
    model.prepareStep()
    let labels = [Int32](repeating: TokenLabel.ignored, count: ids.count)
    let trace = try model.forward(SliceInput(ids: ids, lengths: lengths, labels: labels))
    return model.logits(ofTokens: Array(ids.indices), trace)
  }

  func testAnUntiedModelIsWrittenUnderTransformersNames() throws {
    let folder = try TemporaryFolder()
    let source = try HuggingFaceFolder(theirs)
    let model = try CheckpointModel(theirs).model
    let config = ModelCheckpointIO.config(from: source.config, head: model.head, labels: nil, facts: ["scheme": "fp32"])
    XCTAssertFalse(config.tiesWordEmbeddings)
    try HuggingFaceFolder.write(
      to: folder.file("ours"), config: config, tensors: ModelCheckpointIO.views(of: model), tokenizerFrom: nil)
    let ours = try HuggingFaceFolder(folder.file("ours")).weights
    XCTAssertEqual(Set(ours.tensors.keys), Set(source.weights.tensors.keys))
    // What transformers computes with is the decoder's; the other one says the same.
    XCTAssertEqual(try ours.floats("lm_head.decoder.bias"), try source.weights.floats("lm_head.decoder.bias"))
    XCTAssertEqual(try ours.floats("lm_head.bias"), try ours.floats("lm_head.decoder.bias"))
    for name in source.weights.tensors.keys where name != "lm_head.bias" {
      XCTAssertEqual(try ours.floats(name), try source.weights.floats(name), name)
    }
  }

  func testUntyingCopiesTheWordTableAndTyingDropsTheDecoder() throws {
    let folder = try TemporaryFolder()
    let (word, decoder) = ("roberta.embeddings.word_embeddings.weight", "lm_head.decoder.weight")
    try write(model("fp32"), facts: [:], to: folder.file("tied"))
    let tied = try HuggingFaceFolder(folder.file("tied"))
    let untied = try model("fp32", Head.maskedLanguageModel(of: tied, .untied))
    XCTAssertEqual(try load(tied.url, into: untied).drawn, [])
    let words = untied.layout.required(word).range.map { untied.parameters[$0] }
    XCTAssertEqual(untied.layout.required(decoder).range.map { untied.parameters[$0] }, words)
    XCTAssertEqual(words, try tied.weights.floats(word))

    let source = try HuggingFaceFolder(theirs)
    let back = try model("fp32", Head.maskedLanguageModel(of: source, .tied), source.config)
    _ = try load(theirs, into: back)
    XCTAssertNil(back.layout[decoder])
    let bias = back.layout.required("lm_head.bias").range.map { back.parameters[$0] }
    XCTAssertEqual(bias, try source.weights.floats("lm_head.decoder.bias"))
    XCTAssertEqual(try Head.maskedLanguageModel(of: source, .checkpoint), .maskedLanguageModel(tied: false))
    XCTAssertEqual(try Head.maskedLanguageModel(of: tied, .checkpoint), .maskedLanguageModel(tied: true))
  }

  /// An earlier build wrote the one bias alone; and transformers 5 does not tie a decoder that differs from the table.
  func testOneBiasServesAndADecoderOfItsOwnCountsAsUntied() throws {
    let folder = try TemporaryFolder()
    try write(
      model("fp32", .maskedLanguageModel(tied: false)), facts: [:], to: folder.file("old"),
      dropping: ["lm_head.decoder.bias"])
    let old = try HuggingFaceFolder(folder.file("old"))
    let read = try model("fp32", Head.maskedLanguageModel(of: old, .checkpoint))
    XCTAssertEqual(try load(old.url, into: read).drawn, [])
    XCTAssertEqual(
      read.layout.required("lm_head.bias").range.map { read.parameters[$0] }, try old.weights.floats("lm_head.bias"))

    let file = folder.file("old").appendingPathComponent("config.json")
    let text = try String(contentsOf: file, encoding: .utf8)
    try Data(
      text.replacingOccurrences(of: "\"tie_word_embeddings\": false", with: "\"tie_word_embeddings\": true").utf8
    )
    .write(to: file)
    let said = try HuggingFaceFolder(folder.file("old"))
    XCTAssertTrue(said.config.tiesWordEmbeddings)
    XCTAssertFalse(try ModelCheckpointIO.isTied(said))
  }

  // MARK: - Layers

  func testFewerLayersInTheConfigurationThanInTheFileAreRefused() throws {
    let folder = try TemporaryFolder()
    try write(model("fp32"), facts: [:], to: folder.file("c"), layers: 1)
    XCTAssertThrowsError(try CheckpointModel(folder.file("c"))) {
      let line = "\($0)"
      XCTAssertTrue(line.contains("holds 2 encoder layers, and num_hidden_layers in its config.json is 1"), line)
      XCTAssertFalse(line.contains("\n"))
    }
    try write(model("fp32"), facts: [:], to: folder.file("d"))
    XCTAssertNoThrow(try CheckpointModel(folder.file("d")))
  }

  // MARK: - What a checkpoint cannot be used for

  func testANumberThatIsNoneIsNamedByItsTensor() throws {
    let folder = try TemporaryFolder()
    for bad in [Float.nan, .infinity, -.infinity] {
      let broken = try model("fp32")
      try write(broken, facts: [:], to: folder.file("whole-\(bad)"))
      let name = "roberta.encoder.layer.1.output.dense.weight"
      broken.parameters[broken.layout.required(name).start + 3] = bad
      let url = folder.file("\(bad)")
      try HuggingFaceFolder.write(
        to: url, config: ModelCheckpointIO.config(from: config, head: broken.head, labels: nil, facts: [:]),
        tensors: ModelCheckpointIO.views(of: broken), tokenizerFrom: nil)
      assertThrows(ModelError.self, saying: [url.path, name, "NaN or an infinity"]) { try CheckpointModel(url) }
    }
  }

  func testAModelWithoutQuantizersHasNothingToExport() throws {
    let folder = try TemporaryFolder()
    try write(model("fp32"), facts: ["scheme": "fp32"], to: folder.file("c"))
    assertThrows(ModelError.self, saying: [folder.file("c").path, "no quantizer"]) {
      try DequantizedExport.write(folder.file("c"), to: folder.file("plain"))
    }
    XCTAssertFalse(FileManager.default.fileExists(atPath: folder.file("plain").path))
  }

  func testAPatternThatNamesNothingIsRefused() throws {
    var scheme = try Scheme(parsing: "LSQ_E8W8A8")
    scheme.exclude = ["encoder.layer.2.*"]
    assertThrows(ModelError.self, saying: ["encoder.layer.2.*", "2 layers"]) {
      try scheme.requireExclusions(layerCount: 2)
    }
    XCTAssertNoThrow(try scheme.requireExclusions(layerCount: 3))
  }
}
