import Base
import Checkpoints
import Corpus
import Encoder
import Foundation
import Quantization

/// A float32 checkpoint quantized as it is, without training: steps measured on its weights and on a calibration set
/// (docs/numerics.md, "After training"). The baseline that training with quantizers has to beat.
public enum PostTrainingQuantization {
  /// What is asked for.
  public struct Request: Sendable {
    /// With its grids and exclusions.
    public var scheme: Scheme
    /// For activations that have steps.
    public var activations: StepMethod
    /// For weights and tables that have steps.
    public var weights: StepMethod

    public init(scheme: Scheme, activations: StepMethod, weights: StepMethod) {
      (self.scheme, self.activations, self.weights) = (scheme, activations, weights)
    }

    /// Whether there is anything to measure on a calibration set.
    public var needsData: Bool { scheme.activations.hasStep }
  }

  /// What was written.
  public struct Report: Sendable {
    public let facts: PostTraining
    /// Sites whose step was measured on the calibration set.
    public let siteCount: Int
    /// Matrices and tables on a grid.
    public let matrixCount: Int
  }

  /// Tokens that go through the model at once while it is measured.
  private static let sliceTokens = 2_048

  /// Quantizes the checkpoint at `source` into the folder `output` (complete or not at all).
  /// - Throws: `ModelError` where it is quantized already, has no head, or the set is empty; `EncoderError` for ids that the
  ///   model does not have.
  public static func write(
    _ source: URL, to output: URL, _ request: Request, calibratingOn set: CalibrationSet
  ) throws -> Report {
    let (folder, facts, head) = try CheckpointModel.describe(source)
    try require(request, set, facts, head, source)
    let model = try CheckpointModel.emptyModel(
      folder, scheme: request.scheme, head: head, precision: .float32, trains: false)
    let measurement = SiteMeasurement(model.rules, request.activations)
    let measured = try fill(model, from: source, measurement, set)
    for (name, steps) in model.measuredWeightSteps(by: request.weights) {
      _ = model.values(of: model.layout.required(name)).update(from: steps)
    }
    try requireFinite(model, folder)
    let made = noted(request, set, model)
    let config = config(of: folder, facts, head, request.scheme, made)
    try withExtendedLifetime(model) {
      try HuggingFaceFolder.write(
        to: output, config: config, tensors: ModelCheckpointIO.views(of: model), tokenizerFrom: source,
        card: ModelCard.text(config))
    }
    return Report(
      facts: made, siteCount: measured.keys.filter { $0.hasSuffix(".step") }.count,
      matrixCount: model.quantizedMatrices.count)
  }

  private static func require(
    _ request: Request, _ set: CalibrationSet, _ facts: PalierMetadata, _ head: Head, _ source: URL
  ) throws {
    guard request.scheme.isQuantized else { throw ModelError.quantizesNothing }
    guard !facts.scheme.isQuantized else {
      throw ModelError.alreadyQuantized(path: source.path, scheme: facts.scheme.title)
    }
    guard head != .none else { throw ModelError.noHead(source.path) }
    if request.needsData, set.sequences.isEmpty { throw ModelError.emptyCalibrationSet(set.names) }
  }

  /// Copies the checkpoint's parameters into `model` and sets the steps of its activations; the float32 model is gone after.
  private static func fill(
    _ model: EncoderModel, from source: URL, _ measurement: SiteMeasurement, _ set: CalibrationSet
  ) throws -> [String: Float] {
    let float = try CheckpointModel(source, precision: .float32, trains: false)
    if let missing = float.report.drawn.min() {
      throw ModelError.missingTensor(name: missing, path: float.folder.weights.path)
    }
    for parameter in float.model.layout.parameters {
      _ = model.values(of: model.layout.required(parameter.name)).update(from: float.model.values(of: parameter))
    }
    guard !measurement.isEmpty else { return [:] }
    float.model.prepareStep()
    let sequences = set.sequences.enumerated().map { number, ids in
      TokenSequence(
        ids: ids, labels: [Int32](repeating: TokenLabel.ignored, count: ids.count),
        number: UInt32(truncatingIfNeeded: number))
    }
    let measured = try measurement.run(float.model, Slices.cut(sequences, largestTokenCount: sliceTokens))
    for (name, value) in measured { model.parameters[model.layout.required(name).start] = value }
    return measured
  }

  private static func requireFinite(_ model: EncoderModel, _ folder: HuggingFaceFolder) throws {
    for parameter in model.layout.parameters where !model.isFinite(parameter) {
      throw ModelError.notFinite(tensor: parameter.name, path: folder.weights.path)
    }
  }

  // MARK: - What is noted

  private static func noted(_ request: Request, _ set: CalibrationSet, _ model: EncoderModel) -> PostTraining {
    let scheme = request.scheme
    let weights = scheme.weights.hasStep || scheme.embeddings.hasStep ? request.weights : nil
    let activations = scheme.activations.hasStep ? request.activations : nil
    var percentile: Double?
    for case .percentile(let share)? in [activations, weights] { percentile = share }
    return PostTraining(
      activations: scheme.activations.isPerToken ? "per-token" : activations?.name, weights: weights?.name,
      percentile: percentile, data: request.needsData ? set.facts : nil)
  }

  /// The checkpoint's configuration. What it tells of the training stays; scores and arithmetic were those of float32.
  private static func config(
    of folder: HuggingFaceFolder, _ facts: PalierMetadata, _ head: Head, _ scheme: Scheme, _ made: PostTraining
  ) -> HuggingFaceConfig {
    var fields = folder.config.fields[ModelCheckpointIO.palierSection]?.object ?? JSONFields()
    for gone in ["scores", "dequantized_from", "collapsed", "arithmetic"] { fields[gone] = nil }
    for (name, value) in PalierMetadata.fields(of: scheme) { fields[name] = value }
    fields["version"] = .string(PalierVersion.text)
    var isTagger = false
    if case .tokenClassification = head { isTagger = true }
    if facts.stage == nil {
      fields["stage"] = .string((isTagger ? TrainingStage.fineTuning : .pretraining).rawValue)
    }
    let forward = scheme.hasIntegerProducts ? "integer" : "float"
    fields["arithmetic"] = ["forward": .string(forward)]
    fields[PostTraining.key] = .object(made.fields)
    return ModelCheckpointIO.config(from: folder.config, head: head, labels: folder.config.labels, facts: fields)
  }
}
