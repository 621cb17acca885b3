import Foundation
import Observability
import TestSupport
import XCTest

/// What a run says of itself when it goes wrong and yet comes to its end.
final class FaultReportTests: XCTestCase {
  private func train(_ settings: [String], ranks: Int? = nil) throws -> (
    outcome: MPIRun.Outcome, output: URL, folder: TemporaryFolder
  ) {
    let folder = try TemporaryFolder()
    let output = folder.url.appendingPathComponent("out")
    let config = try DemoData.configuration(output: output)
    let arguments = ["train", config] + settings.flatMap { ["--set", $0] }
    return (try Program.run(arguments, ranks: ranks), output, folder)
  }

  private func records(_ output: URL) throws -> [MetricsRecord] {
    try MetricsRecord.all(at: output.appendingPathComponent("metrics.jsonl")).records
  }

  /// AdamW moves a step of 1e−3 by the learning rate: at 5e−2 under the linear rule sites die within a few updates.
  func testAStepThatDiesIsNamedOnceAndCountedAtTheEnd() throws {
    let settings = ["optimizer.step_rule=linear", "optimizer.learning_rate=5e-2", "logging.site_every_steps=1"]
    let (outcome, output, folder) = try train(settings)
    defer { withExtendedLifetime(folder) {} }
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    let lines = outcome.output.split(separator: "\n").filter { $0.hasPrefix("dead site: ") }
    XCTAssertFalse(lines.isEmpty, outcome.output)
    let names = lines.map { $0.split(separator: " ")[2] }
    XCTAssertEqual(Set(names).count, names.count, "each site is named once")
    let dead = try records(output).filter { $0.kind == "dead_site" }
    XCTAssertEqual(dead.compactMap { $0.string("site") }, names.map(String.init))
    let count = "\(names.count) quantizer site"
    XCTAssertTrue(outcome.output.split(separator: "\n").suffix(3).contains { $0.hasPrefix(count) }, outcome.output)
  }

  /// Twelve steps with a report after each, stopped and resumed after six: what is said of sites is all there, shares of changed
  /// codes from the second report of each part on, and looking changes no bit.
  func testSitesAreReportedAndLookingChangesNothing() throws {
    let settings = ["logging.site_every_steps=1", "checkpoints.every_steps=6", "quantization.scheme=LSQ_E4W4A4"]
    let run = try DemoRun()
    try run.train(settings)
    let whole = try run.numbers(run.checkpoint(12))
    let sites = try run.records("site")
    XCTAssertEqual(sites.count, 12 * (3 + 2 * (6 + 4)))
    for site in sites {
      let isWeight = try XCTUnwrap(site["site"] as? String).hasSuffix("weight_quantizer")
      let step = try XCTUnwrap(site["global_step"] as? Int)
      XCTAssertEqual(site["levels"] as? Int, 16)
      XCTAssertTrue((0...4).contains(try XCTUnwrap(site["entropy_bits"] as? Double)))
      XCTAssertGreaterThan(try XCTUnwrap(site["step_over_rms"] as? Double), 0)
      XCTAssertEqual(site["dead_rows"] is Int, isWeight)
      XCTAssertEqual(site["changed_share"] is Double, isWeight && step > 1, "\(site)")
    }
    XCTAssertTrue(sites.contains { $0["changed_share"] as? Double ?? 0 > 0 }, "some codes change")

    try run.rollBack(before: 7...12, named: ["best"])
    try run.train(settings, ranks: 2, options: ["--resume"])
    assertSameNumbers(whole, try run.numbers(run.checkpoint(12)), "resumed")
    let resumed = try run.records("site")
    XCTAssertEqual(resumed.count, sites.count)
    XCTAssertFalse(resumed.contains { $0["global_step"] as? Int == 7 && $0["changed_share"] != nil })
    XCTAssertTrue(resumed.contains { $0["global_step"] as? Int == 8 && $0["changed_share"] != nil })

    let plain = try DemoRun()
    try plain.train(Array(settings.dropFirst()))
    assertSameNumbers(whole, try plain.numbers(plain.checkpoint(12)), "without reports between evaluations")
  }

