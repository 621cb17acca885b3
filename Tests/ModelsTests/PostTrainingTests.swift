import Base
import Compute
import Encoder
import Foundation
import Models
import Quantization
import TestSupport
import Verification
import XCTest

/// Float32 checkpoints quantized without training: which steps come out, and that the folder is a checkpoint like any other.
final class PostTrainingTests: XCTestCase {
  private let head = Head.tokenClassification(labelCount: 3)

  /// More tokens than go through the model at once.
  private var sequences: [[Int32]] {
    Array(DrawnSequences.make(200, vocabularySize: 61, longest: 32, seed: 4).filter { $0.count > 2 }.prefix(160))
  }

  private func set(_ sequences: [[Int32]]) -> CalibrationSet {
    var set = CalibrationSet(names: ["drawn.txt"], largestCount: sequences.count)
    for ids in sequences { set.add(ids) }
    return set
  }

  private func quantized(
    _ folders: PackedFolders, _ scheme: Scheme, _ activations: StepMethod = .minMax, _ weights: StepMethod = .minMax,
    _ head: Head? = nil, as name: String = "quantized"
  ) throws -> URL {
    let source = folders.folder.file("float")
    if !FileManager.default.fileExists(atPath: source.path) {
      _ = try folders.checkpoint("float", .float32, head ?? self.head)
    }
    let url = folders.folder.file(name)
    _ = try PostTrainingQuantization.write(
      source, to: url, .init(scheme: scheme, activations: activations, weights: weights),
      calibratingOn: set(sequences))
    return url
  }

  private func parameter(_ name: String, _ model: EncoderModel) -> [Float] {
    Array(model.values(of: model.layout.required(name)))
  }

  /// What the float32 model gives the first sites of both layers, from its hidden states, over all sequences.
  private func inputs(_ source: URL) throws -> [[Float]] {
    let model = try CheckpointModel(source).model
    model.prepareStep()
    var inputs: [[Float]] = [[], []]
    for ids in sequences {
      let labels = [Int32](repeating: TokenLabel.ignored, count: ids.count)
      let trace = try model.forward(SliceInput(ids: ids, lengths: [ids.count], labels: labels), keepsHiddenStates: true)
      for layer in 0..<2 { inputs[layer] += trace.hiddenStates[layer] }
    }
    return inputs
  }

  // MARK: - Steps

  private let query = "roberta.encoder.layer.1.attention.self.query.weight"
  private let words = "roberta.embeddings.word_embeddings.weight"
  private func site(_ layer: Int) -> String { "roberta.encoder.layer.\(layer).attention.self.input_quantizer" }

  func testMinMaxStepsCoverTheValuesExactly() throws {
    let folders = try PackedFolders()
    let url = try quantized(folders, PackedFolders.scheme("LSQ_E6W4A8"))
    let float = try CheckpointModel(folders.folder.file("float")).model
    let model = try CheckpointModel(url).model
    for (name, bits) in [(query, 4), (words, 6)] {
      let values = parameter(name, float)
      XCTAssertEqual(parameter(name, model), values, "the weights stay")
      let (n, p) = (-Float(1 << (bits - 1)), Float(1 << (bits - 1)) - 1)
      XCTAssertEqual(parameter(name + "_quantizer.step", model), [max(values.max()! / p, values.min()! / n)], name)
    }
    for (layer, x) in try inputs(folders.folder.file("float")).enumerated() {
      let step = parameter(site(layer) + ".step", model)[0]
      XCTAssertEqual(step, max(x.max()! / 127, x.min()! / -128), accuracy: 1e-6 * step, "layer \(layer)")
    }
  }

  func testPercentileStepsAreThoseOfSorting() throws {
    let folders = try PackedFolders()
    let url = try quantized(folders, PackedFolders.scheme("LSQplus_E4W4A4"), .percentile(98), .percentile(90))
    let float = try CheckpointModel(folders.folder.file("float")).model
    let model = try CheckpointModel(url).model
    let weights = parameter(query, float).sorted()
    let k = Int((0.05 * Double(weights.count)).rounded(.toNearestOrEven))
    XCTAssertEqual(
      parameter(query + "_quantizer.step", model), [max(weights[weights.count - 1 - k] / 7, weights[k] / -8)])
    for (layer, values) in try inputs(folders.folder.file("float")).enumerated() {
      let x = values.sorted()
      let k = Int((0.01 * Double(x.count)).rounded(.toNearestOrEven))
      let step = (x[x.count - 1 - k] - x[k]) / 15
      XCTAssertEqual(parameter(site(layer) + ".step", model)[0], step, accuracy: 1e-5 * step)
      XCTAssertEqual(parameter(site(layer) + ".offset", model)[0], x[k] + 8 * step, accuracy: 1e-4 * abs(x[k]))
    }
  }

