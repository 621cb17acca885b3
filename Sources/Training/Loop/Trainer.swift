import Base
import Checkpoints
import Compute
import Configuration
import Corpus
import Encoder
import Foundation
import Models
import Observability
import Quantization
import Ranks

/// One run on all ranks: both stages, the switch at α between them, evaluation, checkpoints and logs. Rank zero leads.
///
/// Every rank runs the same code; what only rank zero does (files, logs) stands behind `leader`.
public final class Trainer {
  let world: World
  let configuration: RunConfiguration
  /// The schemes of the run, and the number of the model's.
  let ramp: SchemeRamp
  var part = 0
  let threadCount: Int
  /// Where this rank's memory belongs.
  let nodes: NUMAPlan
  let resumes: Bool
  /// Keys whose values may differ from those of the run that is resumed.
  let allowedChanges: Set<String>
  /// What determines the result, and what did before a resume.
  var identity: RunIdentity
  var earlier: RunIdentity?
  var earlierPath = ""
  /// What the user let change on this resume.
  var changes: [String] = []
  /// Whether checksums of the starting checkpoint and the token store are passed over.
  let trusts: Bool
  var progress = RunProgress()
  var leader: RunOutputs?
  let source: HuggingFaceFolder
  let tokenizer: Tokenizer
  var evaluations: [EvaluationReport] = []
  let start = monotonicSeconds()
  var secondsBefore = 0.0
  /// The counters of this host, on its first rank.
  var meter: EnergyMeter?
  /// Energy of the run before this start, in joules.
  var joulesBefore = 0.0
  /// The model of the stage at hand with its gradients and optimizer; there once the stage's model is made.
  var replica: Replica!
  var fineTuning: FineTuningData?
  /// The first stage's head.
  private let maskedLMHead: Head
  /// The first stage's text as it is to be tokenized, or its token store.
  var textPlan: TokenizationPlan?
  var store: TokenStore?
  /// The present stage's teacher; nil without one.
  var teacher: Teacher?
  /// The average of its weights; nil without one.
  var average: WeightAverage?
  /// Averages that could not be written.
  var lostAverages: [String] = []
  /// The best evaluation since the one in `progress` whose checkpoint could not be written.
  var lostBest: (step: Int, score: Double)?
  /// The fault that this rank is to make on purpose.
  let drill: FaultDrill?
  /// Reads the token store through while the first stage trains on it.
  var storeCheck: StoreCheck?
  var hasWarnedOfUnmasked = false
  var hasNotedSlowRank = false
  /// The codes of rank zero's weights and tables when its sites were last reported.
  let codeRecord = CodeRecord()

  /// The way that exact sums take over the ranks.
  private var reductionPath = ReductionPath.ring

  /// Opens everything that can fail on a user's mistake. Collective.
  public init(
    world: World, configuration: RunConfiguration, resumes: Bool, allowedChanges: Set<String> = [],
    trusts: Bool = false, threadCount: Int, placementLine: String, nodes: NUMAPlan = .oneNode
  ) throws {
    self.world = world
    self.configuration = configuration
    self.resumes = resumes
    self.allowedChanges = allowedChanges
    self.trusts = trusts
    self.threadCount = threadCount
    self.nodes = nodes
    let start = try StartingPoint(configuration, world: world, trusts: trusts)
    (ramp, source, tokenizer) = (start.ramp, start.source, start.tokenizer)
    maskedLMHead = try world.agree { try Head.maskedLanguageModel(of: start.source, configuration.model.tied) }
    drill = try FaultDrill.announced(on: world)
    // The arithmetic that most of a ramp's steps wait for: that of its last scheme.
    identity = RunIdentity(configuration, Arithmetic(start.ramp.parts.last!.plan))
    let startsFrom = try world.agree { [source] in try source.fingerprint() }
    try identify([(.checkpoint, startsFrom), (.tokenizer, tokenizer.fingerprint)])
    leader = try world.agree {
      world.isLeader ? try RunOutputs(configuration, resumes: resumes) : nil
    }
    (progress.identity, progress.arithmetic) = (outline, plan.summary)
    if let leader { leader.say(placementLine) }
  }

