import Foundation
import TestSupport
import XCTest

/// A short run from its first step to its export.
final class RunCommandTests: XCTestCase {
  /// The output folder of one run of some steps, made once.
  private static let run: Result<(folder: URL, config: String), any Error> = Result {
    let folder = try SharedFolders.make()
    let config = try DemoData.configuration(output: folder.appendingPathComponent("out"))
    try Program.succeed(["train", config])
    return (folder, config)
  }
  private func output() throws -> URL { try Self.run.get().folder.appendingPathComponent("out") }
  private func config() throws -> String { try Self.run.get().config }

  func testEvaluateScoresTheBestCheckpointAsTrainingDid() throws {
    let best = try output().appendingPathComponent("checkpoints/best").path
    let predictions = try output().appendingPathComponent("predictions.jsonl")
    let shown = try Program.succeed([
      "evaluate", best, "--config", try config(), "--split", "test", "--predictions", predictions.path,
    ])
    for word in ["strict_f1", "baseline all-O", "baseline random", "precision", "sentences", "DISO"] {
      XCTAssertTrue(shown.contains(word), "\(word) is not in \(shown)")
    }
    struct Line: Decodable { var tokens, reference, predicted: [String] }
    let lines = try Data(contentsOf: predictions).split(separator: 0x0A)
      .map { try JSONDecoder().decode(Line.self, from: Data($0)) }
    XCTAssertEqual(lines.count, 20)
    XCTAssertTrue(lines.allSatisfy { $0.tokens.count == $0.reference.count && $0.tokens.count == $0.predicted.count })
    try Program.fail(
      ["evaluate", best, "--config", try config(), "--predictions", predictions.path], naming: "--overwrite")
    try Program.succeed([
      "evaluate", best, "--config", try config(), "--split", "validation", "--predictions", predictions.path,
      "--overwrite",
    ])
    XCTAssertNotEqual(try Data(contentsOf: predictions).split(separator: 0x0A).count, 0)
    // The same from explicit options, on two ranks.
    let again = try Program.succeed(
      [
        "evaluate", best, "--format", "conll2", "--file", try DemoData.data() + "/entities/test.conll", "--threads",
        "1",
        "--maximum-tokens", "64",
      ], ranks: 2)
    XCTAssertEqual(scoreLines(shown), scoreLines(again))
    XCTAssertEqual(scoreLines(shown).count, 2)
  }

  /// Lines that the checkpoint's own figures make; the random baseline draws by other counts.
  private func scoreLines(_ text: String) -> [String] {
    text.split(separator: "\n").filter { $0.hasPrefix("f1 ") || $0.hasPrefix("loss ") }
      .map { $0.split(separator: " ").prefix(2).joined(separator: " ") }
  }

  func testCheckpointsWrittenBesideTheStepsHaveTheBytesOfThoseThatStepsWaitFor() throws {
    let folder = try TemporaryFolder()
    let waiting = folder.file("out")
    let config = try DemoData.configuration(output: waiting)
    try Program.succeed(["train", config, "--set", "checkpoints.asynchronous=false"])
    for name in ["step-000009", "step-000012", "best", "alpha"] {
      for file in ["model.safetensors", "config.json"] {
        let path = "checkpoints/\(name)/\(file)"
        XCTAssertEqual(
          try Data(contentsOf: waiting.appendingPathComponent(path)),
          try Data(contentsOf: output().appendingPathComponent(path)), path)
      }
    }
  }

  func testTheMaskedLMCheckpointGivesALoss() throws {
    let alpha = try output().appendingPathComponent("checkpoints/alpha").path
    let store = try output().appendingPathComponent("store").path
    let shown = try Program.succeed(["evaluate", alpha, "--store", store, "--block-length", "64"])
    XCTAssertTrue(shown.contains("masked tokens"), shown)
    try Program.fail(
      ["evaluate", alpha, "--task", "entities", "--format", "conll2", "--path", try DemoData.data() + "/entities"],
      naming: "classifier")
    let best = try output().appendingPathComponent("checkpoints/best").path
    try Program.fail(["evaluate", best, "--task", "mlm", "--store", store], naming: "masked-LM")
  }

