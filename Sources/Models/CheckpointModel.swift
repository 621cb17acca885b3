import Checkpoints
import Corpus
import Encoder
import Foundation
import Quantization

/// A checkpoint opened for use as it is: its model with the quantizers that it was trained with.
public struct CheckpointModel {
  public let folder: HuggingFaceFolder
  public let facts: PalierMetadata
  public let model: EncoderModel
  /// What had to be made up: the caller decides whether that is an error.
  public let report: ModelCheckpointIO.LoadReport

  /// The head that a checkpoint's tensors tell.
  public static func head(of folder: HuggingFaceFolder) throws -> Head {
    if folder.weights.tensors["classifier.weight"] != nil, let labels = folder.config.labels {
      return .tokenClassification(labelCount: labels.count)
    }
    if folder.weights.tensors["lm_head.dense.weight"] != nil {
      return .maskedLanguageModel(tied: try ModelCheckpointIO.isTied(folder))
    }
    return .none
  }

  /// Opens the folder at `url` without its tensors, and says what is in it.
  public static func describe(_ url: URL) throws -> (folder: HuggingFaceFolder, facts: PalierMetadata, head: Head) {
    let folder = try HuggingFaceFolder.reading(url)
    return (folder, try PalierMetadata(folder.config), try head(of: folder))
  }

  /// A model of the shape that the checkpoint has, still empty.
  package static func emptyModel(
    _ folder: HuggingFaceFolder, scheme: Scheme, head: Head, precision: Precision, sliceTokens: Int = 64,
    trains: Bool = true
  ) throws -> EncoderModel {
    let dimensions = ModelCheckpointIO.dimensions(folder.config)
    try CheckpointShapeCheck.require(dimensions, in: folder.weights)
    try scheme.requireExclusions(layerCount: dimensions.layerCount)
    return try EncoderModel(
      dimensions: dimensions, scheme: scheme, head: head, precision: precision,
      sliceTokens: sliceTokens, trains: trains)
  }

  /// Loads the checkpoint at `url` on this rank alone.
  /// - Parameters:
  ///   - precision: of the products.
  ///   - trains: whether weights are packed for a backward pass too.
  public init(_ url: URL, precision: Precision = .float32, trains: Bool = true) throws {
    let head: Head
    (folder, facts, head) = try CheckpointModel.describe(url)
    model = try CheckpointModel.emptyModel(
      folder, scheme: facts.scheme, head: head, precision: precision, trains: trains)
    report = try ModelCheckpointIO.load(
      folder, into: model, seed: 0, range: 0, drawsHead: false, keepsFittingSteps: true)
    try ModelCheckpointIO.keepScales(of: folder, in: model)
  }
}