  /// The scheme of the model as it is, and what its products come to.
  var scheme: Scheme { ramp.parts[part].scheme }
  var plan: ComputePlan { ramp.parts[part].plan }

  /// The run in short.
  var outline: String {
    let c = configuration
    return
      "\(ramp.parts[0].scheme.title) seed \(c.seed) steps \(c.budget.totalSteps) alpha \(c.budget.alpha) batch \(c.batch.size)"
  }

  /// Runs to the end, or to a signal.
  public func run() throws -> RunEnding {
    let resumed = try resumes ? findCheckpoint() : nil
    if let resumed { progress = resumed.progress }
    if resumed == nil, configuration.budget.pretrainingSteps == 0 { progress.stage = .fineTuning }
    // A checkpoint at a change of the scheme is of the one before.
    part = ramp.part(of: progress.stage, step: max(progress.stageStep - 1, 0))
    let stages = [TrainingStage.pretraining, .fineTuning].filter {
      stepCount($0) > 0 && !($0 == .pretraining && progress.stage == .fineTuning)
    }
    // Both stages' data are opened before the first step, and before any file is written: what is wrong with the second must
    // not wait for the switch, and a run that is not to be continued stays as it is.
    try stages.forEach(openSources)
    try stages.forEach(openTeacher)
    if let resumed {
      try world.agree { try requireSameRun(as: resumed) }
      try world.agree {
        if changes.isEmpty { try resumed.progress.check(stepCount(.pretraining), stepCount(.fineTuning)) }
      }
    }
    try openRun(resumed)
    try chooseReductionPath()
    let data = try stages.map { (stage: $0, data: try openData($0)) }
    for (stage, data) in data { try warnOfStart(stage, data) }
    for (stage, data) in data {
      if progress.stage != stage { try switchStage(to: stage) }
      if replica == nil { try makeReplica(stage, resumed: resumed) }
      hasNotedSlowRank = false
      try learnFromTeacher(of: stage)
      if let ending = try runStage(stage, data) { return ending }
      if stage == .pretraining {
        try checkStore(waits: true)
        try saveAlpha()
      }
      try saveAverage(stage)
    }
    return try finish() ? .finished : .unwritten
  }

  func stepCount(_ stage: TrainingStage) -> Int { configuration.budget.steps(of: stage) }

  /// Elapsed seconds of the run, those before a resume included.
  var elapsed: Double { secondsBefore + monotonicSeconds() - start }

  func note(_ text: String) { leader?.observers?.note(text) }

  // MARK: - Opening

  private func openRun(_ resumed: ResumedRun?) throws {
    progress.arithmetic = plan.summary
    secondsBefore = progress.seconds
    joulesBefore = progress.joules ?? 0
    if world.localRank == 0 { meter = EnergyMeter() }
    if !changes.isEmpty { progress.changes = (progress.changes ?? []) + changes }
    let start = StartReport(
      version: PalierVersion.text, summary: identity.arithmetic.words,
      arithmetic: identity.arithmetic.namedTexts,
      data: identity.prints.map { NamedText($0.name, $0.value) }, audit: fineTuning?.audit.lines ?? [],
      ranks: world.count, threads: threadCount, changes: changes)
    try world.agree {
      try leader?.openLogs(
        configuration, start, fineTuningTokens: fineTuning?.tokensPerStep, resumingAt: resumed?.progress.globalStep)
    }
    let hosts = try world.hosts()
    try world.agree {
      try leader?.writeFacts(configuration, identity.arithmetic, hosts: hosts, threads: threadCount)
    }
    plan.notes.forEach(note)
    if let line = ramp.line { note(line) }
    StartWarnings.lines(of: configuration.budget).forEach(warn)
    if let resumed {
      note("resuming at step \(progress.globalStep) from \(resumed.path)")
      for change in changes { leader?.observers?.warn("allowed by --allow-changes: \(change)") }
    } else if let leader, resumes || leader.folder.wasStartedBefore {
      note("\(leader.folder.url.path) holds no checkpoint of an earlier start: the run starts from its first step")
    }
  }