  func testTheWorstSitesAreShownInEightyColumns() throws {
    let run = try DemoRun()
    try run.train(["quantization.scheme=LSQ_E2W2A2"])
    let shown = try Program.succeed(["inspect", run.output.path, "--sites"])
    let lines = shown.split(separator: "\n").map(String.init)
    XCTAssertTrue(lines[0].hasPrefix("sites:        23 at step 12, "), shown)
    XCTAssertEqual(lines.count, 2 + 15 + 2, shown)
    for line in lines { XCTAssertLessThanOrEqual(line.count, 80, line) }
    XCTAssertTrue(lines[2...].contains { $0.contains("/4 ") }, shown)
    try Program.fail(["inspect", run.checkpoint(12).path, "--sites"], naming: "metrics.jsonl")
    let float = try DemoRun()
    try float.train(["quantization.scheme=fp32", "budget.total_steps=2"])
    try Program.fail(["inspect", float.output.path, "--sites"], naming: "no report of quantizer sites")
  }

  /// Steps that may grow e-fold at an update: the words' table soon has one code, and the stage is collapsed, whatever its scores
  /// say.
  func testARunWithASiteOfOneCodeIsCollapsedAndTheFirstSiteThatWentIsNamed() throws {
    let (outcome, output, folder) = try train([
      "optimizer.step_learning_rate=1", "logging.site_every_steps=1", "quantization.scheme=LSQ_E4W4A4",
    ])
    defer { withExtendedLifetime(folder) {} }
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    let dead = try records(output).filter { $0.kind == "dead_site" }
    let first = try XCTUnwrap(dead.first)
    let told = try XCTUnwrap(
      outcome.output.split(separator: "\n").last { $0.hasPrefix("collapsed: token at step") }, outcome.output)
    XCTAssertTrue(told.contains("with one code in use"), String(told))
    let words = "the first site that went: \(first.string("site")!) at step \(first.globalStep) "
    XCTAssertTrue(told.contains(words), String(told))
    let collapse = try lines(output, "collapse")
    XCTAssertEqual(
      (collapse.last?["first_site"] as? [String: Any])?["site"] as? String, first.string("site"), "\(collapse)")
  }

  func testByChoiceADeadSiteStopsTheRunOnEveryRank() throws {
    let settings = [
      "optimizer.step_rule=linear", "optimizer.learning_rate=5e-2", "guards.on_dead_site=stop",
      "logging.site_every_steps=1",
    ]
    let (outcome, _, folder) = try train(settings, ranks: 2)
    defer { withExtendedLifetime(folder) {} }
    XCTAssertEqual(outcome.status, 1, outcome.output)
    XCTAssertEqual(outcome.errorLines.count, 1, outcome.errors)
    XCTAssertTrue(outcome.errors.contains("is dead: "), outcome.errors)
  }

  func testByTheLogarithmicRuleTheSameRateKillsNoSite() throws {
    let settings = ["optimizer.learning_rate=5e-2", "logging.site_every_steps=1"]
    let (outcome, output, folder) = try train(settings)
    defer { withExtendedLifetime(folder) {} }
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    XCTAssertFalse(outcome.output.contains("its step size"), outcome.output)
    let sites = try records(output).filter { $0.kind == "site" }
    XCTAssertEqual(Set(sites.map(\.globalStep)), Set(1...12), "a report after every step")
  }

  /// Twelve steps at no rate to speak of learn nothing: F1 stays where chance puts it.
  func testARunThatLearnedNothingIsMarkedAsCollapsed() throws {
    let (outcome, output, folder) = try train(["optimizer.learning_rate=1e-12", "checkpoints.keep_last=1"])
    defer { withExtendedLifetime(folder) {} }
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    let last = outcome.output.split(separator: "\n").suffix(3)
    XCTAssertTrue(last.contains { $0.hasPrefix("collapsed: token at step 12: lenient_f1 0.") }, outcome.output)
    XCTAssertTrue(try records(output).contains { $0.kind == "collapse" && $0.string("stage") == "token" })
    let config = try String(
      contentsOf: output.appendingPathComponent("checkpoints/step-000012/config.json"), encoding: .utf8)
    XCTAssertTrue(config.contains("\"collapsed\": \"token: lenient_f1 0."), config)
    let shown = try Program.succeed(["inspect", output.path])
    XCTAssertTrue(shown.contains("collapsed:    token at step"), shown)
  }

  func testARunThatLearnedIsNotMarked() throws {
    let (outcome, _, folder) = try train([
      "optimizer.learning_rate=3e-3", "budget.total_steps=300", "budget.alpha=0.1", "evaluation.points=1",
    ])
    defer { withExtendedLifetime(folder) {} }
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    XCTAssertFalse(outcome.output.contains("collapsed"), outcome.output)
  }

