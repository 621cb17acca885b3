import Foundation
import TestSupport
import XCTest

/// Runs with a teacher in both stages.
final class DistillationRunTests: XCTestCase {
  private static let first = ["logits=0.5", "temperature=2", "hidden=0.1", "scores=0.2"].map {
    "distillation.pretraining." + $0
  }
  private static let second = ["task=0.5", "hidden=1", "scores=1"].map { "distillation.fine_tuning." + $0 }

  /// The start itself is the teacher of the first stage, a checkpoint trained on the task that of the second.
  private func settings(taughtBy classifier: URL) -> [String] {
    Self.first + Self.second + [
      "distillation.fine_tuning.logits=1", "distillation.fine_tuning.teacher=\(classifier.path)",
      "quantization.scheme=LSQ_E4W4A4",
    ]
  }

  func testTheBitsAreTheSameOnAnyNumberOfRanksAndAfterAResume() throws {
    let teacher = try DemoRun()
    try teacher.train([])
    let settings = settings(taughtBy: teacher.checkpoint(12))
    let alone = try DemoRun()
    let shown = try alone.train(settings)
    XCTAssertTrue(shown.contains("masked-LM learns from "), shown)
    XCTAssertTrue(shown.contains("token classification learns from \(teacher.checkpoint(12).path) (LSQ_E8W8A8)"), shown)
    for ranks in [2, 3] {
      let found = try DemoRun()
      try found.train(settings, ranks: ranks)
      assertSameNumbers(
        try found.numbers(found.checkpoint(12)), try alone.numbers(alone.checkpoint(12)), "\(ranks) ranks")
    }
    let resumed = try DemoRun()
    let every = ["checkpoints.every_steps=1", "checkpoints.keep_last=30"]
    try resumed.train(settings + every, ranks: 2)
    try resumed.rollBack(before: 4...12, named: ["alpha", "best"])
    try resumed.train(settings + every, ranks: 3, options: ["--resume"])
    assertSameNumbers(
      try resumed.numbers(resumed.checkpoint(12)), try alone.numbers(alone.checkpoint(12)), "resumed at step 3")
    try assertPartsAreLogged(alone)
    let cosines = try alone.records("hidden_cosine")
    XCTAssertEqual(
      cosines.compactMap { $0["global_step"] as? Int },
      Array(Set(try alone.records("site").compactMap { $0["global_step"] as? Int })).sorted())
    for record in cosines {
      let parts = try XCTUnwrap(record["parts"] as? [String: Double])
      XCTAssertEqual(parts.keys.sorted(), ["embeddings", "layer.0", "layer.1"])
      XCTAssertTrue(parts.values.allSatisfy { (0.5..<1).contains($0) }, "\(parts)")
    }
  }

  private func assertPartsAreLogged(_ run: DemoRun) throws {
    for step in try run.records("step") {
      let parts = try XCTUnwrap(step["loss_parts"] as? [String: Double])
      XCTAssertEqual(parts.keys.sorted(), ["hidden", "logits", "scores", "task"])
      let isFirst = step["stage"] as? String == "mlm"
      let weights: [String: Double] =
        isFirst
        ? ["task": 1, "logits": 0.5, "hidden": 0.1, "scores": 0.2]
        : ["task": 0.5, "logits": 1, "hidden": 1, "scores": 1]
      let total = parts.reduce(0) { $0 + $1.value * (weights[$1.key] ?? 0) }
      XCTAssertEqual(try XCTUnwrap(step["loss"] as? Double), total, accuracy: 1e-9)
      XCTAssertNotNil((step["seconds_by_phase"] as? [String: Double])?["teacher"])
    }
  }

  func testTeachersThatCannotTeachAreRefusedInOneLine() throws {
    let run = try DemoRun()
    func refuse(_ settings: [String], naming words: String, line: UInt = #line) throws {
      try Program.fail(["train", run.configuration] + settings.flatMap { ["--set", $0] }, naming: words)
    }
    try refuse(
      ["distillation.fine_tuning.logits=1"],
      naming: "distillation.fine_tuning.logits: model.checkpoint has no classifier")
    try refuse(
      ["distillation.pretraining.teacher=\(try DemoData.model())"],
      naming: "distillation.pretraining.teacher: nothing is learned from it")
    try refuse(
      ["distillation.fine_tuning.logits=1", "distillation.fine_tuning.teacher=\(try DemoData.model())"],
      naming: "cannot teach this model: it has no classifier")
    try refuse(
      ["distillation.pretraining.hidden=1", "distillation.pretraining.teacher=/no/such/teacher"],
      naming: "/no/such/teacher")
  }
}
