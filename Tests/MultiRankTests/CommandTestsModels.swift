import Foundation
import TestSupport
import XCTest

/// Runs that change a checkpoint's head, bits or quantized parts on the way.
final class ModelCommandTests: XCTestCase {
  /// A short run in LSQ_E8W8A8 whose last layer is left in float32, made once.
  private static let run: Result<(folder: URL, config: String), any Error> = Result {
    let folder = try SharedFolders.make()
    let config = try DemoData.configuration(output: folder.appendingPathComponent("out"))
    try Program.succeed(["train", config, "--set", "quantization.exclude=last"])
    return (folder, config)
  }
  private func checkpoint(_ name: String) throws -> String {
    try Self.run.get().folder.appendingPathComponent("out/checkpoints/\(name)").path
  }

  func testWhatIsLeftOutStandsInTheCheckpointAndIsHonoured() throws {
    let shown = try Program.succeed(["inspect", try checkpoint("best"), "--steps"])
    XCTAssertTrue(shown.contains("LSQ_E8W8A8 but for last"), shown)
    XCTAssertTrue(shown.contains("layer.0.output.dense.weight_quantizer"), shown)
    XCTAssertFalse(shown.contains("layer.1.output.dense.weight_quantizer"), shown)
    let scores = try Program.succeed(["evaluate", try checkpoint("best"), "--config", try Self.run.get().config])
    XCTAssertTrue(scores.contains("LSQ_E8W8A8 but for last"), scores)
    XCTAssertFalse(scores.contains("step sizes"), scores)
  }

  func testARunWithPartsLeftOutIsTheSameOnTwoRanks() throws {
    let folder = try TemporaryFolder()
    let config = try DemoData.configuration(output: folder.file("out"))
    try Program.succeed(["train", config, "--set", "quantization.exclude=last"], ranks: 2)
    let shown = try Program.succeed([
      "compare", try Self.run.get().folder.appendingPathComponent("out").path, folder.file("out").path,
    ])
    XCTAssertTrue(shown.contains("the same to step 12"), shown)
    try Program.fail(["train", config, "--resume", "--set", "quantization.exclude=first"])
  }

  func testAWordThatExcludesNothingIsRefused() throws {
    let folder = try TemporaryFolder()
    let config = try DemoData.configuration(output: folder.file("out"))
    try Program.fail(
      ["train", config, "--set", "quantization.exclude=*.valeu"], naming: "quantization.exclude: \"*.valeu\"")
    let shown = try Program.succeed(["footprint", config, "--set", "quantization.exclude=[first, \"*.value\"]"])
    XCTAssertTrue(shown.contains("† but for first, *.value"), shown)
  }

  func testEvaluatingInOtherBitsSaysWhichStepsAreSetAnewAsAFact() throws {
    let outcome = try Program.run([
      "evaluate", try checkpoint("best"), "--config", try Self.run.get().config, "--scheme", "LSQ_E8W4A4",
    ])
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    XCTAssertTrue(outcome.output.contains("steps of 6 weights and 4 activations are not kept"), outcome.output)
    XCTAssertFalse(outcome.errors.contains("warning"), outcome.errors)
  }

  func testTrainingOnInOtherBitsSaysWhichStepsAreSetAnew() throws {
    let folder = try TemporaryFolder()
    let config = try DemoData.configuration(output: folder.file("out"))
    let shown = try Program.succeed([
      "train", config, "--set", "model.checkpoint=\(try checkpoint("alpha"))", "--set",
      "quantization.scheme=LSQ_E8W2A2",
      "--set", "budget.total_steps=2",
    ])
    XCTAssertTrue(shown.contains("steps of 6 weights and 4 activations are not kept"), shown)
    XCTAssertTrue(shown.contains("of LSQ_E8W8A8 but for last and not of LSQ_E8W2A2"), shown)
  }

  func testGridsStandInTheCheckpointAndAreHonoured() throws {
    let folder = try TemporaryFolder()
    let output = folder.file("out")
    let config = try DemoData.configuration(output: output)
    let rows = ["weights.granularity=row", "weights.grid=symmetric"].flatMap { ["--set", $0] }
    try Program.succeed(["train", config, "--set", "quantization.scheme=LSQ_E8W2A8"] + rows)
    let best = output.appendingPathComponent("checkpoints/best").path
    let shown = try Program.succeed(["inspect", best])
    let title = "LSQ_E8W2A8 (weights.granularity row, weights.grid symmetric)"
    XCTAssertTrue(shown.contains("scheme:       \(title)"), shown)
    XCTAssertTrue(shown.contains("weights: 12 sites (448 steps, one a row)"), shown)
    let sites = try Program.succeed(["inspect", best, "--steps"]).split(separator: "\n")
    let site = try XCTUnwrap(sites.first { $0.contains("layer.1.output.dense.weight_quantizer") })
    XCTAssertTrue(site.contains(" to "), String(site))
    let scores = try Program.succeed(["evaluate", best, "--config", config])
    XCTAssertTrue(scores.contains(title) && !scores.contains("step sizes"), scores)
    let line = try Program.fail(["train", config, "--resume", "--set", "quantization.scheme=LSQ_E8W2A8"])
    XCTAssertTrue(line.contains("weights.granularity was row, is now tensor"), line)
    let table = try Program.succeed(["footprint", config, "--set", "quantization.scheme=LSQ_E8W2A8"] + rows)
    XCTAssertTrue(table.contains("† weights.granularity row, weights.grid symmetric"), table)
  }

  /// Steps that are not learned differ between `alpha` and `best` only where the switch sets them again.
  func testStepsAreSetAgainAtTheSwitchWhereAsked() throws {
    let folder = try TemporaryFolder()
    for (rule, areTheSame) in [("never", true), ("reload", false)] {
      let output = folder.file(rule)
      let config = try DemoData.configuration(output: output)
      try Program.succeed([
        "train", config, "--set", "quantization.learned_steps=false", "--set", "quantization.reset_steps=\(rule)",
      ])
      let steps = try ["alpha", "best"].map { name -> [Substring] in
        try Program.succeed(["inspect", output.appendingPathComponent("checkpoints/\(name)").path, "--steps"])
          .split(separator: "\n").filter { $0.contains("_quantizer") }
      }
      XCTAssertEqual(steps[0].count, 3 + 2 * 10)
      XCTAssertEqual(steps[0] == steps[1], areTheSame, rule)
    }
  }

  func testAnUntiedRunSavesADecoderThatTransformersTakesAsItIs() throws {
    let folder = try TemporaryFolder()
    let config = try DemoData.configuration(output: folder.file("out"))
    try Program.succeed(["train", config, "--set", "model.tied=false"], ranks: 2)
    let alpha = folder.file("out").appendingPathComponent("checkpoints/alpha")
    let shown = try Program.succeed(["inspect", alpha.path, "--tensors"])
    for name in ["lm_head.decoder.weight", "lm_head.decoder.bias", "lm_head.bias", "decoder of its own"] {
      XCTAssertTrue(shown.contains(name), "\(name) is not in \(shown)")
    }
    let json = try String(contentsOf: alpha.appendingPathComponent("config.json"), encoding: .utf8)
    XCTAssertTrue(json.contains("\"tie_word_embeddings\": false"), json)
    let store = folder.file("out").appendingPathComponent("store").path
    let loss = try Program.succeed(["evaluate", alpha.path, "--store", store, "--block-length", "64"])
    XCTAssertTrue(loss.contains("masked tokens"), loss)
  }
}
