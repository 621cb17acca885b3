import Base
import Compute
import Corpus
import Encoder
import Foundation
import Quantization
import Ranks
import Training

/// A model of made-up numbers and a global batch of made-up tokens, whose steps are timed.
final class BenchmarkedModel {
  let world: World
  let setting: StepBenchmark.Setting
  let model: EncoderModel
  let batch: GlobalBatch
  private var stepNumber: UInt32 = 0
  private var knowsActivationSteps = false
  private weak var lastStepped: Replica?

  init(_ setting: StepBenchmark.Setting, world: World) throws {
    (self.world, self.setting) = (world, setting)
    let head: Head = setting.labelCount.map { .tokenClassification(labelCount: $0) } ?? .maskedLanguageModel(tied: true)
    model = try EncoderModel(
      dimensions: setting.dimensions, scheme: setting.scheme, head: head, precision: setting.precision,
      sliceTokens: max(setting.sliceTokens, setting.largestSlice))
    for parameter in model.layout.parameters where parameter.kind != .stepSize && parameter.kind != .offset {
      BenchmarkedModel.fill(parameter, model)
    }
    model.initialiseWeightSteps()
    batch = BenchmarkedModel.makeBatch(setting)
  }

  /// Gradients and optimizer around the model, after one step that is not timed: its pages are touched. Collective.
  func replica(_ reduction: GradientStore.Kind, shardsOptimizer: Bool = false) throws -> Replica {
    let replica = Replica(
      world: world, model: model, reduction: reduction, settings: AdamWSettings(), lossBound: .infinity,
      shardsOptimizer: shardsOptimizer)
    replica.teacher = try setting.distillation.map { try Teacher(model: teacher($0.precision), weights: $0.weights) }
    try measureActivationSteps()
    _ = try step(replica)
    return replica
  }

  /// Another model of made-up numbers, unquantized.
  private func teacher(_ precision: Precision) throws -> EncoderModel {
    let teacher = try EncoderModel(
      dimensions: setting.dimensions, scheme: .float32, head: model.head, precision: precision,
      sliceTokens: setting.sliceTokens, trains: false)
    for parameter in teacher.layout.parameters { BenchmarkedModel.fill(parameter, teacher) }
    teacher.prepareStep()
    return teacher
  }

  /// Gives the activations their first steps, once. Collective.
  func measureActivationSteps() throws {
    guard setting.scheme.activations.hasStep, !knowsActivationSteps else { return }
    try ActivationCalibration.run(model, on: batch, world: world, dropout: dropout())
    knowsActivationSteps = true
  }

  /// One step: what it gave, and its seconds on this rank. Collective.
  func step(_ replica: Replica) throws -> (seconds: Double, outcome: StepOutcome) {
    // Another replica may have changed the model that they share.
    if lastStepped !== replica { replica.forgetChecksum() }
    lastStepped = replica
    let start = monotonicSeconds()
    let outcome = try replica.step(batch, dropout: nextDropout(), rates: LearningRates(1e-5))
    return (monotonicSeconds() - start, outcome)
  }

  /// The draws of a step, each time of another one.
  func nextDropout() -> SliceDropout {
    defer { stepNumber += 1 }
    return dropout()
  }

  private func dropout() -> SliceDropout {
    SliceDropout(
      seed: 1, step: stepNumber, hidden: setting.dropout, attention: setting.dropout, classifier: setting.dropout)
  }

  static func fill(_ parameter: ParameterInfo, _ model: EncoderModel) {
    let values = model.values(of: parameter)
    if parameter.kind == .normWeight { return values.update(repeating: 1) }
    guard parameter.kind == .matrix || parameter.kind == .table else { return }
    // Uniform draws of N(0, 0.02)'s spread: fast, and as good for timing.
    let philox = Philox(seed: 7, purpose: .modelInitialisation)
    Threads.forEachRange(parameter.count, length: 1 << 14) { range, _ in
      for i in range where i % 4 == 0 {
        let bits = philox.draw(UInt32(truncatingIfNeeded: i), UInt32(truncatingIfNeeded: parameter.start), 0, 0)
        for j in 0..<min(4, range.upperBound - i) { values[i + j] = (Float(bits[j] >> 8) * 0x1p-24 - 0.5) * 0.07 }
      }
    }
  }

  private static func makeBatch(_ setting: StepBenchmark.Setting) -> GlobalBatch {
    let philox = Philox(seed: 11, purpose: .blockOrder)
    let vocabulary = setting.dimensions.vocabularySize
    let sequences = (0..<setting.sequenceCount).map { s in
      let length = setting.lengths[s % setting.lengths.count]
      var ids: [Int32] = []
      var labels: [Int32] = []
      for t in 0..<length {
        let bits = philox.draw(UInt32(s), UInt32(t), 0, 0)
        ids.append(Int32(7 + Int(bits[0] % UInt32(vocabulary - 8))))
        let classes = UInt32(setting.labelCount ?? vocabulary)
        // 15 % of the tokens of masked-LM; about half the pieces begin a word.
        let isLabelled = setting.labelCount == nil ? bits[1] % 100 < 15 : bits[1] % 2 == 0
        labels.append(isLabelled ? Int32(bits[2] % classes) : TokenLabel.ignored)
      }
      return TokenSequence(ids: ids, labels: labels, number: UInt32(s))
    }
    return GlobalBatch(sequences, sliceTokens: setting.sliceTokens)
  }
}