  private func squaredError(_ x: [Float], step: Float, bits: Int) -> Double {
    var values = [Float](repeating: 0, count: x.count)
    WeightQuantizer(rule: .lsq(bits: bits), step: step).addValues(x, to: &values, x.count)
    return zip(x, values).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
  }

  /// Over all slices: no candidate beats it on the values of the whole set.
  func testStepsOfLeastErrorAreSoOverTheWholeSet() throws {
    let folders = try PackedFolders()
    let model = try CheckpointModel(quantized(folders, PackedFolders.scheme("LSQ_E4W3A4"), .mse, .mse)).model
    for (layer, x) in try inputs(folders.folder.file("float")).enumerated() {
      let found = squaredError(x, step: parameter(site(layer) + ".step", model)[0], bits: 4)
      let largest = x.reduce(0) { max($0, abs($1)) }
      let best = stride(from: 0, to: 200, by: 1).map { k in
        squaredError(x, step: Float((0.01 + 1.19 * Double(k) / 199) * Double(largest) / 8), bits: 4)
      }.min()!
      XCTAssertLessThanOrEqual(found, best * 1.0001, "layer \(layer)")
      XCTAssertLessThan(found, squaredError(x, step: max(x.max()! / 7, x.min()! / -8), bits: 4), "layer \(layer)")
    }
  }

  func testRowsHaveStepsOfTheirOwn() throws {
    let folders = try PackedFolders()
    let scheme = try PackedFolders.scheme(
      "LSQ_E8W4A8", ["weights.granularity": "row", "embeddings.granularity": "row"])
    for (number, method) in [StepMethod.minMax, .percentile(80)].enumerated() {
      let model = try CheckpointModel(quantized(folders, scheme, .minMax, method, as: "rows-\(number)")).model
      let values = parameter(query, model)
      let steps = parameter(query + "_quantizer.step", model)
      XCTAssertEqual(steps.count, 24)
      for (row, step) in steps.enumerated() {
        let sorted = values[row * 24..<(row + 1) * 24].sorted()
        let k = method == .minMax ? 0 : 2  // round(0.1·24)
        XCTAssertEqual(step, max(sorted[23 - k] / 7, sorted[k] / -8), "row \(row)")
      }
    }
  }

  // MARK: - The folder

  private let schemes: [(name: String, variants: [String: String])] = [
    ("LSQ_E8W8A8", [:]), ("LSQ_E4W4A4", [:]), ("LSQ_E2W2A2", [:]), ("LSQ_E6W2A6", [:]),
    ("BitNet_E6W1.58A6", [:]), ("BitNet_E6W1.58A6", ["activations.granularity": "tensor"]),
    ("LSQ_E8W8A8", ["activations.granularity": "token"]), ("LSQ_E4W4A8", ["activations.offset": "integer"]),
    ("LSQ_E4W3A6", ["weights.grid": "symmetric", "weights.granularity": "row"]), ("LSQ_E8W32A32", [:]),
  ]

  /// What is read back is of the scheme, with every step, and packs to the same bits.
  func testEveryKindOfSchemeIsACheckpointThatPacks() throws {
    let folders = try PackedFolders()
    for (number, (name, variants)) in schemes.enumerated() {
      for head in [head, .maskedLanguageModel(tied: true)] {
        try FileManager.default.removeItem(atPath: folders.folder.file("float").path, ifThere: true)
        let scheme = try PackedFolders.scheme(name, variants)
        let url = try quantized(folders, scheme, .mse, .minMax, head, as: "q\(number)\(head == self.head)")
        let opened = try CheckpointModel(url)
        XCTAssertEqual(opened.facts.scheme, scheme)
        XCTAssertEqual(opened.report.initialisedSteps + opened.report.unmeasuredSites + opened.report.drawn, [])
        let packed = folders.folder.file("packed\(number)\(head == self.head)")
        _ = try PackedExport.write(url, to: packed)
        for precision in [Precision.float32, Precision(forward: .integer, backward: .float)] {
          let comparison = try PackedComparison(packed: packed, checkpoint: url, precision: precision)
          XCTAssertEqual(try comparison.run(Array(sequences.prefix(8)), threads: [1]).sequenceCount, 8)
        }
      }
    }
  }

