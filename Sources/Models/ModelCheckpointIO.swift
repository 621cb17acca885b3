import Base
import Checkpoints
import Compute
import Encoder
import Foundation
import Quantization

/// Between a Hugging Face folder and a model's parameters.
public enum ModelCheckpointIO {
  /// The key under which Palier's own facts stand in `config.json`.
  public static let palierSection = "palier"

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
    /// Activation sites (`….input_quantizer`) that still have to be measured on the first slice.
    public var unmeasuredSites: [String] = []
    /// One line on steps of the checkpoint that were not kept; nil where all were.
    public var stepLine: String?
  }

  /// Fills a model from a folder; head parameters that are missing are drawn from N(0, `range`), biases 0, norms 1.
  ///
  /// Steps in the checkpoint are taken where they are of the site's rule (`CheckpointSteps`); the other ones of weights and
  /// tables follow from the weights, those of activations wait for the first slice. A decoder that the model has and the
  /// checkpoint ties starts as a copy of the word table.
  /// - Parameters:
  ///   - drawsHead: the head starts fresh even where the folder has one.
  ///   - keepsFittingSteps: also where the scheme measures steps anew at every load (`Scheme.resetSteps`): a run goes on.
  /// - Throws: `ModelError`; of a packed folder also where steps would be measured anew: its codes are of the steps it has.
  public static func load(
    _ folder: HuggingFaceFolder, into model: EncoderModel, seed: UInt64, range: Float, drawsHead: Bool,
    keepsFittingSteps: Bool = false
  ) throws -> LoadReport {
    var report = LoadReport()
    let measuresAnew = !keepsFittingSteps && model.scheme.resetSteps == .reload
    if measuresAnew, folder.packedTensors != nil, model.layout.parameters.contains(where: { $0.kind == .stepSize }) {
      throw ModelError.packedReset(folder.url.path)
    }
    let head = model.layout.headRange
    let steps = try CheckpointSteps(folder, model, keepsFitting: !measuresAnew)
    let copiesDecoder = try !drawsHead && model.head == .maskedLanguageModel(tied: false) && isTied(folder)
    for parameter in model.layout.parameters {
      let isHead = head.contains(parameter.start)
      if parameter.kind == .stepSize || parameter.kind == .offset {
        guard steps.keeps(parameter.name) else { continue }
      } else if copiesDecoder, parameter.name == decoder {
        let words = model.layout.required(wordTable)
        _ = model.values(of: parameter).update(from: model.values(of: words))
        continue
      } else if isHead && (drawsHead || folder.weights.tensors[storedName(parameter.name, in: folder)] == nil) {
        draw(parameter, model, seed: seed, range: range)
        report.drawn.append(parameter.name)
        continue
      }
      try read(parameter, from: folder, into: model)
    }
    initialiseOtherSteps(steps, model, &report)
    try requireFinite(model, folder.weights.path)
    return report
  }

  /// Has the model keep the scales of a packed folder that follow from the weights in training, γ and the heads' steps; nothing
  /// where the folder is not packed.
  ///
  /// For models that are not trained: a run that starts from a packed folder has its codes' values for weights, and makes scales
  /// of them as of any other.
  public static func keepScales(of folder: HuggingFaceFolder, in model: EncoderModel) throws {
    guard let packed = folder.packedTensors else { return }
    for (name, count) in model.followingScales
    where packed.form.rules.rule(ofWeight: name) == model.rules.rule(ofWeight: name) {
      guard let scales = packed.steps(ofWeight: name), scales.count == count else { continue }
      model.keepScales(scales, ofWeight: name)
    }
  }

  // MARK: - The masked-LM head's decoder

  static let wordTable = "roberta.embeddings.word_embeddings.weight"
  static let decoder = "lm_head.decoder.weight"
  private static let bias = "lm_head.bias"
  private static let decoderBias = "lm_head.decoder.bias"

  /// Whether the decoder of a checkpoint's masked-LM head is its word table.
  ///
  /// As transformers 5 has it: so its config.json says, and the file holds no decoder that differs from the table.
  public static func isTied(_ folder: HuggingFaceFolder) throws -> Bool {
    guard folder.config.tiesWordEmbeddings else { return false }
    let tensors = folder.weights.tensors
    guard let own = tensors[decoder], let words = tensors[wordTable] else { return true }
    guard own.shape == words.shape else { return false }
    return try folder.weights.floats(decoder) == folder.weights.floats(wordTable)
  }

  /// The tensor that a parameter is read from: transformers 5 computes with the decoder's own bias wherever there is one.
  private static func storedName(_ name: String, in folder: HuggingFaceFolder) -> String {
    name == bias && folder.weights.tensors[decoderBias] != nil ? decoderBias : name
  }

  private static func read(_ parameter: ParameterInfo, from folder: HuggingFaceFolder, into model: EncoderModel) throws
  {
    let name = storedName(parameter.name, in: folder)
    guard let known = folder.weights.tensors[name] else {
      throw ModelError.missingTensor(name: name, path: folder.weights.path)
    }
    guard known.shape == parameter.shape || (parameter.shape.isEmpty && known.elementCount == 1) else {
      throw ModelError.wrongShape(
        name: name, path: folder.weights.path, expected: parameter.shape, found: known.shape)
    }
    try folder.weights.floats(name, into: model.values(of: parameter))
    // A step of zero or less has no grid.
    if parameter.kind == .stepSize {
      for i in parameter.range { model.parameters[i] = max(model.parameters[i], StepInitialisation.smallestStep) }
    }
  }

  private static func initialiseOtherSteps(
    _ steps: CheckpointSteps, _ model: EncoderModel, _ report: inout LoadReport
  ) {
    for (name, values) in model.measuredWeightSteps() where !steps.keeps(name) {
      _ = model.values(of: model.layout.required(name)).update(from: values)
      report.initialisedSteps.append(name)
    }
    report.unmeasuredSites = model.layout.parameters.filter {
      $0.name.hasSuffix("input_quantizer.step") && !steps.keeps($0.name)
    }.map { String($0.name.dropLast(".step".count)) }
    report.stepLine = steps.line
  }

  private static func requireFinite(_ model: EncoderModel, _ path: String) throws {
    for parameter in model.layout.parameters {
      guard model.isFinite(parameter) else {
        throw ModelError.notFinite(tensor: parameter.name, path: path)
      }
    }
  }

  /// Draws a parameter: N(0, range) for matrices and tables, 1 for norm weights, 0 for other vectors.
  public static func draw(_ parameter: ParameterInfo, _ model: EncoderModel, seed: UInt64, range: Float) {
    let values = model.values(of: parameter)
    switch parameter.kind {
    case .normWeight: values.update(repeating: 1)
    case .vector, .offset, .stepSize: values.update(repeating: 0)
    case .matrix, .table:
      let isHead = model.layout.headRange.contains(parameter.start)
      let normal = NormalDraws(seed: seed, purpose: isHead ? .headInitialisation : .modelInitialisation)
      // The name tells parameters apart, so that a draw does not depend on the layout.
      let salt = FNV1a.hash32(parameter.name.utf8)
      for i in 0..<parameter.count { values[i] = range * normal.value(at: i, salt: salt) }
    }
  }

  // MARK: - Writing

  /// The model's tensors as views, named for transformers. They lie in the model's own memory.
  ///
  /// The output bias of an untied masked-LM head stands under both of its names: transformers 5 computes with the decoder's and
  /// misses the other one, transformers 4 has one bias of two names.
  public static func views(of model: EncoderModel) -> [TensorView] {
    model.layout.parameters.flatMap { parameter in
      let isShared = parameter.name == bias && model.head == .maskedLanguageModel(tied: false)
      return (isShared ? [bias, decoderBias] : [parameter.name]).map { name in
        TensorView(
          name, shape: parameter.shape,
          floats: UnsafeBufferPointer(model.values(of: parameter)))
      }
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
    if case .maskedLanguageModel(let tied) = head { config.tiesWordEmbeddings = tied }
    config.fields[palierSection] = .object(facts)
    return config
  }
}