  /// A stage's batches and its evaluation.
  enum StageData {
    case pretraining(PretrainingData)
    case fineTuning(FineTuningData)

    func batch(_ step: Int) throws -> GlobalBatch {
      switch self {
      case .pretraining(let data): try data.batch(step)
      case .fineTuning(let data): try data.batch(step)
      }
    }
  }

  private func openData(_ stage: TrainingStage) throws -> StageData {
    switch stage {
    case .pretraining:
      let store = try openTokens()
      if !trusts { storeCheck = try StoreCheck(store, world: world, record: leader?.folder.checkedStores) }
      let data = try world.agree {
        try PretrainingData(store: store, tokenizer: tokenizer, configuration: configuration)
      }
      note(
        "masked-LM: \(data.blockCount) training blocks of \(configuration.pretraining.blockLength) tokens, "
          + "\(data.validation.count) blocks at each evaluation")
      return .pretraining(data)
    case .fineTuning:
      guard let data = fineTuning else { preconditionFailure("openSources comes first") }
      data.audit.lines.forEach(note)
      if data.corpus.validation.isEmpty {
        note("the corpus has no validation split: `best` is chosen by the scores on the training split")
      }
      return .fineTuning(data)
    }
  }

  /// The token store of the configuration, made from its text files first where it names those.
  private func openTokens() throws -> TokenStore {
    if let store { return store }
    guard let plan = textPlan else { preconditionFailure("openSources comes first") }
    let folder = URL(fileURLWithPath: configuration.output).appendingPathComponent("store")
    let isMade: Bool = try world.fromLeader {
      (try? TokenStore(folder: folder))?.manifest.isMade(
        from: plan, by: tokenizer.fingerprint, dropsDuplicates: configuration.pretraining.dropDuplicates) ?? false
    }
    if !isMade { try tokenize(plan, into: folder) }
    let made = try world.agree { try TokenStore(folder: folder) }
    store = made
    try identify([(.tokens, made.manifest.sha256)])
    // Where the run had a store before, it is its tokens that this text must give.
    if let earlier { _ = try allowedDifferences(from: earlier, path: earlierPath) }
    return made
  }

  /// Ends the run where its token store was found damaged; `waits`: until it has been read to the end.
  func checkStore(waits: Bool) throws {
    if let line = try storeCheck?.requireSound(waits: waits) { note(line) }
  }

  private func tokenize(_ plan: TokenizationPlan, into folder: URL) throws {
    note("tokenizing \(configuration.pretraining.text.joined(separator: ", "))")
    if world.isLeader {
      RepeatedFiles.lines(configuration.pretraining.text.map { URL(fileURLWithPath: $0) }).forEach(warn)
    }
    try world.agree {
      // What an earlier start made of another text.
      guard world.isLeader, FileManager.default.fileExists(atPath: folder.path) else { return }
      try AtomicFolder.remove(folder)
    }
    let manifest = try Tokenization.run(
      world: world, plan: plan, tokenizer: tokenizer, into: folder,
      dropsDuplicates: configuration.pretraining.dropDuplicates)
    if let manifest {
      note(
        "\(manifest.tokenCount) tokens, \(manifest.documentCount) documents, \(manifest.replacementCount) replaced characters"
      )
      if let line = manifest.duplicatesLine { note(line) }
    }
  }

  // MARK: - The model

  /// Takes the way of sums that was asked for, or the faster one of this cluster. Collective.
  private func chooseReductionPath() throws {
    if let asked = configuration.compute.allReduce.choice {
      reductionPath = asked
    } else if world.count > 1, plan.reduction == .fixedPoint, !configuration.compute.shardOptimizer {
      let timing = try ReductionTiming.measure(world: world)
      reductionPath = timing.fastest
      note(timing.line)
    }
  }