  func testWhatWasDoneIsNoted() throws {
    let folders = try PackedFolders()
    let url = try quantized(folders, PackedFolders.scheme("LSQ_E8W8A8"), .percentile(99.5), .mse)
    let (folder, facts, _) = try CheckpointModel.describe(url)
    let noted = try XCTUnwrap(facts.postTraining)
    XCTAssertEqual(
      noted.words,
      "activations by percentile 99.5 of 160 sequences (\(counted(set(sequences).tokenCount, "token"))), weights by mse"
    )
    XCTAssertEqual(noted.data?.names, ["drawn.txt"])
    XCTAssertEqual(noted.data?.sha256.count, 64)
    XCTAssertEqual(facts.arithmetic.map(\.name), ["forward"])
    XCTAssertEqual(facts.globalStep, 7, "what the checkpoint told of its training stays")
    XCTAssertEqual(folder.config.labels, PackedFolders.labels)
    let card = try String(contentsOf: url.appendingPathComponent("README.md"), encoding: .utf8)
    XCTAssertTrue(card.contains("post-training-quantization"), card)
    XCTAssertTrue(card.contains("after its training"), card)
    XCTAssertFalse(card.contains("quantization-aware-training"), card)
    let other = try quantized(
      folders, PackedFolders.scheme("LSQ_E8W8A8", ["activations.granularity": "token"]), as: "token")
    let own = try XCTUnwrap(CheckpointModel.describe(other).facts.postTraining)
    XCTAssertEqual(own.words, "activations per token, weights by min-max")
    XCTAssertNil(own.data)
  }

  func testTheBytesDoNotDependOnThreads() throws {
    let folders = try PackedFolders()
    var files: [Data] = []
    for threads in [1, 3] {
      Threads.use(threads)
      defer { Threads.use(1) }
      let url = try quantized(folders, PackedFolders.scheme("LSQplus_E4W4A4"), .mse, .mse, as: "on-\(threads)")
      files.append(try Data(contentsOf: url.appendingPathComponent("model.safetensors")))
    }
    XCTAssertEqual(files[0], files[1])
  }

  func testWhatCannotBeQuantizedIsRefused() throws {
    let folders = try PackedFolders()
    let eight = try PackedFolders.scheme("LSQ_E8W8A8")
    let url = try quantized(folders, eight)
    let new = folders.folder.file("new")
    func refused(_ source: URL, _ scheme: Scheme, _ set: CalibrationSet, _ words: String) {
      assertThrows(ModelError.self, saying: [words]) {
        try PostTrainingQuantization.write(
          source, to: new, .init(scheme: scheme, activations: .mse, weights: .mse), calibratingOn: set)
      }
    }
    let packed = folders.folder.file("packed")
    _ = try PackedExport.write(url, to: packed)
    let float = folders.folder.file("float")
    refused(url, eight, set(sequences), "of scheme LSQ_E8W8A8 already")
    refused(packed, eight, set(sequences), "of scheme LSQ_E8W8A8 already")
    refused(float, .float32, set(sequences), "leaves everything in float32")
    refused(float, eight, set([]), "no line or sentence")
    refused(float, try PackedFolders.scheme("LSQ_E8W8A8", exclude: ["layer.9.*"]), set(sequences), "names no linear")
    XCTAssertThrowsError(
      try PostTrainingQuantization.write(
        float, to: new, .init(scheme: eight, activations: .mse, weights: .mse), calibratingOn: set([[5, 61, 6]]))
    ) { XCTAssertTrue("\($0)".contains("token id 61"), "\($0)") }
    XCTAssertFalse(FileManager.default.fileExists(atPath: new.path))
  }
}

extension FileManager {
  fileprivate func removeItem(atPath path: String, ifThere: Bool) throws {
    if fileExists(atPath: path) { try removeItem(atPath: path) }
  }
}
