import Base
import Checkpoints
import Compute
import Encoder
import Foundation
import Models
import Observability
import Ranks

/// A checkpoint that a run goes on from: the leader has its files, all ranks what it says.
struct ResumedRun {
  let progress: RunProgress
  let path: String
}

extension Trainer {
  // MARK: - Writing

  /// Parameters, moments and progress, as `checkpoints/step-…`; the write itself may go on while training does.
  func saveCheckpoint() throws {
    progress.seconds = elapsed
    progress.joules = try energy().joules
    progress.updateCount = replica.optimizer.stepCount
    (progress.madeWith, progress.identity) = (identity, outline)
    noteAverage()
    // The job in flight reads the snapshot: it must be done before the next one is taken. What became of it does not concern
    // this one.
    try drainCheckpoints()
    try replica.takeSnapshot(into: leader?.snapshot, average: average)
    try onLeader { outputs in
      let parameterCount = ModelCheckpointIO.views(of: replica.model).count
      let state = CheckpointState(
        config: config(), tensors: Array(outputs.snapshot.tensors.prefix(parameterCount)),
        arrays: Array(outputs.snapshot.tensors.dropFirst(parameterCount)),
        values: ["progress": .string(try progress.text())], tokenizer: tokenizer.modelFile.deletingLastPathComponent())
      let (series, step) = (outputs.series, progress.globalStep)
      try outputs.writer.submit { try series.write(step: step) { try state.write(into: $0) } }
      if !configuration.checkpoints.asynchronous { try outputs.writer.drain() }
    }
  }

  /// Waits for the checkpoint in flight.
  func drainCheckpoints() throws { try onLeader { try $0.writer.drain() } }

  /// The model with its masked-LM head at the end of the first stage: the switch, or the end of the run.
  func saveAlpha() throws {
    let isSaved = try saveModel { $0.series.alpha }
    note(
      (configuration.budget.fineTuningSteps == 0 ? "end of masked-LM" : "switch at α = \(configuration.budget.alpha)")
        + (isSaved ? ": encoder saved as checkpoints/alpha" : ": the encoder could not be saved as checkpoints/alpha"))
  }

  /// - Returns: on every rank, whether it was written.
  func saveBest() throws -> Bool { try saveModel { $0.series.best } }

  /// What the run should have left by now and could not write, in words; the same on every rank. Collective.
  /// - Parameter isFinished: the run is at its end, and not only stopped.
  func unwritten(isFinished: Bool) throws -> [String] {
    try drainCheckpoints()
    return try world.fromLeader { [lostAverages] in
      let alpha = configuration.budget.pretrainingSteps > 0 && (progress.stage == .fineTuning || isFinished)
      let best = lostBest.map { ["checkpoints/best of step \($0.step)"] } ?? []
      return best + lostAverages + (leader?.missing(at: progress.globalStep, alpha: alpha) ?? [])
    }
  }

  /// - Parameter average: what the parameters are an average of; nil: they are the weights.
  /// - Returns: on every rank, whether it was written.
  @discardableResult
  func saveModel(average: AverageProgress? = nil, to place: (RunOutputs) -> URL) throws -> Bool {
    try onLeader { outputs in
      let state = CheckpointState(
        config: config(average), tensors: ModelCheckpointIO.views(of: replica.model), arrays: [], values: [:],
        tokenizer: tokenizer.modelFile.deletingLastPathComponent())
      try AtomicFolder.write(to: place(outputs), replacingAnything: true) { try state.write(into: $0) }
    }
  }

  /// Runs `work` on rank zero; every rank learns of a failure, which stops the run or, by choice, only costs the checkpoint.
  /// - Returns: on every rank, whether it succeeded.
  @discardableResult
  private func onLeader(_ work: (RunOutputs) throws -> Void) throws -> Bool {
    try world.fromLeader {
      guard let leader else { return true }
      do { try work(leader) } catch {
        guard configuration.checkpoints.onWriteFailure == .proceed else { throw error }
        leader.observers?.warn("\(error); training goes on to the next checkpoint")
        return false
      }
      return true
    }
  }

  private func config(_ average: AverageProgress? = nil) -> HuggingFaceConfig {
    var facts = PalierMetadata.fields(of: scheme)
    facts["version"] = .string(PalierVersion.text)
    facts["stage"] = .string(progress.stage.rawValue)
    facts["global_step"] = .integer(progress.globalStep)
    if let collapse = progress.collapseReports.last {
      facts["collapsed"] = .string("\(collapse.stage): \(collapse.words)")
    }
    if let task = fineTuning?.corpus.task { facts["task"] = .string(task.rawValue) }
    if let fineTuning {
      if let tokenization = fineTuning.notedTokenization { facts["tokenization"] = .string(tokenization.rawValue) }
      facts["maximum_tokens"] = .integer(configuration.fineTuning.maximumTokens)
    }
    let made = PalierMetadata.fields(ofArithmetic: Arithmetic(plan).namedTexts, changes: progress.changes ?? [])
    for (name, value) in made { facts[name] = value }
    var provenance = provenance
    if let average {
      facts["average"] = .string(average.words)
      provenance.measured = average.lastEvaluation
    }
    for (name, value) in provenance.fields { facts[name] = value }
    return ModelCheckpointIO.config(
      from: source.config, head: replica.model.head, labels: fineTuning?.labels.names, facts: facts)
  }

