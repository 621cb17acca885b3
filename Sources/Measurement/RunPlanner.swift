import Base
import Checkpoints
import Compute
import Configuration
import Corpus
import Encoder
import Foundation
import Models
import Quantization
import Ranks
import Training

/// Makes a `RunPlan`: opens what a run would open, takes a few steps of each stage on batches of its shape, and writes nothing.
public struct RunPlanner {
  private let world: World
  private let configuration: RunConfiguration
  private let threadCount: Int
  private let start: StartingPoint

  /// Steps of each stage that are timed, after one that is not; fewer where they take long.
  private static let timedSteps = 4
  private static let longestMeasurement = 30.0
  /// What a run holds beside a model and its steps: corpora, tokenizer, logs, buffers of files. Seen in the demonstration.
  private static let runtimeBytes = 32 << 20

  /// Opens what the run would start from. Collective.
  /// - Parameter trusts: whether the starting checkpoint's checksums are passed over.
  public init(world: World, configuration: RunConfiguration, threadCount: Int, trusts: Bool = false) throws {
    (self.world, self.configuration, self.threadCount) = (world, configuration, threadCount)
    start = try StartingPoint(configuration, world: world, trusts: trusts)
  }

  /// - Parameter rate: tokens a second of the whole run, in both stages; nil: measured here. Collective.
  public func make(rate: Double? = nil) throws -> RunPlan {
    var stages: [RunPlan.Stage] = []
    var parameterCount = 0
    var notes: [String] = []
    var storeBytes = 0
    let budget = configuration.budget
    if budget.pretrainingSteps > 0 {
      let stream = try world.agree { try tokenStream() }
      storeBytes = stream.storeBytes
      if let note = stream.note { notes.append(note) }
      let shape = pretrainingShape(stream)
      stages.append(try stage(shape, rate, &parameterCount))
    }
    if budget.fineTuningSteps > 0 {
      let data = try world.agree {
        try FineTuningData(
          configuration.fineTuning, seed: configuration.seed, batchSize: configuration.batch.size,
          tokenizer: start.tokenizer, longestSequence: start.source.config.longestSequence)
      }
      stages.append(try stage(try world.agree { try fineTuningShape(data) }, rate, &parameterCount))
    }
    if start.ramp.parts.count > 1 { notes.append("steps were timed in the ramp's first scheme, \(start.scheme.title)") }
    let peak = Int(try world.maximum(Int64(StepBenchmark.peakMemory())))
    return RunPlan(
      stages: stages, rankCount: world.count, threadCount: threadCount, parameterCount: parameterCount,
      bytesPerRank: peak + RunPlanner.runtimeBytes + averageBytes(parameterCount).held,
      // The mapped starting checkpoint, the copy of parameters and moments, and that of a best model beside it; the codes of the
      // last look at the quantizers.
      bytesOfLeader: peak + RunPlanner.runtimeBytes + (budget.fineTuningSteps > 0 ? 20 : 16) * parameterCount
        + (start.scheme.isQuantized ? parameterCount : 0)
        + averageBytes(parameterCount).held + averageBytes(parameterCount).saved,
      checkpointBytes: checkpointBytes(parameterCount),
      storeBytes: storeBytes, isMeasured: rate == nil, notes: notes)
  }

  // MARK: - A stage's shape

  /// What a stage computes on, without its numbers.
  private struct Shape {
    var stage: TrainingStage
    /// Tokens of each sequence of a few batches.
    var lengths: [Int]
    var tokensPerStep: Double
    var sliceTokens: Int
    var labelCount: Int?
    var samples: (name: String, count: Int)
    var evaluationTokens: Int
    var testTokens: Int
  }

