import Foundation
import TestSupport
import XCTest

/// `palier train --plan`: what a run will do, told without starting it.
final class PlanCommandTests: XCTestCase {
  func testThePlanCountsWhatTheRunThenDoes() throws {
    let folder = try TemporaryFolder()
    let output = folder.file("out")
    let config = try DemoData.configuration(output: output)
    let plan = try Program.succeed(["train", config, "--plan"], ranks: 2)
    XCTAssertFalse(FileManager.default.fileExists(atPath: output.path), "a plan writes nothing")
    try Program.succeed(["train", config], ranks: 2)
    let records = try String(contentsOf: output.appendingPathComponent("metrics.jsonl"), encoding: .utf8)
      .split(separator: "\n").map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:] }
    func count(_ kind: String, _ stage: String) -> Int {
      records.count {
        $0["kind"] as? String == kind && $0["stage"] as? String == stage && $0["split"] as? String != "test"
      }
    }
    XCTAssertEqual(row("steps", plan), ["6", "6"])
    XCTAssertEqual(row("steps", plan), ["mlm", "token"].map { "\(count("step", $0))" })
    XCTAssertEqual(row("evaluations", plan), ["mlm", "token"].map { "\(count("evaluation", $0))" })
    let tokens = records.filter { $0["kind"] as? String == "step" && $0["stage"] as? String == "mlm" }
      .compactMap { $0["tokens"] as? Int }
    XCTAssertEqual(row("tokens a step", plan).first, "\(tokens[0])")
    XCTAssertEqual(Set(tokens).count, 1)
    for word in ["time", "memory", "disk", "2 ranks × 1 thread", "steps measured here"] {
      XCTAssertTrue(plan.contains(word), "\(word) is not in \(plan)")
    }
  }

  /// 6 steps of 8 blocks of 64 tokens at 1,000 tokens a second are 3.072 s.
  func testAGivenRateTakesThePlaceOfTheMeasurement() throws {
    let folder = try TemporaryFolder()
    let config = try DemoData.configuration(output: folder.file("out"))
    let plan = try Program.succeed(["train", config, "--plan", "--rate", "1000", "--set", "budget.alpha=0.5"])
    XCTAssertEqual(row("seconds a step", plan).first, "0.512")
    XCTAssertEqual(row("tokens a second", plan), ["1,000", "1,000"])
    XCTAssertTrue(plan.contains("by the rate given"), plan)
  }

  func testWhatCannotBePlannedIsRefused() throws {
    let folder = try TemporaryFolder()
    let config = try DemoData.configuration(output: folder.file("out"))
    for arguments in [["--rate", "10"], ["--plan", "--rate", "0"], ["--plan", "--resume"]] {
      XCTAssertEqual(try Program.run(["train", config] + arguments).status, 64, "\(arguments)")
    }
    try Program.fail(["train", config, "--plan", "--set", "model.checkpoint=/nowhere"], naming: "model.checkpoint")
    try Program.fail(
      ["train", config, "--plan", "--set", "quantization.exclude=[nothing]"], naming: "quantization.exclude")
  }

  /// The cells of a row of the table.
  private func row(_ name: String, _ text: String) -> [String] {
    let line = text.split(separator: "\n").first { $0.hasPrefix(name + "  ") } ?? ""
    return line.dropFirst(name.count).split(separator: " ").map(String.init)
  }
}
