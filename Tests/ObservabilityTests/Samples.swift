import Observability

/// Plausible events for the tests.
enum Samples {
  static func step(
    _ globalStep: Int, of totalSteps: Int = 100, stage: String = "mlm", step: Int? = nil, stageSteps: Int? = nil,
    loss: Double = 8.5, tokens: Int = 6144, seconds: Double = 2, communication: Double = 0.1
  ) -> StepReport {
    StepReport(
      stage: stage, step: step ?? globalStep, stageSteps: stageSteps ?? totalSteps, globalStep: globalStep,
      totalSteps: totalSteps, loss: loss, learningRate: 4.2e-6, gradientNorm: 1.25, tokens: tokens,
      secondsTotal: seconds, secondsCommunication: communication,
      secondsByPhase: ["products": seconds * 0.6, "attention": seconds * 0.2])
  }

  static func evaluation(_ globalStep: Int, split: String = "validation", f1: Double = 0.6125) -> EvaluationReport {
    EvaluationReport(
      stage: "token", globalStep: globalStep, split: split,
      scores: [Score("strict_f1", f1), Score("lenient_f1", f1 + 0.01)],
      perLabel: [
        LabelScore(label: "ANAT", precision: 0.5, recall: 0.25, f1: 1.0 / 3, support: 12),
        LabelScore(label: "DISO", precision: 0.75, recall: 0.75, f1: 0.75, support: 1040),
      ], seconds: 3.25, shareOfRun: 0.041)
  }

  static func sites(_ globalStep: Int) -> [SiteReport] {
    [("weight_quantizer", SiteReport.Rows(count: 24, deadCount: 2, changedShare: 0.125)), ("input_quantizer", nil)]
      .map {
        SiteReport(
          globalStep: globalStep, site: "roberta.encoder.layer.0.output.dense.\($0)", stepSize: 0.0125,
          stepOverRMS: 0.25, clippedBelow: 0.001, clippedAbove: 0.002, codesInUse: 15, levelCount: 16, entropy: 3.5,
          lowestLevel: -8, levelCounts: Array(0..<16), rows: $1)
      }
  }
}

/// What a console or an observer was given, kept for a look.
final class Sink {
  var bytes: [UInt8] = []
  var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// A clock that stands still until moved.
final class Clock {
  var seconds = 1000.0
}
