import Configuration
import Foundation
import Observability
import TestSupport
import XCTest

/// Named presets, and what they set of the schedule, in runs of a few steps.
final class PresetRunTests: XCTestCase {
  /// A configuration that sets no learning rate: presets do.
  private func configuration(_ output: URL) throws -> String {
    let file = try DemoData.configuration(output: output)
    let text = try String(contentsOfFile: file, encoding: .utf8)
    let without = text.replacingOccurrences(of: "optimizer: {learning_rate: 1e-3}\n", with: "")
    XCTAssertNotEqual(without, text)
    try Data(without.utf8).write(to: URL(fileURLWithPath: file))
    return file
  }

  private func values(_ file: String, _ settings: [String]) throws -> [String: String] {
    let configuration = try RunConfiguration.load(file: URL(fileURLWithPath: file), overrides: settings)
    return Dictionary(uniqueKeysWithValues: configuration.values.map { ($0.key, $0.value) })
  }

  /// As docs/numerics.md lists them. `selection_score` differs for parts of speech alone.
  private let changes: [String: [String: String]] = [
    "default": [:],
    "accml-paper": ["preset": "accml-paper", "optimizer.step_rule": "linear"],
    "accml-code": [
      "preset": "accml-code", "quantization.shared_steps": "by-kind", "quantization.learned_steps": "false",
      "quantization.reset_steps": "reload", "quantization.clipped_gradient": "false",
      "quantization.bitnet_gamma": "row", "quantization.quantized_head": "true", "optimizer.learning_rate": "5e-05",
      "pretraining.learning_rate": "5e-05", "fine_tuning.learning_rate": "5e-05", "optimizer.warmup_fraction": "0",
      "optimizer.one_schedule": "true", "optimizer.schedule_share": "0.9", "optimizer.step_rule": "linear",
    ],
    "low-bit": [
      "preset": "low-bit", "quantization.initial": "mse", "optimizer.learning_rate": "0.0002",
      "pretraining.learning_rate": "0.0002", "fine_tuning.learning_rate": "0.0002",
      "distillation.pretraining.logits": "1", "distillation.pretraining.hidden": "1",
      "distillation.fine_tuning.hidden": "1",
    ],
  ]

  func testAPresetSetsWhatTheContractSaysAndNothingElse() throws {
    let folder = try TemporaryFolder()
    let file = try configuration(folder.file("out"))
    let tags = ["fine_tuning.task=pos", "fine_tuning.format=conllu", "fine_tuning.path=\(try DemoData.data())/pos"]
    for (preset, expected) in changes {
      for task in [[], tags] {
        let plain = try values(file, task)
        var found = try values(file, task + ["preset=\(preset)"]).filter { plain[$0.key] != $0.value }
        for key in found.keys where Double(found[key] ?? "") == 5e-5 { found[key] = "5e-05" }
        var wanted = expected
        if preset == "accml-code", !task.isEmpty { wanted["fine_tuning.selection_score"] = "weighted_f1" }
        XCTAssertEqual(found, wanted, "\(preset) \(task)")
      }
      // What is given wins, whatever its place.
      let given = try values(file, ["optimizer.step_rule=log", "preset=\(preset)"])
      XCTAssertEqual(given["optimizer.step_rule"], "log")
    }
  }

  func testEveryPresetTrainsAndEachMakesAnotherModel() throws {
    let folder = try TemporaryFolder()
    var ends: Set<String> = []
    for preset in changes.keys.sorted() {
      let output = folder.file(preset)
      let file = try configuration(output)
      let settings = ["preset=\(preset)", "budget.total_steps=4", "logging.tensorboard=false"]
      let shown = try Program.succeed(["train", file] + settings.flatMap { ["--set", $0] })
      ends.insert(try XCTUnwrap(shown.firstMatch(of: #/final parameters: [0-9a-f]{16}/#)).output.description)
      // What the run notes is what it was told.
      let noted = try values(output.appendingPathComponent("run.yaml").path, [])
      XCTAssertEqual(noted, try values(file, settings), preset)
    }
    XCTAssertEqual(ends.count, changes.count)
  }

  private func rates(_ settings: [String]) throws -> [Double] {
    let folder = try TemporaryFolder()
    let file = try configuration(folder.file("out"))
    let common = ["logging.tensorboard=false", "optimizer.warmup_fraction=0", "optimizer.learning_rate=6e-4"]
    try Program.succeed(["train", file] + (common + settings).flatMap { ["--set", $0] })
    return try MetricsRecord.all(at: folder.file("out").appendingPathComponent("metrics.jsonl")).records
      .filter { $0.kind == "step" }.compactMap { $0.double("learning_rate") }
  }

  /// Six steps of each stage: two lines down, or one of twelve of which the first stage has the upper half.
  func testTheFirstStageIsCutFromOneScheduleWhereAsked() throws {
    let own = (0..<6).map { 1e-4 * Double(6 - $0) }
    let cut = (0..<6).map { 5e-5 * Double(12 - $0) }
    for (settings, expected) in [([], own + own), (["optimizer.one_schedule=true"], cut + own)] {
      let found = try rates(settings)
      XCTAssertEqual(found.count, 12)
      for (a, b) in zip(found, expected) { XCTAssertEqual(a, b, accuracy: 1e-12, "\(settings)") }
    }
  }
}
