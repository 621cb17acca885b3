import Checkpoints
import Compute
import Corpus
import Encoder
import Foundation
import Quantization

/// A checkpoint's token classifier for the forward pass alone.
///
/// The weights of the linears are read from the mapped file, quantized and packed one after the other: they are never all in
/// memory. Codes of a packed folder go into the products' layout as they are, and its tables stay packed. There are no
/// gradients, and one layer's trace.
package struct TaggingModel {
  package let folder: HuggingFaceFolder
  package let facts: PalierMetadata
  package let labels: LabelSet
  package let model: EncoderModel

  /// Opens the checkpoint at `url` and prepares its weights.
  /// - Parameter precision: its products, from the checkpoint's facts.
  /// - Throws: `ModelError.notATagger`, `.missingTensor`, `.wrongShape`, `.notFinite`, and what the folder brings.
  package init(_ url: URL, precision: (PalierMetadata) -> Precision) throws {
    let head: Head
    (folder, facts, head) = try CheckpointModel.describe(url)
    guard case .tokenClassification = head, let names = folder.config.labels else {
      throw ModelError.notATagger(url.path)
    }
    labels = try LabelSet(names: names)
    let dimensions = ModelCheckpointIO.dimensions(folder.config)
    try CheckpointShapeCheck.require(dimensions, in: folder.weights)
    try facts.scheme.requireExclusions(layerCount: dimensions.layerCount)
    model = try EncoderModel(
      dimensions: dimensions, scheme: facts.scheme, head: head, precision: precision(facts), trains: false,
      keepsTraces: false)
    try readParameters()
    model.shareSteps()
    try ModelCheckpointIO.keepScales(of: folder, in: model)
    try model.prepare(
      readingWeights: { [folder] in try TaggingModel.read($0, from: folder, into: $1) },
      stored: { [folder] in folder.packedTensors?.rows(ofWeight: $0.name) })
  }

  /// Reads all but the linears' weights and the tables that stay packed.
  private func readParameters() throws {
    let linears = Set(model.linearWeights.map(\.name))
    // First, so that a message names the matrix that is not there, and not the step that would have come with its codes.
    for name in linears.sorted() where folder.weights.tensors[name] == nil {
      throw ModelError.missingTensor(name: name, path: folder.weights.path)
    }
    for parameter in model.layout.parameters where !linears.contains(parameter.name) {
      if parameter.kind == .table, let rows = folder.packedTensors?.rows(ofWeight: parameter.name) {
        guard rows.shape == parameter.shape else {
          throw ModelError.wrongShape(
            name: parameter.name, path: folder.weights.path, expected: parameter.shape, found: rows.shape)
        }
        model.keepTable(parameter.name, rows: try rows.table())
      } else {
        try TaggingModel.read(parameter, from: folder, into: model.values(of: parameter))
      }
    }
  }

  private static func read(
    _ parameter: ParameterInfo, from folder: HuggingFaceFolder, into values: UnsafeMutableBufferPointer<Float>
  ) throws {
    let (name, path) = (parameter.name, folder.weights.path)
    guard let known = folder.weights.tensors[name] else { throw ModelError.missingTensor(name: name, path: path) }
    guard known.shape == parameter.shape || (parameter.shape.isEmpty && known.elementCount == 1) else {
      throw ModelError.wrongShape(name: name, path: path, expected: parameter.shape, found: known.shape)
    }
    try folder.weights.floats(name, into: values)
    guard let start = values.baseAddress else { return }
    guard absoluteSum(start, values.count).isFinite else { throw ModelError.notFinite(tensor: name, path: path) }
    if parameter.kind == .stepSize {
      for i in values.indices { values[i] = max(values[i], StepInitialisation.smallestStep) }
    }
  }
}
