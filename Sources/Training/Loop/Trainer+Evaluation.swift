import Base
import Configuration
import Corpus
import Encoder
import Foundation
import Models
import Observability
import Ranks

// What a run measures: at evaluation points, and on the test split at its end.

extension Trainer {
  /// What one evaluation gave, of whichever parameters the replica had.
  struct Measurement {
    var split: String
    var scores: [Score]
    var perLabel: [Observability.LabelScore] = []
    var loss: Double
    /// In the second stage.
    var tagged: Evaluation.TaggedResult?
  }

  /// The weights at an evaluation point, and the average beside them. Collective.
  func evaluate(_ stage: TrainingStage, _ data: StageData) throws {
    let started = monotonicSeconds()
    if case .pretraining = data { try checkStore(waits: false) }
    let found = try measure(data)
    finishEvaluation(stage, found, started)
    let selected = configuration.fineTuning.selectionScore
    judgeCollapse(stage, score: found.tagged.map { (selected.rawValue, $0.selected(selected)) }, loss: found.loss)
    if let tagged = found.tagged { try keepIfBest(tagged) }
    leader?.observers?.observe(
      .fingerprint(FingerprintReport(globalStep: progress.globalStep, parameters: fingerprint)))
    try evaluateAverage(stage, data)
  }

  /// The replica as it is, on the stage's validation data. Collective.
  func measure(_ data: StageData) throws -> Measurement {
    switch data {
    case .pretraining(let data):
      let result = try evaluation.maskedLanguageModel(
        data.validationSlices(tokens: configuration.evaluation.sliceTokens))
      return Measurement(
        split: "validation", scores: [Score("loss", result.loss), Score("accuracy", result.accuracy)],
        loss: result.loss)
    case .fineTuning(let data): return try measure(data, data.evaluationSplit)
    }
  }

  /// The replica as it is, on a split of the tagged corpus. Collective.
  func measure(_ data: FineTuningData, _ split: TaggedSplitName) throws -> Measurement {
    let result = try evaluation.tagged(data, split, tokens: configuration.evaluation.sliceTokens)
    return Measurement(
      split: split.rawValue, scores: result.scores, perLabel: result.perLabel, loss: result.loss, tagged: result)
  }

  private var evaluation: Evaluation {
    Evaluation(world: world, model: replica.model, paces: replica.paceMeter?.slicePaces)
  }

  /// Tells the logs of an evaluation, and notes it for checkpoints.
  func finishEvaluation(
    _ stage: TrainingStage, _ found: Measurement, _ started: Double, parametersOfStep: Int? = nil,
    isOfAverage: Bool = false
  ) {
    let seconds = monotonicSeconds() - started
    progress.evaluationSeconds += seconds
    let measured = Provenance.Measured(
      stage: stage, split: found.split, globalStep: progress.globalStep,
      figures: found.scores.map { .init($0.name, $0.value) })
    if isOfAverage { progress.average?.lastEvaluation = measured } else { progress.lastEvaluation = measured }
    let report = EvaluationReport(
      stage: stage.shortName, globalStep: progress.globalStep, split: found.split, scores: found.scores,
      perLabel: found.perLabel, seconds: seconds, shareOfRun: progress.evaluationSeconds / max(elapsed, 1e-9),
      parametersOfStep: parametersOfStep, isOfAverage: isOfAverage)
    leader?.observers?.observe(.evaluation(report))
    if found.split == "test" || progress.stageStep == stepCount(stage) { evaluations.append(report) }
  }

  private func keepIfBest(_ result: Evaluation.TaggedResult) throws {
    let score = result.selected(configuration.fineTuning.selectionScore)
    guard progress.isImproved(by: score, loss: result.loss) else { return }
    // Best is what lies in `checkpoints/best`: one that could not be written is named at the end, and is not it.
    guard try saveBest() else {
      if lostBest.map({ score > $0.score }) ?? true { lostBest = (progress.globalStep, score) }
      return
    }
    (progress.bestScore, progress.bestLoss) = (score, result.loss)
    progress.bestStep = progress.globalStep
    if let lost = lostBest, score >= lost.score { lostBest = nil }
  }

  /// The best checkpoint on the test split, and the last words.
  /// - Returns: whether all that the run should leave was written.
  func finish() throws -> Bool {
    note("final parameters: \(fingerprint)")
    if configuration.evaluation.testAtEnd, let data = fineTuning, !data.corpus.test.isEmpty {
      if let step = progress.bestStep {
        try loadBest()
        note("test scores of the best checkpoint (step \(step)), parameters \(fingerprint)")
      } else {
        note("no best checkpoint could be written: test scores of the final parameters (step \(progress.globalStep))")
      }
      let started = monotonicSeconds()
      finishEvaluation(
        .fineTuning, try measure(data, .test), started, parametersOfStep: progress.bestStep)
      try testAverage(data)
    }
    let unwritten = try unwritten(isFinished: true)
    let energy = try energy()
    leader?.end(progress, elapsed: elapsed, evaluations: evaluations, energy: energy, unwritten: unwritten)
    return unwritten.isEmpty
  }

  /// The hash of the replica's parameters, as the logs show it.
  var fingerprint: String { String(format: "%016llx", replica.fingerprint(withMoments: false)) }
}

extension Evaluation.TaggedResult {
  /// The scores as the logs show them.
  var scores: [Score] {
    var scores = [Score("loss", loss)]
    if let entities {
      let lenient = entities.lenient.micro
      scores += [
        Score("f1", lenient.f1), Score("precision", lenient.precision), Score("recall", lenient.recall),
        Score("strict_f1", entities.strict?.micro.f1 ?? 0),
      ]
    }
    if let tags { scores += [Score("accuracy", tags.accuracy), Score("weighted_f1", tags.weightedF1)] }
    return scores
  }

  var perLabel: [Observability.LabelScore] {
    let labels = entities?.lenient.perType ?? tags?.perLabel ?? []
    return labels.map {
      Observability.LabelScore(
        label: $0.label, precision: $0.precision, recall: $0.recall, f1: $0.f1, support: Int($0.reference))
    }
  }

  /// The score that chooses the best checkpoint.
  func selected(_ score: RunConfiguration.SelectionScore) -> Double {
    switch score {
    case .lenientF1: entities?.lenient.micro.f1 ?? 0
    case .strictF1: entities?.strict?.micro.f1 ?? 0
    case .accuracy: tags?.accuracy ?? 0
    case .weightedF1: tags?.weightedF1 ?? 0
    }
  }
}
