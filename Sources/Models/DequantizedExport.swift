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
    for matrix in model.quantizedHeadMatrices {
      tensors[matrix.name] = Tensor(matrix.weight.shape, values(of: matrix, in: model))
    }
    var count = model.quantizedHeadMatrices.count
    for parameter in model.layout.parameters where parameter.kind != .stepSize && parameter.kind != .offset {
      let rule = rule(of: parameter, in: model)
      guard tensors[parameter.name] == nil else { continue }
      tensors[parameter.name] = Tensor(parameter.shape, values(of: parameter, rule: rule, in: model))
      if rule.isOn { count += 1 }
    }
    config.fields[ModelCheckpointIO.palierSection] = .object(noted(of: checkpoint))
    try HuggingFaceFolder.write(
      to: output, config: config, tensors: tensors.views, tokenizerFrom: source, card: ModelCard.text(config))
    return count
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

  /// The rule under which a tensor is quantized in training.
  private static func rule(of parameter: ParameterInfo, in model: EncoderModel) -> QuantizerRule {
    let isEncoder = !model.layout.headRange.contains(parameter.start)
    return isEncoder ? model.rules.rule(ofWeight: parameter.name) ?? QuantizerRule.none : .none
  }

  /// A tensor's values on its grid; as they are where it has none.
  private static func values(of parameter: ParameterInfo, rule: QuantizerRule, in model: EncoderModel) -> [Float] {
    guard rule.isOn, let width = parameter.shape.last, width > 0, let first = model.values(of: parameter).baseAddress
    else { return Array(model.values(of: parameter)) }
    let weights = UnsafePointer(first)
    let step = model.layout[parameter.name + "_quantizer.step"]
    let whole = rule.hasStep || rule.isPerRow ? 1 : gamma(weights, parameter.count, rows: parameter.count / width)
    var values = [Float](repeating: 0, count: parameter.count)
    values.withUnsafeMutableBufferPointer { values in
      for row in 0..<parameter.count / width {
        let place = row * width
        var own = step.map { model.parameters[$0.place(ofRow: row)] } ?? whole
        if rule.isPerRow, step == nil { own = gamma(weights + place, width, rows: 1) }
        WeightQuantizer(rule: rule, step: own).addValues(weights + place, to: values.baseAddress! + place, width)
      }
    }
    return values
  }

  /// γ of a whole matrix, its rows summed one after the other as in training.
  private static func gamma(_ weights: UnsafePointer<Float>, _ count: Int, rows: Int) -> Float {
    let width = count / max(rows, 1)
    let total = (0..<rows).reduce(0.0) { $0 + absoluteSum(weights + $1 * width, width) }
    return WeightQuantizer.gamma(absoluteSum: total, count: count)
  }

  /// The values of a head's matrix on its grid.
  private static func values(of matrix: QuantizedHeadMatrix, in model: EncoderModel) -> [Float] {
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
      tensors[decoder] = Tensor(parameter.shape, values(of: parameter, rule: .none, in: model))
    }
    config.tiesWordEmbeddings = false
    // transformers ties the two names of the bias by itself only where the weights are tied.
    if let bias = model.layout["lm_head.bias"] {
      tensors["lm_head.decoder.bias"] = Tensor(bias.shape, values(of: bias, rule: .none, in: model))
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