  func testTheLastTableSaysWhoseStepEachFigureIsOf() throws {
    let (outcome, _, folder) = try train([])
    defer { withExtendedLifetime(folder) {} }
    let best = try XCTUnwrap(
      outcome.output.firstMatch(of: #/best checkpoint \(step (\d+)\)/#).map { String($0.1) }, outcome.output)
    let row = try XCTUnwrap(outcome.output.split(separator: "\n").first { $0.hasPrefix("of step") }, outcome.output)
    XCTAssertEqual(row.split(separator: " ").dropFirst(2).map(String.init), ["6", "12", best])
  }

  /// A bound below any loss makes every step bad: skipping them all trains nothing.
  func testARunWhoseEveryStepIsSkippedFails() throws {
    let settings = ["guards.on_bad_numbers=skip", "guards.loss_bound=1e-3"]
    let (outcome, _, folder) = try train(settings, ranks: 2)
    defer { withExtendedLifetime(folder) {} }
    XCTAssertEqual(outcome.status, 1, outcome.output)
    XCTAssertTrue(outcome.errors.contains("all 6 steps of the stage mlm were skipped"), outcome.errors)
    XCTAssertTrue(outcome.output.contains("warning: step 6 is skipped: the loss is"), outcome.output)
  }

  /// Parameters that do not move have the same losses in a second run: a bound just under the largest leaves out its step.
  func testSkippedStepsAreCountedAtTheEnd() throws {
    let still = ["budget.alpha=0", "optimizer.learning_rate=1e-12", "optimizer.step_learning_rate=1e-12"]
    let (first, output, folder) = try train(still)
    defer { withExtendedLifetime(folder) {} }
    XCTAssertEqual(first.status, 0, first.errors)
    let losses = try records(output).filter { $0.kind == "step" }.compactMap { $0.double("loss") }.sorted()
    let bound = (losses[losses.count - 1] + losses[losses.count - 2]) / 2
    let (outcome, _, other) = try train(still + ["guards.on_bad_numbers=skip", "guards.loss_bound=\(bound)"])
    defer { withExtendedLifetime(other) {} }
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    XCTAssertTrue(outcome.output.contains("\n1 of 12 steps were skipped for bad numbers\n"), outcome.output)
  }

  // MARK: - Gradients

  /// Of float32's own gradient it is 1; of one rounded by draws below 1, and of every part near it. Looking changes nothing.
  func testTheGradientsCosineIsTold() throws {
    let exact = ["compute.backward=fp32", "compute.attention=fp32", "compute.head=fp32"]
    for (settings, bounds) in [(exact, 0.999_999...1.000_001), (["compute.backward=int8"], 0.99...1.000_001)] {
      let (outcome, output, folder) = try train(settings + ["logging.gradient_cosine=true"], ranks: 2)
      defer { withExtendedLifetime(folder) {} }
      XCTAssertEqual(outcome.status, 0, outcome.errors)
      let told = try cosines(output)
      XCTAssertFalse(told.isEmpty)
      XCTAssertTrue(told.allSatisfy { $0.count == 4 }, "embeddings, two layers and the head: \(told)")
      // Without dropout and with the forward pass the same, draws alone can be the difference.
      XCTAssertEqual(told.joined().contains { $0 < 0.999_999 }, settings != exact, "\(told)")
      for cosine in told.joined() { XCTAssertTrue(bounds.contains(cosine), "\(settings): \(told)") }
      let (plain, other, otherFolder) = try train(settings, ranks: 2)
      defer { withExtendedLifetime(otherFolder) {} }
      XCTAssertEqual(plain.status, 0, plain.errors)
      XCTAssertEqual(try fingerprints(output), try fingerprints(other))
      XCTAssertEqual(try cosines(other).count, 0)
    }
  }

  private func cosines(_ output: URL) throws -> [[Double]] {
    try lines(output, "gradient_cosine").map { try XCTUnwrap($0["parts"] as? [String: Double]).map(\.value) }
  }

  private func fingerprints(_ output: URL) throws -> [String] {
    try lines(output, "fingerprint").map { try XCTUnwrap($0["parameters"] as? String) }
  }

  private func lines(_ output: URL, _ kind: String) throws -> [[String: Any]] {
    try String(contentsOf: output.appendingPathComponent("metrics.jsonl"), encoding: .utf8).split(separator: "\n")
      .map { try XCTUnwrap(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]) }
      .filter { $0["kind"] as? String == kind }
  }
}