  private func pretrainingShape(_ stream: TokenStream) -> Shape {
    let settings = configuration.pretraining
    let blocks = stream.tokenCount / settings.blockLength
    let split = blocks >= 2 ? BlockSplit(blockCount: blocks, seed: configuration.seed) : nil
    let held = min(split?.validation.count ?? 0, settings.validationBlocks)
    return Shape(
      stage: .pretraining, lengths: [settings.blockLength],
      tokensPerStep: Double(configuration.batch.size * settings.blockLength), sliceTokens: settings.sliceTokens,
      labelCount: nil,
      samples: ("blocks", split?.training.count ?? 0), evaluationTokens: held * settings.blockLength, testTokens: 0)
  }

  private func fineTuningShape(_ data: FineTuningData) throws -> Shape {
    if data.trainingWindowCount == 0 { throw TrainingError.emptySplit("train") }
    let tokens = configuration.evaluation.sliceTokens
    func count(_ split: TaggedSplitName) -> Int {
      data.groups(split, tokens: tokens).reduce(0) { $0 + $1.slices.reduce(0) { $0 + $1.tokenCount } }
    }
    let lengths = try (0..<RunPlanner.timedSteps).flatMap { step in
      try data.batch(step).slices.flatMap { $0.sequences.map(\.ids.count) }
    }
    let tests = configuration.evaluation.testAtEnd && !data.corpus.test.isEmpty
    return Shape(
      stage: .fineTuning, lengths: lengths,
      tokensPerStep: data.tokensPerStep ?? 0, sliceTokens: configuration.fineTuning.sliceTokens,
      labelCount: data.labels.count, samples: ("windows", data.trainingWindowCount),
      evaluationTokens: count(data.evaluationSplit), testTokens: tests ? count(.test) : 0)
  }

  /// The first stage's tokens: counted in a store, guessed from the beginning of a text.
  private struct TokenStream {
    var tokenCount: Int
    var storeBytes = 0
    var note: String?
  }

  private func tokenStream() throws -> TokenStream {
    let settings = configuration.pretraining
    if !settings.store.isEmpty {
      return TokenStream(tokenCount: try TokenStore(folder: URL(fileURLWithPath: settings.store)).tokenCount)
    }
    let files = settings.text.map { URL(fileURLWithPath: $0) }
    let byteCount = try files.reduce(0) { $0 + (try $1.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0) }
    let handle = try FileHandle(forReadingFrom: files[0])
    defer { try? handle.close() }
    let sample = try handle.read(upToCount: 1 << 20) ?? Data()
    let tokens = try start.tokenizer.encodePlain(String(decoding: sample, as: UTF8.self)).count
    let all = Int(Double(byteCount) * Double(tokens) / Double(max(sample.count, 1)))
    return TokenStream(
      tokenCount: all, storeBytes: all * (start.tokenizer.vocabularySize > 65_536 ? 4 : 2),
      note: "the text's tokens are guessed from its first \(byteSize(sample.count)): about \(grouped(all))")
  }

  // MARK: - Time

  private func stage(_ shape: Shape, _ rate: Double?, _ parameterCount: inout Int) throws -> RunPlan.Stage {
    let measured = try measure(shape, steps: rate == nil ? RunPlanner.timedSteps : 0)
    parameterCount = max(parameterCount, measured.parameterCount)
    let evaluations = EvaluationPoints(configuration).count(of: shape.stage)
    return RunPlan.Stage(
      stage: shape.stage, steps: configuration.budget.steps(of: shape.stage), sequences: configuration.batch.size,
      tokensPerStep: shape.tokensPerStep, samples: shape.samples, evaluationCount: evaluations,
      evaluationTokens: Double(evaluations * shape.evaluationTokens + shape.testTokens),
      secondsPerStep: shape.tokensPerStep * (rate.map { 1 / $0 } ?? measured.secondsPerToken),
      // A forward pass is a third of a step's products.
      secondsPerEvaluationToken: rate.map { 1 / (3 * $0) } ?? measured.secondsPerEvaluationToken)
  }

