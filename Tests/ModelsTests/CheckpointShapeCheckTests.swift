import Checkpoints
import Encoder
import Foundation
import Models
import TestSupport
import XCTest

/// Sizes that a config.json states and its tensors do not have are refused before memory is taken for them.
final class CheckpointShapeCheckTests: XCTestCase {
  private let config = HuggingFaceConfig(
    hiddenSize: 8, layerCount: 2, headCount: 2, intermediateSize: 12, vocabularySize: 17, positionCount: 14)

  private func source(_ folder: TemporaryFolder) throws -> any TensorSource {
    _ = try FreshModel.write(config, seed: 1, tokenizer: .model(Data("x".utf8)), to: folder.file("c"))
    return try HuggingFaceFolder(folder.file("c")).weights
  }

  func testTheSizesOfTheFilePass() throws {
    let folder = try TemporaryFolder()
    XCTAssertNoThrow(try CheckpointShapeCheck.require(ModelCheckpointIO.dimensions(config), in: source(folder)))
  }

  func testEverySizeThatLiesIsNamedByItsTensor() throws {
    let folder = try TemporaryFolder()
    let source = try source(folder)
    let lies: [(WritableKeyPath<EncoderDimensions, Int>, Int, String)] = [
      (\.vocabularySize, 18, "word_embeddings.weight has shape [17, 8], config.json says [18, 8]"),
      (\.vocabularySize, 1 << 40, "word_embeddings.weight"),
      (\.hiddenSize, 16, "word_embeddings.weight has shape [17, 8], config.json says [17, 16]"),
      (\.positionCount, 514, "position_embeddings.weight has shape [14, 8], config.json says [514, 8]"),
      (\.typeCount, 2, "token_type_embeddings.weight has shape [1, 8], config.json says [2, 8]"),
      (\.intermediateSize, 24, "layer.0.intermediate.dense.weight has shape [12, 8], config.json says [24, 8]"),
      (\.layerCount, 3, "layer.2.intermediate.dense.weight is missing"),
      (\.layerCount, 1, "holds 2 encoder layers, and num_hidden_layers in its config.json is 1"),
      (\.layerCount, 0, "holds 2 encoder layers"),
    ]
    for (size, lie, words) in lies {
      var dimensions = ModelCheckpointIO.dimensions(config)
      dimensions[keyPath: size] = lie
      assertThrows(ModelError.self, saying: [source.path, words]) {
        try CheckpointShapeCheck.require(dimensions, in: source)
      }
    }
  }
}