  func testEvaluateNamesTheOptionThatIsMissing() throws {
    let checkpoints = try output().appendingPathComponent("checkpoints").path
    for (checkpoint, options, missing) in [
      ("alpha", ["--task", "mlm"], "--store"), ("alpha", [], "--store"), ("best", ["--task", "entities"], "--format"),
      ("best", ["--format", "conll2"], "--path"),
    ] {
      try Program.fail(["evaluate", checkpoints + "/" + checkpoint] + options, naming: missing + " is missing: ")
    }
  }

  func testALabelThatTheCheckpointDoesNotKnowIsNamed() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appendingPathComponent("other.conll")
    try Data("le\tO\nfoie\tB-ORGANE\n\n".utf8).write(to: file)
    let best = try output().appendingPathComponent("checkpoints/best").path
    try Program.fail(["evaluate", best, "--format", "conll2", "--file", file.path], naming: "B-ORGANE")
  }

  func testInspectShowsCheckpointTrainerAndRun() throws {
    let checkpoints = try output().appendingPathComponent("checkpoints")
    let last = try Program.succeed([
      "inspect", checkpoints.appendingPathComponent("step-000012").path, "--steps", "--verify",
    ])
    for word in ["LSQ_E8W8A8", "token classification", "step 12", "input_quantizer", "as written", "can be resumed"] {
      XCTAssertTrue(last.contains(word), "\(word) is not in \(last)")
    }
    let run = try Program.succeed(["inspect", try output().path])
    XCTAssertTrue(run.contains("alpha, best"), run)
    XCTAssertTrue(run.contains("finished:     yes"), run)
  }

  func testReportOfARunIsAPageWithItsFigures() throws {
    let folder = try TemporaryFolder()
    let out = folder.file("report").path
    let line = try Program.succeed(["report", try output().path, "--out", out])
    XCTAssertTrue(line.hasSuffix("report/report.html\n"), line)
    let page = try String(contentsOfFile: out + "/report.html", encoding: .utf8)
    for part in ["Switch from the first stage", "Phases of time", "LSQ_E8W8A8", "strict f1"] {
      XCTAssertTrue(page.contains(part), part)
    }
    for name in ["table.md", "table.tex", "table.csv", "figures/loss.svg", "figures/sites.csv"] {
      XCTAssertTrue(FileManager.default.fileExists(atPath: "\(out)/\(name)"), name)
    }
    let figure = folder.file("loss.svg").path
    let columns = ["--x", "step", "--y", "loss", "--lines", "stage"]
    _ = try Program.succeed(["plot", out + "/figures/loss.csv", "--out", figure] + columns)
    XCTAssertTrue(try String(contentsOfFile: figure, encoding: .utf8).hasPrefix("<svg "))
    try Program.fail(["plot", out + "/figures/loss.csv", "--out", folder.url.path] + columns)
    try Program.fail(["report", folder.url.path], naming: "sweep.json")
    try Program.fail(["report", try output().path, "--carbon", "coal"], naming: "--carbon")
  }

  /// On the console's first lines, in the log's first record, in versions.json and in every checkpoint; never "auto".
  func testTheArithmeticIsRecordedAsItCameOut() throws {
    let folder = try TemporaryFolder()
    let output = folder.url.appendingPathComponent("asked")
    let asked = ["forward": "float", "backward": "fp32", "attention": "bf16", "head": "bf16", "reduction": "fp32"]
    let shown = try Program.succeed(
      ["train", try DemoData.configuration(output: output)]
        + asked.flatMap { ["--set", "compute.\($0.key)=\($0.value)"] })
    let line = "arithmetic: forward float, backward fp32, attention bf16, head bf16, reduction fp32 by oneDNN "
    XCTAssertTrue(shown.split(separator: "\n").prefix(2).contains { $0.hasPrefix(line) }, shown)
    for url in [output, try self.output()] {
      for (place, found) in try recordedArithmetic(url) {
        XCTAssertFalse(found.values.contains("auto"), "\(place): \(found)")
        XCTAssertEqual(Set(found.keys), Set(asked.keys).union(["onednn", "onednn_isa"]), place)
        guard url == output else { continue }
        XCTAssertEqual(found.filter { asked[$0.key] != nil }, asked, place)
      }
    }
  }

  /// What each file of a run says of the arithmetic.
  private func recordedArithmetic(_ output: URL) throws -> [String: [String: String]] {
    func object(_ data: Data) throws -> [String: Any] {
      try XCTUnwrap(JSONSerialization.jsonObject(with: data) as? [String: Any])
    }
    func file(_ name: String) throws -> Data { try Data(contentsOf: output.appendingPathComponent(name)) }
    var found: [String: [String: String]] = [:]
    let names = ["forward", "backward", "attention", "head", "reduction", "onednn", "onednn_isa"]
    let versions = try object(file("versions.json"))
    found["versions.json"] = versions.compactMapValues { $0 as? String }.filter { names.contains($0.key) }
    let first = try object(file("metrics.jsonl").prefix { $0 != 0x0A })
    found["metrics.jsonl"] = try XCTUnwrap(first["arithmetic"] as? [String: String])
    for name in ["step-000012", "alpha", "best"] {
      let facts = try XCTUnwrap(object(file("checkpoints/\(name)/config.json"))["palier"] as? [String: Any])
      found[name] = try XCTUnwrap(facts["arithmetic"] as? [String: String])
    }
    return found
  }

  /// The last step's parameters are the final ones, whatever the best checkpoint holds.
  func testTheFinalParametersAreNotTheBestCheckpoints() throws {
    let folder = try TemporaryFolder()
    let output = folder.url.appendingPathComponent("out")
    // A rate at which the second stage soon forgets what it knew.
    let shown = try Program.succeed([
      "train", try DemoData.configuration(output: output), "--set", "fine_tuning.learning_rate=0.03",
      "evaluation.points=12",
      "quantization.scheme=fp32",
    ])
    struct Line: Decodable {
      var kind: String
      var global_step: Int
      var parameters: String?
    }
    let records = try Data(contentsOf: output.appendingPathComponent("metrics.jsonl")).split(separator: 0x0A)
      .map { try JSONDecoder().decode(Line.self, from: Data($0)) }.filter { $0.kind == "fingerprint" }
    func parameters(_ step: Int) -> String { records.first { $0.global_step == step }?.parameters ?? "none" }
    let start = try XCTUnwrap(shown.range(of: "test scores of the best checkpoint (step "))
    let best = try XCTUnwrap(Int(shown[start.upperBound...].prefix { $0.isNumber }))
    XCTAssertTrue((7..<12).contains(best), "step \(best): the claim needs a best that is not the last")
    XCTAssertTrue(shown.contains("final parameters: \(parameters(12))\n"), shown)
    XCTAssertTrue(shown.contains("(step \(best)), parameters \(parameters(best))\n"), shown)
  }

  func testARunOnTwoRanksIsTheSameAndCompareSaysSo() throws {
    let folder = try TemporaryFolder()
    let other = folder.url.appendingPathComponent("other")
    let config = try DemoData.configuration(output: other)
    try Program.succeed(["train", config], ranks: 2)
    let shown = try Program.succeed(["compare", try output().path, other.path])
    XCTAssertTrue(shown.contains("the same to step 12"), shown)
    let changed = folder.url.appendingPathComponent("changed")
    try Program.succeed(["train", config, "--set", "seed=4", "output=\(changed.path)"])
    let outcome = try Program.run(["compare", try output().path, changed.appendingPathComponent("metrics.jsonl").path])
    XCTAssertEqual(outcome.status, 1)
    XCTAssertTrue(outcome.output.contains("the runs part at step 1"), outcome.output)
    try Program.fail(["train", config], naming: "holds an earlier run")
  }

  func testRunsWithoutAStepInCommonAreNotCompared() throws {
    let folder = try TemporaryFolder()
    struct Line: Decodable {
      var kind: String
      var global_step: Int
    }
    let lines = try Data(contentsOf: output().appendingPathComponent("metrics.jsonl")).split(separator: 0x0A)
    func write(_ name: String, steps: [Int]) throws -> String {
      let kept = try lines.filter {
        let line = try JSONDecoder().decode(Line.self, from: Data($0))
        return line.kind != "step" || steps.contains(line.global_step)
      }
      try Data(kept.joined(separator: [0x0A])).write(to: folder.file(name))
      return folder.file(name).path
    }
    let (first, second) = (try write("first.jsonl", steps: [1, 2]), try write("second.jsonl", steps: [3, 4]))
    try Program.fail(["compare", first, second], naming: "the two runs have no step in common")
    let none = try write("none.jsonl", steps: [])
    try Program.fail(["compare", first, none], naming: "none.jsonl: no step in it")
  }

  func testASignalEndsARunWithCode75AndResumeGoesOn() throws {
    let folder = try TemporaryFolder()
    let other = folder.url.appendingPathComponent("other")
    let config = try DemoData.configuration(output: other)
    let settings = ["--set", "budget.total_steps=4000", "--set", "evaluation.points=4"]
    let run = try MPIRun(["train", config] + settings, of: "palier", ranks: 2, timeout: 120)
    _ = try run.waitForLine("mlm")
    run.send(SIGUSR1)
    let outcome = run.wait()
    XCTAssertEqual(outcome.status, 75, outcome.errors)
    XCTAssertTrue(outcome.output.contains("stopped by SIGUSR1"), outcome.output)
    try Program.fail(["train", config] + settings, naming: "other")
    let otherSums = settings + ["--set", "compute.reduction=fp32"]
    let refusal = try Program.fail(["train", config, "--resume"] + otherSums, naming: "compute.reduction was exact")
    XCTAssertTrue(refusal.contains("--allow-changes compute.reduction"), refusal)
    let resumed = try MPIRun(
      ["train", config, "--resume", "--allow-changes", "compute.reduction"] + otherSums, of: "palier", ranks: nil,
      timeout: 120)
    let warning = try resumed.waitForLine("warning: the run so far was made with")
    XCTAssertTrue(warning.contains("reduction fp32"), warning)
    XCTAssertTrue(warning.hasSuffix(": the same to rounding, not to the bit"), warning)
    _ = try resumed.waitForLine("resuming at step")
    _ = try resumed.waitForLine("mlm")
    resumed.send(SIGINT)
    XCTAssertEqual(resumed.wait().status, 75)
  }

  func testExportLeavesTheLossAsItIsUpToTheActivations() throws {
    let folder = try TemporaryFolder()
    let plain = folder.url.appendingPathComponent("plain").path
    let alpha = try output().appendingPathComponent("checkpoints/alpha").path
    try Program.succeed(["export", "--dequantized", alpha, "--out", plain])
    let store = try output().appendingPathComponent("store").path
    let losses = try [alpha, plain].map { checkpoint -> Double in
      let shown = try Program.succeed([
        "evaluate", checkpoint, "--task", "mlm", "--store", store, "--block-length", "64",
      ])
      let line = try XCTUnwrap(shown.split(separator: "\n").first { $0.hasPrefix("loss") })
      return try XCTUnwrap(line.split(separator: " ").last.flatMap { Double($0) })
    }
    XCTAssertEqual(losses[0], losses[1], accuracy: 0.02)
    let shown = try Program.succeed(["inspect", plain, "--tensors"])
    XCTAssertFalse(shown.contains("quantizer"), shown)
    XCTAssertTrue(shown.contains("lm_head.decoder.weight"), shown)
    try Program.fail(["export", "--dequantized", plain, "--out", plain + "-2"], naming: "no quantizer")
    try Program.fail(["export", "--dequantized", alpha, "--out", plain], naming: "not empty")
  }
}