  private struct Measured {
    var parameterCount: Int
    var secondsPerToken = 0.0
    var secondsPerEvaluationToken = 0.0
  }

  /// Steps on made-up tokens of the shape; at least one, which also takes the memory that a run's steps take.
  private func measure(_ shape: Shape, steps: Int) throws -> Measured {
    let benchmarked = try BenchmarkedModel(setting(shape), world: world)
    let replica = try benchmarked.replica(start.plan.reduction, shardsOptimizer: configuration.compute.shardOptimizer)
    var measured = Measured(parameterCount: benchmarked.model.layout.elementCount)
    guard steps > 0 else { return measured }
    var seconds: [Double] = []
    while seconds.count < steps, try world.maximum(seconds.reduce(0, +)) < RunPlanner.longestMeasurement {
      seconds.append(try benchmarked.step(replica).seconds)
    }
    let median = try world.maximum(seconds.median ?? 0)
    let tokens = Double(benchmarked.batch.tokenCount)
    measured.secondsPerToken = median / tokens
    let evaluation = Evaluation(world: world, model: benchmarked.model)
    let started = monotonicSeconds()
    _ = try evaluation.maskedLanguageModel(benchmarked.batch.slices)
    measured.secondsPerEvaluationToken = try world.maximum(monotonicSeconds() - started) / tokens
    return measured
  }

  private func setting(_ shape: Shape) throws -> StepBenchmark.Setting {
    var setting = StepBenchmark.Setting()
    setting.dimensions = ModelCheckpointIO.dimensions(start.source.config)
    (setting.scheme, setting.precision, setting.reduction) = (
      start.scheme, start.plan.precision, start.plan.reduction
    )
    // One batch of lengths drawn evenly from a few: steps of sentences differ.
    let lengths = shape.lengths.sorted()
    setting.sequenceCount = configuration.batch.size
    setting.lengths = (0..<configuration.batch.size).map {
      lengths[($0 * lengths.count + lengths.count / 2) / configuration.batch.size % lengths.count]
    }
    setting.sliceTokens = shape.sliceTokens
    setting.largestSlice = max(shape.sliceTokens, configuration.evaluation.sliceTokens)
    setting.dropout = Float(configuration.dropout.hidden)
    setting.labelCount = shape.labelCount
    setting.shardsOptimizer = configuration.compute.shardOptimizer
    let distillation = configuration.distillation
    let teaching = shape.labelCount == nil ? distillation.pretraining : distillation.fineTuning
    if teaching.isOn {
      // A teacher with quantizers of its own is somewhat faster.
      let (precision, _) = try ComputePlan.products(
        forward: teaching.forward, backward: .automatic, attention: configuration.compute.attention, scheme: .float32,
        features: .current)
      setting.distillation = (DistillationWeights(teaching), precision)
    }
    return setting
  }

  // MARK: - Disk

  /// Checkpoints with moments, those that are kept and the one being written; `alpha` and `best` without.
  private func checkpointBytes(_ parameterCount: Int) -> Int {
    let averaged = averageBytes(parameterCount).saved
    let whole = (12 * parameterCount + averaged) * (configuration.checkpoints.keepLast + 1)
    let stages =
      (configuration.budget.pretrainingSteps > 0 ? 1 : 0) + (configuration.budget.fineTuningSteps > 0 ? 1 : 0)
    let models = averaged > 0 ? 2 * stages : stages
    return whole + 4 * parameterCount * models
  }

  /// What the average of the weights takes: in memory, a rank's shards of it, and in a checkpoint.
  private func averageBytes(_ parameterCount: Int) -> (held: Int, saved: Int) {
    let averaging = configuration.averaging
    let (held, saved) =
      switch averaging.kind {
      case .none: (0, 0)
      case .ema: (1, 1)
      case .latest: (averaging.count + 1, averaging.count)
      }
    return (4 * parameterCount * held / max(world.count, 1), 4 * parameterCount * saved)
  }
}
