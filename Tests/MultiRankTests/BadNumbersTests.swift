import Foundation
import Observability
import TestSupport
import XCTest

/// What `guards.on_bad_numbers` does with a step whose loss is beyond `guards.loss_bound`: at this rate the loss jumps over it
/// within a few steps.
final class BadNumbersTests: XCTestCase {
  private let jumping = [
    "budget.alpha=0", "optimizer.learning_rate=0.5", "guards.loss_bound=10", "evaluation.points=12",
    "checkpoints.keep_last=20", "logging.tensorboard=false",
  ]

  private func train(_ settings: [String], ranks: Int?, output: URL) throws -> MPIRun.Outcome {
    let arguments = try ["train", DemoData.configuration(output: output)]
    return try Program.run(arguments + (jumping + settings).flatMap { ["--set", $0] }, ranks: ranks)
  }

  private func records(_ output: URL, _ kind: String) throws -> [MetricsRecord] {
    try MetricsRecord.all(at: output.appendingPathComponent("metrics.jsonl")).records.filter { $0.kind == kind }
  }

  func testByDefaultTheRunStopsOnEveryRankWithTheStepBeforeAsItsLastCheckpoint() throws {
    let folder = try TemporaryFolder()
    let output = folder.file("out")
    let outcome = try train(["checkpoints.asynchronous=false"], ranks: 2, output: output)
    XCTAssertEqual(outcome.status, 1, outcome.output)
    XCTAssertEqual(outcome.errorLines.count, 1, outcome.errors)
    let step = try XCTUnwrap(
      outcome.errors.firstMatch(of: #/step (\d+): the loss is \d/#).flatMap { Int($0.1) }, outcome.errors)
    XCTAssertTrue(outcome.errors.contains("guards.on_bad_numbers: skip"), outcome.errors)
    XCTAssertGreaterThan(step, 1)
    XCTAssertEqual(try records(output, "step").map(\.globalStep), Array(1..<step))
    let checkpoints = try FileManager.default.contentsOfDirectory(
      atPath: output.appendingPathComponent("checkpoints").path
    ).filter { $0.hasPrefix("step-") }.sorted()
    XCTAssertEqual(checkpoints.last, "step-" + String(format: "%06d", step - 1))
  }

  func testASkippedStepChangesNothingAndEveryOtherOneDoes() throws {
    let folder = try TemporaryFolder()
    var prints: [[String?]] = []
    for ranks in [nil, 2] {
      let output = folder.file("\(ranks ?? 1)")
      let outcome = try train(["guards.on_bad_numbers=skip"], ranks: ranks, output: output)
      XCTAssertEqual(outcome.status, 0, outcome.errors)
      let skipped = outcome.output.matches(of: #/step (\d+) is skipped: the loss is/#).compactMap { Int($0.1) }
      XCTAssertFalse(skipped.isEmpty || skipped.count > 10, outcome.output)
      let words = skipped.count == 1 ? "1 of 12 steps" : "\(skipped.count) of 12 steps"
      XCTAssertTrue(outcome.output.contains(words + " were skipped"), outcome.output)
      let hashes = try records(output, "fingerprint").map { $0.string("parameters") }
      XCTAssertEqual(hashes.count, 12)
      for step in 2...12 {
        XCTAssertEqual(hashes[step - 1] == hashes[step - 2], skipped.contains(step), "step \(step) of \(skipped)")
      }
      prints.append(hashes)
    }
    XCTAssertEqual(prints[0], prints[1], "the same bits on one rank and on two")
  }
}