  /// Where the parameters come from, by now.
  private var provenance: Provenance {
    let budget = configuration.budget
    var provenance = Provenance(
      alpha: budget.alpha, seed: configuration.seed, pretrainingSteps: budget.pretrainingSteps,
      fineTuningSteps: budget.fineTuningSteps, batchSize: configuration.batch.size)
    provenance.data = identity.sources(configuration)
    provenance.measured = progress.lastEvaluation
    return provenance
  }

  // MARK: - Reading

  /// The newest intact checkpoint of the run's folder; nil where none was ever finished, so that the run starts again.
  /// Collective.
  func findCheckpoint() throws -> ResumedRun? {
    struct Found: Codable {
      var progress: RunProgress?
      var path = ""
      var skipped: [String] = []
    }
    let found: Found = try world.fromLeader {
      guard let leader else { return Found() }
      let found = try leader.series.latestIntact()
      guard let checkpoint = found.checkpoint else {
        if found.skipped.isEmpty { return Found() }
        throw TrainingError.nothingToResume(([leader.folder.url.path] + found.skipped).joined(separator: "; "))
      }
      let state = try TrainerStateFile(checkpoint.url)
      return Found(progress: try RunProgress(state), path: checkpoint.url.path, skipped: found.skipped)
    }
    guard let progress = found.progress else { return nil }
    found.skipped.forEach { leader?.say("warning: \($0)") }
    return ResumedRun(progress: progress, path: found.path)
  }

  /// Fills parameters and moments from a checkpoint: the leader reads, all ranks get the same bits, or their shards of them.
  func load(_ resumed: ResumedRun) throws {
    let url = URL(fileURLWithPath: resumed.path)
    try world.agree {
      guard world.isLeader else { return }
      let folder = try HuggingFaceFolder(url)
      _ = try ModelCheckpointIO.load(
        folder, into: replica.model, seed: configuration.seed, range: 0.02, drawsHead: false, keepsFittingSteps: true)
    }
    try shareParameters()
    try replica.spreadMoments { try TrainerStateFile(url).arrays.floats($0.rawValue, into: $1) }
    replica.optimizer.stepCount = resumed.progress.updateCount
    try restoreAverage(from: url)
  }

  /// The best checkpoint's parameters, on every rank.
  func loadBest() throws {
    try drainCheckpoints()
    try world.agree {
      guard let leader else { return }
      try AtomicFolder.verify(leader.series.best)
      let folder = try HuggingFaceFolder(leader.series.best)
      _ = try ModelCheckpointIO.load(
        folder, into: replica.model, seed: configuration.seed, range: 0.02, drawsHead: false, keepsFittingSteps: true)
    }
    try shareParameters()
  }

  private func shareParameters() throws {
    try world.broadcast(UnsafeMutableRawBufferPointer(replica.model.parameters.elements))
  }

  // MARK: - The switch

  /// From masked-LM to token classification: rank zero's decision, which all carry out. The encoder and its quantizers stay,
  /// the MLM head goes, the classifier comes, moments and schedule start afresh (docs/numerics.md, "Budget").
  func switchStage(to stage: TrainingStage) throws {
    let decided: String = try world.fromLeader { stage.rawValue }
    progress.stage = TrainingStage(rawValue: decided) ?? stage
    progress.stageStep = 0
    progress.updateCount = 0
    progress.firstLoss = nil
    progress.skippedInStage = nil
    progress.lastEvaluation = nil
    progress.average = nil
    note("rank 0 switches from masked-LM to token classification after step \(progress.globalStep)")
    guard replica != nil else { return }
    let former = replica.model.layout.headRange
    var kept = takeParameters { !former.contains($0.start) }
    let model = try makeModel(stage)
    model.take(kept)
    kept = []
    for parameter in model.layout.parameters where model.layout.headRange.contains(parameter.start) {
      ModelCheckpointIO.draw(parameter, model, seed: configuration.seed, range: Float(source.config.initializerRange))
    }
    if scheme.resetSteps == .reload {
      measureStepsAnew(of: model)
      note("quantization.reset_steps is reload: steps are set again, those of activations on the next batch")
    }
    adopt(makeReplica(around: model))
  }
}

/// What one checkpoint folder holds.
private struct CheckpointState: @unchecked Sendable {
  let config: HuggingFaceConfig
  let tensors: [TensorView]
  let arrays: [TensorView]
  let values: JSONFields
  let tokenizer: URL

  func write(into stage: AtomicFolder.Stage) throws {
    try HuggingFaceFolder.write(
      into: stage, config: config, tensors: tensors, tokenizerFrom: tokenizer, card: ModelCard.text(config))
    if !arrays.isEmpty { try TrainerStateFile.write(into: stage, arrays: arrays, values: values) }
  }
}
