import Base
import Foundation
import Observability

/// What a run's folder tells of its course.
struct RunLog {
  /// A step of training.
  struct Step {
    let step: Int
    let stage: String
    let loss: Double
    let tokens: Double
    let seconds: Double
    let waiting: Double
    let phases: [String: Double]
  }

  /// An evaluation.
  struct Evaluation {
    let step: Int
    let stage: String
    let split: String
    let isAverage: Bool
    let scores: [(name: String, value: Double)]
    let labels: [(label: String, precision: Double, recall: Double, f1: Double, support: Int)]
  }

  let url: URL
  let steps: [Step]
  let evaluations: [Evaluation]
  let records: [MetricsRecord]
  let unreadableLineCount: Int

  static let fileName = "metrics.jsonl"

  /// Reads `metrics.jsonl`.
  /// - Throws: where it cannot be read or has no step.
  init(_ url: URL) throws {
    self.url = url
    let file = url.appendingPathComponent(RunLog.fileName)
    (records, unreadableLineCount) = try MetricsRecord.all(at: file)
    steps = records.compactMap(RunLog.step)
    evaluations = records.compactMap(RunLog.evaluation)
    guard !steps.isEmpty else { throw ReportError.noSteps(file: file.path) }
  }

  /// The last step of the first stage, where a second follows.
  var switchStep: Int? {
    guard let place = steps.firstIndex(where: { $0.stage == "token" }), place > 0 else { return nil }
    return steps[place - 1].step
  }

  var stages: [String] { steps.map(\.stage).reduce(into: []) { if !$0.contains($1) { $0.append($1) } } }

  private static func step(_ record: MetricsRecord) -> Step? {
    guard record.kind == "step" else { return nil }
    var phases: [String: Double] = [:]
    for (name, node) in record.object("seconds_by_phase") ?? [:] { phases[name] = node.double }
    return Step(
      step: record.globalStep, stage: record.string("stage") ?? "?", loss: record.double("loss") ?? .nan,
      tokens: record.double("tokens") ?? 0, seconds: record.double("seconds") ?? 0,
      waiting: record.double("seconds_communication") ?? 0, phases: phases)
  }

  private static func evaluation(_ record: MetricsRecord) -> Evaluation? {
    guard record.kind == "evaluation" || record.kind == "averaged_evaluation" else { return nil }
    let scores = (record.object("scores") ?? [:]).compactMap { pair in
      pair.value.double.map { (name: pair.key, value: $0) }
    }
    let labels = (record.array("labels") ?? []).compactMap(\.object).map { fields in
      (
        label: fields["label"]?.string ?? "?", precision: fields["precision"]?.double ?? .nan,
        recall: fields["recall"]?.double ?? .nan, f1: fields["f1"]?.double ?? .nan,
        support: fields["support"]?.integer ?? 0
      )
    }
    return Evaluation(
      step: record.double("parameters_of_step").flatMap { Int(exactly: $0) } ?? record.globalStep,
      stage: record.string("stage") ?? "?", split: record.string("split") ?? "?",
      isAverage: record.kind == "averaged_evaluation", scores: scores, labels: labels)
  }

  /// The words of a stage.
  static func title(_ stage: String) -> String {
    switch stage {
    case "mlm": "first stage (masked-LM)"
    case "token": "second stage (token classification)"
    default: stage
    }
  }
}