  private func makeReplica(_ stage: TrainingStage, resumed: ResumedRun?) throws {
    let model = try makeModel(stage)
    adopt(makeReplica(around: model))
    if let resumed {
      try load(resumed)
    } else {
      try loadStart(into: model)
    }
    try reportPages()
  }

  /// One line on where the parameters lie; none where every rank's machine has one node.
  private func reportPages() throws {
    let parameters = replica.model.parameters.elements
    let share = nodes == .oneNode ? nil : nodes.shareOfPages(UnsafeRawBufferPointer(parameters))
    let reports = try world.allGather(encoded: NUMAPlacementReport(nodes: nodes.nodes, share: share))
    if let line = NUMAPlacementReport.line(reports) { note(line) }
  }

  /// Takes a replica as the stage's, with an average that begins afresh.
  func adopt(_ replica: Replica) {
    self.replica = replica
    replica.teacher = teacher
    average = makeAverage(beside: replica)
  }

  func makeReplica(around model: EncoderModel) -> Replica {
    var settings = AdamWSettings()
    let o = configuration.optimizer
    (settings.beta1, settings.beta2, settings.epsilon) = (o.beta1, o.beta2, o.epsilon)
    (settings.weightDecay, settings.largestGradientNorm) = (o.weightDecay, o.maxGradientNorm)
    settings.stepRule = o.stepRule
    return Replica(
      world: world, model: model, reduction: plan.reduction, settings: settings,
      lossBound: configuration.guards.lossBound, shardsOptimizer: configuration.compute.shardOptimizer,
      keepsChecksum: configuration.guards.replicaCheckSteps > 0, dealsByPace: plan.dealing == .pace,
      reductionPath: reductionPath)
  }

  func makeModel(_ stage: TrainingStage) throws -> EncoderModel {
    try world.agree {
      let head: Head
      switch stage {
      case .pretraining: head = maskedLMHead
      case .fineTuning: head = .tokenClassification(labelCount: fineTuning?.labels.count ?? 0)
      }
      let tokens =
        stage == .pretraining ? configuration.pretraining.sliceTokens : configuration.fineTuning.sliceTokens
      return try EncoderModel(
        dimensions: ModelCheckpointIO.dimensions(source.config), scheme: scheme, head: head, precision: plan.precision,
        sliceTokens: max(tokens, configuration.evaluation.sliceTokens))
    }
  }

  /// Activation sites whose steps the next batch gives.
  var unmeasuredSites: [String] = []
  /// Whether the model's steps are those of another scheme than the sites' first steps that are noted.
  var hasNewSteps = false

  /// The starting checkpoint, read by rank zero and given to all.
  private func loadStart(into model: EncoderModel) throws {
    let report = try world.fromLeader {
      try ModelCheckpointIO.load(
        source, into: model, seed: configuration.seed, range: Float(source.config.initializerRange),
        drawsHead: progress.stage == .fineTuning)
    }
    try world.broadcast(UnsafeMutableRawBufferPointer(model.parameters.elements))
    unmeasuredSites = report.unmeasuredSites
    model.shareSteps()
    if let line = report.stepLine { note(line) }
    if progress.stage == .pretraining, !report.drawn.isEmpty {
      leader?.observers?.warn(
        "\(source.url.path) has no masked-LM head (\(report.drawn.joined(separator: ", "))): it starts from random numbers"
      )
    }
  }

  /// The first batch of a run gives the activations' steps, unless the checkpoint had them.
  func measureActivationStepsIfNeeded(_ batch: GlobalBatch, _ dropout: SliceDropout) throws {
    guard !unmeasuredSites.isEmpty else { return }
    try replica.measureActivationSteps(batch, dropout: dropout, sites: unmeasuredSites)
    unmeasuredSites = []
  }
}
