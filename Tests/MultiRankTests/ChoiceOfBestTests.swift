import Foundation
import Observability
import TestSupport
import XCTest

/// The checkpoint kept as `best` is the one that the log's own figures say: by the selection score, then by the loss.
final class ChoiceOfBestTests: XCTestCase {
  private struct Evaluation: Decodable {
    var kind: String
    var global_step: Int
    var split: String
    var scores: [String: Double]
  }

  /// A second stage alone of 30 steps, evaluated after every second one.
  private func train(_ settings: [String], in folder: TemporaryFolder) throws -> (output: URL, shown: String) {
    let output = folder.file(UUID().uuidString)
    let common = [
      "budget.alpha=0", "budget.total_steps=30", "evaluation.points=15", "optimizer.learning_rate=3e-3",
      "logging.tensorboard=false",
    ]
    let arguments =
      ["train", try DemoData.configuration(output: output)] + (common + settings).flatMap { ["--set", $0] }
    return (output, try Program.succeed(arguments))
  }

  private func evaluations(_ output: URL) throws -> [Evaluation] {
    try Data(contentsOf: output.appendingPathComponent("metrics.jsonl")).split(separator: 0x0A)
      .compactMap { try? JSONDecoder().decode(Evaluation.self, from: Data($0)) }.filter { $0.kind == "evaluation" }
  }

  private func stepNoted(_ output: URL) throws -> Int? {
    let config = try Data(contentsOf: output.appendingPathComponent("checkpoints/best/config.json"))
    let fields = try JSONSerialization.jsonObject(with: config) as? [String: Any]
    return (fields?["palier"] as? [String: Any])?["global_step"] as? Int
  }

  func testTheBestCheckpointIsTheOneOfTheSelectionScore() throws {
    let folder = try TemporaryFolder()
    let tags = ["fine_tuning.task=pos", "fine_tuning.format=conllu", "fine_tuning.path=\(try DemoData.data())/pos"]
    var chosen: [String: Int] = [:]
    for (score, name, task) in [
      ("lenient_f1", "f1", []), ("strict_f1", "strict_f1", []), ("accuracy", "accuracy", tags),
      ("weighted_f1", "weighted_f1", tags),
    ] {
      let (output, shown) = try train(task + ["fine_tuning.selection_score=\(score)"], in: folder)
      let all = try evaluations(output)
      let validation = all.filter { $0.split == "validation" }
      XCTAssertEqual(validation.map(\.global_step), Array(stride(from: 2, through: 30, by: 2)))
      let ranked = try validation.map { evaluation in
        (
          score: try XCTUnwrap(evaluation.scores[name]), loss: try XCTUnwrap(evaluation.scores["loss"]),
          step: evaluation.global_step
        )
      }.sorted { ($0.score, -$0.loss, -$0.step) > ($1.score, -$1.loss, -$1.step) }
      XCTAssertEqual(try stepNoted(output), ranked[0].step, score)
      XCTAssertTrue(shown.contains("best checkpoint (step \(ranked[0].step))"), shown)
      chosen[score] = ranked[0].step
    }
    // In these runs an early guess scores best by the lenient rule, and by the strict one all are 0: the loss decides.
    XCTAssertNotEqual(chosen["lenient_f1"], chosen["strict_f1"])
  }
}
