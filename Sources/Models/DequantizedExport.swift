import Base
import Checkpoints
import Compute
import Encoder
import Foundation
import Quantization

/// A checkpoint with its weights as the quantizers give them, so that transformers computes what we compute up to activations.
///
/// Every table and encoder matrix is replaced by its fake-quantized values under its plain name; the quantizers' own
/// parameters are left out. The masked-LM decoder, which is tied to the *unquantized* word table, becomes a tensor of its own.
public enum DequantizedExport {
  /// Writes the checkpoint at `source`, dequantized, to `output` (complete or not at all).
  /// - Returns: the number of tensors that were put on their grid.
  public static func write(_ source: URL, to output: URL) throws -> Int {
    let checkpoint = try CheckpointModel(source)
    let model = checkpoint.model
    guard checkpoint.facts.scheme.isQuantized else { throw ModelError.nothingQuantized(source.path) }
    let missing = checkpoint.report.initialisedSteps.sorted()
    if let first = missing.first {
      throw ModelError.missingTensor(name: first, path: checkpoint.folder.weights.path)
    }
    var tensors = OwnedTensors()
    var config = checkpoint.folder.config
    addUntiedDecoder(model, &config, &tensors)
    model.setLevelScales()
    let matrices = model.quantizedMatrices
    for matrix in matrices { tensors[matrix.name] = Tensor(matrix.weight.shape, values(of: matrix, in: model)) }
    for parameter in model.layout.parameters where parameter.kind != .stepSize && parameter.kind != .offset {
      guard tensors[parameter.name] == nil else { continue }
      tensors[parameter.name] = Tensor(parameter.shape, Array(model.values(of: parameter)))
    }
    config.fields[ModelCheckpointIO.palierSection] = .object(noted(of: checkpoint))
    try HuggingFaceFolder.write(
      to: output, config: config, tensors: tensors.views, tokenizerFrom: source, card: ModelCard.text(config))
    return matrices.count
  }

  /// The section `palier` of an export: float32 from now on, and where its values come from.
  private static func noted(of checkpoint: CheckpointModel) -> JSONFields {
    var fields: JSONFields = [
      "version": .string(PalierVersion.text), "scheme": "fp32",
      "dequantized_from": .string(checkpoint.facts.scheme.title),
    ]
    if let stage = checkpoint.facts.stage { fields["stage"] = .string(stage.rawValue) }
    if let step = checkpoint.facts.globalStep { fields["global_step"] = .integer(step) }
    if let task = checkpoint.facts.task { fields["task"] = .string(task.rawValue) }
    let made = PalierMetadata.fields(ofArithmetic: checkpoint.facts.arithmetic, changes: checkpoint.facts.changes)
    for (name, value) in made { fields[name] = value }
    for (name, value) in checkpoint.facts.provenance?.fields ?? JSONFields() { fields[name] = value }
    return fields
  }

  /// The values of a matrix or table on its grid.
  private static func values(of matrix: QuantizedMatrix, in model: EncoderModel) -> [Float] {
    let width = matrix.weight.shape[1]
    var values = [Float](repeating: 0, count: matrix.weight.count)
    values.withUnsafeMutableBufferPointer { values in
      for row in 0..<matrix.weight.shape[0] {
        let weights = model.parameters.pointer + matrix.weight.start + row * width
        matrix.quantizer(row).addValues(weights, to: values.baseAddress! + row * width, width)
      }
    }
    return values
  }

  /// The decoder of the masked-LM head as a tensor of its own: the word table that it is tied to becomes quantized.
  private static func addUntiedDecoder(
    _ model: EncoderModel, _ config: inout HuggingFaceConfig, _ tensors: inout OwnedTensors
  ) {
    guard case .maskedLanguageModel(let tied) = model.head else { return }
    let words = "roberta.embeddings.word_embeddings.weight"
    let decoder = "lm_head.decoder.weight"
    if let parameter = model.layout[tied ? words : decoder] {
      tensors[decoder] = Tensor(parameter.shape, Array(model.values(of: parameter)))
    }
    config.tiesWordEmbeddings = false
    // transformers ties the two names of the bias by itself only where the weights are tied.
    if let bias = model.layout["lm_head.bias"] {
      tensors["lm_head.decoder.bias"] = Tensor(bias.shape, Array(model.values(of: bias)))
    }
  }
}

/// A tensor with memory of its own.
private struct Tensor {
  let shape: [Int]
  let values: AlignedBuffer<Float>

  init(_ shape: [Int], _ values: [Float]) {
    self.shape = shape
    self.values = AlignedBuffer(values.count)
    _ = self.values.elements.update(from: values)
  }
}

private typealias OwnedTensors = [String: Tensor]

extension OwnedTensors {
  fileprivate var views: [TensorView] {
    map { name, tensor in
      TensorView(name, shape: tensor.shape, floats: UnsafeBufferPointer(tensor.values.elements))
    }
  }
}
