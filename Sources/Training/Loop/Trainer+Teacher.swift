import Checkpoints
import Compute
import Configuration
import Corpus
import Encoder
import Foundation
import Models
import Ranks

// The teacher of a stage: opened and held against the student before the first step, loaded when its stage begins.

extension Trainer {
  /// What a stage learns from a teacher; nil: nothing.
  private func teaching(_ stage: TrainingStage) -> RunConfiguration.Teaching? {
    let distillation = configuration.distillation
    let teaching = stage == .pretraining ? distillation.pretraining : distillation.fineTuning
    return teaching.isOn ? teaching : nil
  }

  /// The folder of a stage's teacher.
  private func teacherURL(_ stage: TrainingStage) -> URL? {
    teaching(stage).map { URL(fileURLWithPath: $0.teacher.isEmpty ? configuration.model.checkpoint : $0.teacher) }
  }

  /// Opens a stage's teacher as far as to know whether it can teach. Collective.
  func openTeacher(of stage: TrainingStage) throws {
    guard let teaching = teaching(stage), let url = teacherURL(stage) else { return }
    let sha256 = try world.agree {
      let (folder, _, head) = try CheckpointModel.describe(url)
      try requireLikeness(folder, url)
      if teaching.logits > 0 { try requireHead(head, of: folder, url, stage) }
      return try folder.fingerprint()
    }
    try identify([(stage == .pretraining ? .pretrainingTeacher : .fineTuningTeacher, sha256)])
  }

  /// The same dimensions and the same tokenizer.
  private func requireLikeness(_ folder: HuggingFaceFolder, _ url: URL) throws {
    let (own, other) = (ModelCheckpointIO.dimensions(source.config), ModelCheckpointIO.dimensions(folder.config))
    guard own == other else {
      throw TrainingError.teacher(
        url.path, "its dimensions are others than those of \(source.url.path); a teacher has the student's")
    }
    guard FileManager.default.fileExists(atPath: url.appendingPathComponent(Tokenizer.modelFileName).path) else {
      return
    }
    guard try Tokenizer(folder: url).fingerprint == tokenizer.fingerprint else {
      throw TrainingError.teacher(url.path, "its tokenizer is another one: its ids mean other pieces")
    }
  }

  /// The head of the stage, with the labels of its corpus in their order.
  private func requireHead(_ head: Head, of folder: HuggingFaceFolder, _ url: URL, _ stage: TrainingStage) throws {
    switch (stage, head) {
    case (.pretraining, .maskedLanguageModel): return
    case (.fineTuning, .tokenClassification):
      guard let fineTuning, folder.config.labels == fineTuning.labels.names else {
        throw TrainingError.teacher(url.path, "its labels are not those of the corpus, or stand in another order")
      }
    default:
      let wanted = stage == .pretraining ? "masked-LM head" : "classifier"
      throw TrainingError.teacher(
        url.path, "it has no \(wanted), so it has no logits to learn from: give one that has, or set logits to 0")
    }
  }

  /// Gives the replica the teacher of a stage, which takes the place of the one before. Collective.
  func learnFromTeacher(of stage: TrainingStage) throws {
    // Two of them may not fit.
    (teacher, replica.teacher) = (nil, nil)
    teacher = try loadTeacher(of: stage)
    replica.teacher = teacher
  }

  /// The teacher of a stage, read by rank zero and given to all; nil without one. Collective.
  private func loadTeacher(of stage: TrainingStage) throws -> Teacher? {
    guard let teaching = teaching(stage), let url = teacherURL(stage) else { return nil }
    let features = try CPUFeatures.common(to: world)
    let sliceTokens =
      stage == .pretraining ? configuration.pretraining.sliceTokens : configuration.fineTuning.sliceTokens
    let (folder, model) = try world.agree {
      let (folder, facts, head) = try CheckpointModel.describe(url)
      let (precision, _) = try ComputePlan.products(
        forward: teaching.forward, backward: .automatic, attention: configuration.compute.attention,
        head: configuration.compute.head, scheme: facts.scheme, features: features)
      let model = try CheckpointModel.emptyModel(
        folder, scheme: facts.scheme, head: teaching.logits > 0 ? head : .none, precision: precision,
        sliceTokens: sliceTokens, trains: false)
      return (folder, model)
    }
    let report = try world.fromLeader {
      try ModelCheckpointIO.load(folder, into: model, seed: 0, range: 0, drawsHead: false, keepsFittingSteps: true)
    }
    try world.agree {
      guard report.unmeasuredSites.isEmpty else {
        throw TrainingError.teacher(url.path, "it lacks the step sizes of \(report.unmeasuredSites[0])")
      }
    }
    try world.broadcast(UnsafeMutableRawBufferPointer(model.parameters.elements))
    try world.agree { try ModelCheckpointIO.keepScales(of: folder, in: model) }
    model.prepareStep()
    note(
      "\(stage == .pretraining ? "masked-LM" : "token classification") learns from \(url.path) (\(model.scheme.title))")
    return Teacher(model: model, weights: DistillationWeights(teaching))
  }
}
