import Checkpoints
import Compute
import Encoder
import Foundation
import Quantization

/// Between a Hugging Face folder and a model's parameters.
public enum ModelFiles {
  /// The key under which Palier's own facts stand in `config.json`.
  public static let ownKey = "palier"

  /// The encoder that a `config.json` describes.
  public static func dimensions(_ config: HuggingFaceConfig) -> EncoderDimensions {
    EncoderDimensions(
      vocabularySize: config.vocabularySize, hiddenSize: config.hiddenSize, layerCount: config.layerCount,
      headCount: config.headCount, intermediateSize: config.intermediateSize, positionCount: config.positionCount,
      typeCount: config.tokenTypeCount, padTokenID: config.padTokenID, layerNormEpsilon: Float(config.layerNormEpsilon))
  }

  /// What a load found and what it made itself.
  public struct LoadReport: Codable, Sendable {
    /// Head parameters that the checkpoint lacks, now freshly drawn.
    public var drawn: [String] = []
    /// Weight and table steps that the checkpoint lacks, now by the initialisation rule.
    public var initialisedSteps: [String] = []
    /// Activation steps that still have to be measured on the first slice.
    public var measuresActivations = false
  }

  /// Fills a model from a folder; head parameters that are missing are drawn from N(0, `range`), biases 0, norms 1.
  ///
  /// Steps in the checkpoint are taken; missing ones of weights and tables follow from the weights, those of activations wait for
  /// the first slice.
  /// - Parameter drawsHead: the head starts fresh even where the folder has one.
  public static func load(
    _ folder: HuggingFaceFolder, into model: EncoderModel, seed: UInt64, range: Float, drawsHead: Bool
  ) throws -> LoadReport {
    var report = LoadReport()
    let head = model.layout.headRange
    for parameter in model.layout.parameters {
      let isHead = head.contains(parameter.start)
      let known = folder.weights.tensors[parameter.name]
      if parameter.kind == .stepSize || parameter.kind == .offset {
        guard known != nil else { continue }
      } else if isHead && (drawsHead || known == nil) {
        draw(parameter, model, seed: seed, range: range)
        report.drawn.append(parameter.name)
        continue
      }
      try read(parameter, from: folder, into: model)
    }
    initialiseMissingSteps(folder, model, &report)
    try requireFinite(model, folder.weights.path)
    return report
  }

  private static func read(_ parameter: ParameterInfo, from folder: HuggingFaceFolder, into model: EncoderModel) throws
  {
    guard let known = folder.weights.tensors[parameter.name] else {
      throw TrainingError.missingTensor(name: parameter.name, path: folder.weights.path)
    }
    guard known.shape == parameter.shape || (parameter.shape.isEmpty && known.elementCount == 1) else {
      throw TrainingError.wrongShape(
        name: parameter.name, path: folder.weights.path, expected: parameter.shape, found: known.shape)
    }
    try folder.weights.floats(
      parameter.name,
      into: UnsafeMutableBufferPointer(start: model.parameters.pointer + parameter.start, count: parameter.count))
    // A step of zero or less has no grid.
    if parameter.kind == .stepSize {
      let step = model.parameters[parameter.start]
      model.parameters[parameter.start] = max(step, StepInitialisation.smallestStep)
    }
  }

  private static func initialiseMissingSteps(
    _ folder: HuggingFaceFolder, _ model: EncoderModel, _ report: inout LoadReport
  ) {
    for (name, value) in model.measuredWeightSteps() where folder.weights.tensors[name] == nil {
      model.parameters[model.layout[name]!.start] = value
      report.initialisedSteps.append(name)
    }
    report.measuresActivations = model.layout.parameters.contains {
      $0.name.contains("input_quantizer") && folder.weights.tensors[$0.name] == nil
    }
  }

  private static func requireFinite(_ model: EncoderModel, _ path: String) throws {
    for parameter in model.layout.parameters {
      let sum = absoluteSum(model.parameters.pointer + parameter.start, parameter.count)
      guard sum.isFinite else {
        throw TrainingError.badQuantizer(
          "\(path): tensor \(parameter.name) holds a NaN or an infinity: the checkpoint is damaged")
      }
    }
  }

  /// Draws a parameter: N(0, range) for matrices and tables, 1 for norm weights, 0 for other vectors.
  public static func draw(_ parameter: ParameterInfo, _ model: EncoderModel, seed: UInt64, range: Float) {
    let values = model.parameters.pointer + parameter.start
    switch parameter.kind {
    case .normWeight: values.update(repeating: 1, count: parameter.count)
    case .vector, .offset, .stepSize: values.update(repeating: 0, count: parameter.count)
    case .matrix, .table:
      let isHead = model.layout.headRange.contains(parameter.start)
      let normal = NormalDraws(seed: seed, purpose: isHead ? .headInitialisation : .modelInitialisation)
      // The name tells parameters apart, so that a draw does not depend on the layout.
      let salt = parameter.name.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
      for i in 0..<parameter.count { values[i] = range * normal.value(at: i, salt: salt) }
    }
  }

  // MARK: - Writing

  /// The model's tensors as views, named for transformers. They lie in the model's own memory.
  public static func views(of model: EncoderModel) -> [TensorView] {
    model.layout.parameters.map { parameter in
      TensorView(
        parameter.name, shape: parameter.shape,
        floats: UnsafeBufferPointer(start: model.parameters.pointer + parameter.start, count: parameter.count))
    }
  }

  /// `config.json` for what a model is now.
  public static func config(
    from original: HuggingFaceConfig, head: Head, labels: [String]?, facts: JSONFields
  ) -> HuggingFaceConfig {
    var config = original
    switch head {
    case .tokenClassification:
      config.architectures = ["CamembertForTokenClassification"]
      config.labels = labels
    case .maskedLanguageModel, .none:
      config.architectures = ["CamembertForMaskedLM"]
      config.labels = nil
    }
    config.fields[ownKey] = .object(facts)
    return config
  }
}

/// Normal draws from counters (Box and Muller).
struct NormalDraws {
  private let philox: Philox
  init(seed: UInt64, purpose: DrawPurpose) { philox = Philox(seed: seed, purpose: purpose) }

  /// The `index`-th number of N(0, 1) for one salt.
  func value(at index: Int, salt: UInt32) -> Float {
    let bits = philox.draw(UInt32(truncatingIfNeeded: index / 2), UInt32(truncatingIfNeeded: index >> 33), salt, 0)
    let first = (Double(bits[0]) + 0.5) * 0x1p-32
    let second = (Double(bits[1]) + 0.5) * 0x1p-32
    let radius = (-2 * log(first)).squareRoot()
    return Float(radius * (index % 2 == 0 ? cos(2 * .pi * second) : sin(2 * .pi * second)))
  }

}
