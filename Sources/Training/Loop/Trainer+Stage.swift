import Base
import Compute
import Configuration
import Corpus
import Encoder
import Foundation
import Models
import Observability
import Quantization
import Ranks

// The step loop: it owns nothing but the order of events.

extension Trainer {
  /// Runs a stage from where `progress` stands. Returns an ending where a signal stops the run, nil at the stage's end.
  func runStage(_ stage: TrainingStage, _ data: StageData) throws -> RunEnding? {
    let schedules = StageSchedules(of: stage, configuration)
    let count = stepCount(stage)
    let probe = siteProbe(data)
    while progress.stageStep < count {
      let started = monotonicSeconds()
      try changeSchemeIfDue(stage)
      let batch = try world.agree { try data.batch(progress.stageStep) }
      warnIfUnmasked(batch)
      try measureActivationStepsIfNeeded(batch, dropout())
      rememberFirstSteps()
      let rates = schedules.rates(at: progress.stageStep)
      let outcome = try replica.step(batch, dropout: dropout(), rates: rates)
      try enforceNumericGuards(outcome)
      progress.stageStep += 1
      progress.globalStep += 1
      progress.tokenCount += outcome.tokenCount
      takeIntoAverage(outcome, stage)
      report(outcome, stage, count, rates.parameters, seconds: monotonicSeconds() - started)
      meter?.lookIfDue()
      try noteSlowRank()
      try guardReplicas(stage)
      if isSiteReportDue(stage) { try reportSites(on: probe) }
      if isEvaluationPoint(stage) { try evaluate(stage, data) }
      let signal = try SignalFlag.pending(on: world)
      if signal != nil || isCheckpointDue(stage) { try saveCheckpoint() }
      if let signal { return try stop(by: signal.name) }
    }
    try requireATrainedStage(stage, count)
    return nil
  }

  /// The end of a run that was asked to stop, its state just saved.
  private func stop(by signal: String) throws -> RunEnding {
    let unwritten = try unwritten(isFinished: false)
    let what =
      unwritten.isEmpty
      ? "palier train --resume goes on from here"
      : "palier train --resume goes on from the last checkpoint that was written"
    note("stopped by \(signal) after step \(progress.globalStep): \(what)")
    leader?.warn(unwritten: unwritten)
    return unwritten.isEmpty ? .stopped(signal: signal) : .unwritten
  }

  /// A skipped step leaves the parameters as they were; by choice, the run stops instead.
  private func enforceNumericGuards(_ outcome: StepOutcome) throws {
    if !outcome.alteredRanks.isEmpty {
      let ranks = try rankLabels(outcome.alteredRanks)
      try world.agree { throw TrainingError.stateAltered(ranks: ranks, step: progress.globalStep + 1) }
    }
    guard let numericFault = outcome.numericFault else {
      if progress.stageStep == 0 { progress.firstLoss = outcome.loss }
      return
    }
    let step = progress.globalStep + 1
    if configuration.guards.onBadNumbers == .stop {
      // Every rank knows of it: agreed on, it is one line and not one a rank.
      try world.agree { throw TrainingError.badNumbers(step: step, what: numericFault) }
    }
    progress.skippedInStage = (progress.skippedInStage ?? 0) + 1
    progress.skippedInRun = (progress.skippedInRun ?? 0) + 1
    leader?.observers?.warn("step \(step) is skipped: \(numericFault)")
  }

  /// A stage whose every step was skipped has trained nothing: that is no result.
  private func requireATrainedStage(_ stage: TrainingStage, _ count: Int) throws {
    guard count > 0, progress.skippedInStage == count else { return }
    try world.agree { throw TrainingError.everyStepSkipped(stage: stage.shortName, count: count) }
  }

  // MARK: - Draws

  private func dropout() -> SliceDropout {
    SliceDropout(
      seed: configuration.seed, step: UInt32(truncatingIfNeeded: progress.globalStep),
      hidden: Float(configuration.dropout.hidden), attention: Float(configuration.dropout.attention),
      classifier: Float(configuration.dropout.classifier))
  }

  // MARK: - Points in time

  /// `logging.site_every_steps`, or at evaluations.
  private func isSiteReportDue(_ stage: TrainingStage) -> Bool {
    let every = configuration.logging.siteEverySteps
    return every == 0 ? isEvaluationPoint(stage) : progress.globalStep % every == 0
  }

  private func isEvaluationPoint(_ stage: TrainingStage) -> Bool {
    EvaluationPoints(configuration).contains(stage, stageStep: progress.stageStep, globalStep: progress.globalStep)
  }

  private func isCheckpointDue(_ stage: TrainingStage) -> Bool {
    if progress.stageStep == stepCount(stage) || ramp.changes(stage, after: progress.stageStep) { return true }
    let every = configuration.checkpoints.everySteps
    return every == 0 ? isEvaluationPoint(stage) : progress.globalStep % every == 0
  }

  // MARK: - Logs

  private func report(
    _ outcome: StepOutcome, _ stage: TrainingStage, _ count: Int, _ rate: Double, seconds: Double
  ) {
    let phases = Dictionary(
      uniqueKeysWithValues: replica.model.phases.seconds.map { ($0.key.rawValue, $0.value) })
    replica.model.clearPhases()
    var step = StepReport(
      stage: stage.shortName, step: progress.stageStep, stageSteps: count, globalStep: progress.globalStep,
      totalSteps: configuration.budget.totalSteps, loss: outcome.loss, learningRate: rate,
      gradientNorm: outcome.gradientNorm, tokens: outcome.tokenCount, secondsTotal: seconds,
      secondsCommunication: outcome.waitedSeconds, secondsByPhase: phases,
      slowestPace: replica.paceMeter?.slowest?.share)
    step.lossParts = outcome.lossParts.map { Score($0.name, $0.value) }
    leader?.observers?.observe(.step(step))
  }

  /// Every K steps, and before every checkpoint, all replicas must be the same bits; one that is not is named, and the run stops
  /// on the checkpoint before.
  private func guardReplicas(_ stage: TrainingStage) throws {
    drill?.flipBit(of: replica, after: progress.globalStep)
    let every = configuration.guards.replicaCheckSteps
    guard every > 0, world.count > 1, progress.globalStep % every == 0 || isCheckpointDue(stage) else { return }
    let differing = try replica.differingRanks()
    guard !differing.isEmpty else { return }
    let ranks = try rankLabels(differing)
    try world.agree {
      throw TrainingError.replicaDiffers(
        ranks: ranks, step: progress.globalStep, isCertain: differing.count < world.count)
    }
  }

  /// One line a stage where a rank gets fewer slices because it is slow: somebody may want to know why.
  private func noteSlowRank() throws {
    guard let meter = replica.paceMeter, let slowest = meter.slowest, !hasNotedSlowRank,
      meter.stepCount >= 8, slowest.share < 0.75
    else { return }
    hasNotedSlowRank = true
    let label = try rankLabels([slowest.rank])[0]
    let share = Int((slowest.share * 100).rounded())
    note("\(label) works at \(share) % of the fastest rank's pace: slices are dealt by it (compute.dealing)")
  }

  /// Ranks with their hosts. Collective.
  private func rankLabels(_ ranks: [Int]) throws -> [String] {
    let hosts = try world.hosts()
    return ranks.map { rank in "rank \(rank) on \(hosts.first { $0.rank == rank }?.host ?? "?")" }
  }
}
