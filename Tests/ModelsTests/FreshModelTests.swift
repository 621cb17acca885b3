import Checkpoints
import Corpus
import Foundation
import Models
import TestSupport
import XCTest

final class FreshModelTests: XCTestCase {
  private var config: HuggingFaceConfig {
    var config = HuggingFaceConfig(
      hiddenSize: 48, layerCount: 2, headCount: 4, intermediateSize: 64, vocabularySize: 101, positionCount: 40)
    config.initializerRange = 0.05
    return config
  }
  /// Bytes that stand for a tokenizer: this room copies them.
  private let tokenizer = Data("a model".utf8)

  private func write(seed: UInt64, _ config: HuggingFaceConfig? = nil, to url: URL) throws -> Int {
    try FreshModel.write(config ?? self.config, seed: seed, tokenizer: .model(tokenizer), to: url)
  }

  private func weights(_ url: URL) throws -> Data {
    try Data(contentsOf: url.appendingPathComponent("model.safetensors"))
  }

  func testTheSameSeedAndSizesGiveTheSameBytes() throws {
    let folder = try TemporaryFolder()
    for name in ["a", "b"] { _ = try write(seed: 5, to: folder.file(name)) }
    _ = try write(seed: 6, to: folder.file("c"))
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.file("a").path)
    XCTAssertTrue(names.contains("config.json") && names.contains(Tokenizer.modelFileName), "\(names)")
    for name in names {
      XCTAssertEqual(
        try Data(contentsOf: folder.file("a").appendingPathComponent(name)),
        try Data(contentsOf: folder.file("b").appendingPathComponent(name)), name)
    }
    XCTAssertNotEqual(try weights(folder.file("a")), try weights(folder.file("c")))
    XCTAssertEqual(
      try Data(contentsOf: folder.file("a").appendingPathComponent(Tokenizer.modelFileName)), tokenizer)
    // A tokenizer's folder gives the same.
    _ = try FreshModel.write(config, seed: 5, tokenizer: .folder(folder.file("a")), to: folder.file("d"))
    XCTAssertEqual(try weights(folder.file("a")), try weights(folder.file("d")))
  }

  /// BERT's parameters, counted by hand.
  func testTheNumberOfParametersIsThatOfTheSizes() throws {
    let folder = try TemporaryFolder()
    let (v, h, i, p) = (101, 48, 64, 40)
    let layer = 4 * (h * h + h) + (h * i + i) + (i * h + h) + 2 * 2 * h
    let embeddings = v * h + p * h + h + 2 * h
    let head = h * h + h + 2 * h + v
    XCTAssertEqual(try write(seed: 1, to: folder.file("a")), embeddings + 2 * layer + head)
  }

  func testNormsAreOneOtherVectorsAndThePadRowsZeroAndMatricesNormal() throws {
    let folder = try TemporaryFolder()
    _ = try write(seed: 5, to: folder.file("a"))
    let source = try HuggingFaceFolder(folder.file("a")).weights
    var pooled: [Float] = []
    for tensor in source.tensors.values {
      var values = try source.floats(tensor.name)
      let what = tensor.name
      if what.hasSuffix("LayerNorm.weight") || what.hasSuffix("layer_norm.weight") {
        XCTAssertEqual(values, [Float](repeating: 1, count: 48), what)
      } else if tensor.shape.count == 1 {
        XCTAssertTrue(values.allSatisfy { $0 == 0 }, what)
      } else {
        if what.hasSuffix("word_embeddings.weight") || what.hasSuffix("position_embeddings.weight") {
          XCTAssertEqual(Array(values[48..<96]), [Float](repeating: 0, count: 48), what)
          values.removeSubrange(48..<96)
        }
        XCTAssertFalse(values.contains(0), what)
        pooled += values
      }
    }
    // Mean and variance of n draws of N(0, r²) lie within five standard errors: r/√n, and r²·√(2/n).
    let n = Double(pooled.count)
    let mean = pooled.reduce(0.0) { $0 + Double($1) } / n
    let variance = pooled.reduce(0.0) { $0 + Double($1) * Double($1) } / n
    XCTAssertEqual(mean, 0, accuracy: 5 * 0.05 / n.squareRoot())
    XCTAssertEqual(variance, 0.05 * 0.05, accuracy: 5 * 0.05 * 0.05 * (2 / n).squareRoot())
    XCTAssertGreaterThan(Set(pooled).count, pooled.count * 99 / 100, "draws repeat")
  }

  /// A parameter's draws follow from its own name: another layer changes no other tensor.
  func testALayerMoreLeavesTheOthersAsTheyAre() throws {
    let folder = try TemporaryFolder()
    _ = try write(seed: 5, to: folder.file("two"))
    var deeper = config
    deeper.layerCount = 3
    _ = try write(seed: 5, deeper, to: folder.file("three"))
    let (two, three) = (
      try HuggingFaceFolder(folder.file("two")).weights, try HuggingFaceFolder(folder.file("three")).weights
    )
    XCTAssertGreaterThan(three.tensors.count, two.tensors.count)
    for name in two.tensors.keys { XCTAssertEqual(try two.floats(name), try three.floats(name), name) }
  }

  func testWhatIsThereIsNotReplaced() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(at: folder.file("a"), withIntermediateDirectories: true)
    try Data("mine".utf8).write(to: folder.file("a").appendingPathComponent("x"))
    XCTAssertThrowsError(try write(seed: 1, to: folder.file("a")))
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: folder.file("a").path), ["x"])
  }
}
