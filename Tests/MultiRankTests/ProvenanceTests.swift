import Foundation
import TestSupport
import XCTest

/// A checkpoint tells where it comes from, in `config.json` and in its model card, and tells the same whatever ranks and stops
/// made it.
final class ProvenanceTests: XCTestCase {
  private static let common = ["--set", "checkpoints.every_steps=1", "--set", "checkpoints.keep_last=20"]

  private func train(_ folder: TemporaryFolder, ranks: Int?, more: [String] = []) throws -> URL {
    let output = folder.url.appendingPathComponent("out")
    let config = try DemoData.configuration(output: output)
    try Program.succeed(["train", config] + Self.common + more, ranks: ranks)
    return output
  }

  private func section(_ checkpoint: URL) throws -> [String: Any] {
    let data = try Data(contentsOf: checkpoint.appendingPathComponent("config.json"))
    let fields = try XCTUnwrap(JSONSerialization.jsonObject(with: data) as? [String: Any])
    return try XCTUnwrap(fields["palier"] as? [String: Any])
  }

  private func records(_ output: URL, _ kind: String) throws -> [[String: Any]] {
    try String(contentsOf: output.appendingPathComponent("metrics.jsonl"), encoding: .utf8).split(separator: "\n")
      .compactMap { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
      .filter { $0["kind"] as? String == kind }
  }

  private func contents(_ folder: URL) throws -> [String: Data] {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    return Dictionary(
      uniqueKeysWithValues: try names.map { ($0, try Data(contentsOf: folder.appendingPathComponent($0))) })
  }

  func testCheckpointsTellTheRunsOwnFigures() throws {
    let folder = try TemporaryFolder()
    defer { withExtendedLifetime(folder) {} }
    let output = try train(folder, ranks: nil)
    let start = try XCTUnwrap(records(output, "start").first?["data"] as? [String: String])
    for (name, stage, split) in [("alpha", "mlm", "validation"), ("best", "token", "validation")] {
      let checkpoint = output.appendingPathComponent("checkpoints/\(name)")
      let noted = try section(checkpoint)
      XCTAssertEqual(noted["alpha"] as? Double, 0.5)
      XCTAssertEqual(noted["seed"] as? Int, 3)
      XCTAssertEqual(noted["pretraining_steps"] as? Int, 6)
      XCTAssertEqual(noted["fine_tuning_steps"] as? Int, 6)
      XCTAssertEqual(noted["batch_size"] as? Int, 8)
      let data = try XCTUnwrap(noted["data"] as? [String: [String: Any]])
      // The store's own print comes with the tokens, after the log's first record.
      XCTAssertEqual(Set(data.keys), Set(start.keys).union(["tokens"]))
      for (part, print) in start { XCTAssertEqual(data[part]?["sha256"] as? String, print, part) }
      XCTAssertEqual(data["text"]?["key"] as? String, "pretraining.text")
      XCTAssertEqual(data["text"]?["names"] as? [String], ["corpus.txt"])
      XCTAssertEqual(data["train"]?["names"] as? [String], ["entities"])

      let step = try XCTUnwrap(noted["global_step"] as? Int)
      let evaluation = try XCTUnwrap(
        records(output, "evaluation").first {
          $0["stage"] as? String == stage && $0["split"] as? String == split && $0["global_step"] as? Int == step
        }, "\(name): no evaluation at step \(step)")
      let scores = try XCTUnwrap(noted["scores"] as? [String: Any])
      XCTAssertEqual(scores["global_step"] as? Int, step)
      XCTAssertEqual(scores["values"] as? [String: Double], evaluation["scores"] as? [String: Double], name)
      try checkCard(checkpoint, evaluation["scores"] as? [String: Double] ?? [:], data)
      let shown = try Program.succeed(["inspect", checkpoint.path, "--verify"])
      XCTAssertTrue(shown.contains("6 + 6 steps (alpha 0.5), batch 8, seed 3"), shown)
      XCTAssertTrue(shown.contains(try XCTUnwrap(start["text"])), shown)
    }
  }

  private func checkCard(_ checkpoint: URL, _ scores: [String: Double], _ data: [String: [String: Any]]) throws {
    let card = try String(contentsOf: checkpoint.appendingPathComponent("README.md"), encoding: .utf8)
    let lines = card.split(separator: "\n", omittingEmptySubsequences: false)
    XCTAssertEqual(lines.first, "---")
    XCTAssertEqual(Array(lines[1...3]), ["language:", "- fr", "library_name: transformers"])
    XCTAssertEqual(lines.filter { $0 == "---" }.count, 2, card)
    XCTAssertFalse(scores.isEmpty)
    for (name, value) in scores {
      let row = "| \(name.replacingOccurrences(of: "_", with: "\\_")) | \(String(format: "%.4f", value)) |"
      XCTAssertTrue(lines.contains { $0 == row }, "\(row) in \(card)")
    }
    for (part, entry) in data { XCTAssertTrue(card.contains(entry["sha256"] as? String ?? "?"), part) }
    // Nothing of the machine.
    let config = try String(contentsOf: checkpoint.appendingPathComponent("config.json"), encoding: .utf8)
    for word in [try DemoData.folder().path, checkpoint.deletingLastPathComponent().path] {
      XCTAssertFalse(card.contains(word), card)
      XCTAssertFalse(config.contains(word), config)
    }
    let checksums = try String(contentsOf: checkpoint.appendingPathComponent("checksums.json"), encoding: .utf8)
    XCTAssertTrue(checksums.contains("\"README.md\""), checksums)
  }

  func testRanksAndAResumeLeaveTheSameFoldersByteForByte() throws {
    let folders = try (0..<2).map { _ in try TemporaryFolder() }
    defer { withExtendedLifetime(folders) {} }
    let alone = try train(folders[0], ranks: nil)
    let shared = try train(folders[1], ranks: 2)
    func compare(_ message: String) throws {
      for name in ["checkpoints/alpha", "checkpoints/best"] {
        let (one, other) = try (
          contents(alone.appendingPathComponent(name)), contents(shared.appendingPathComponent(name))
        )
        XCTAssertEqual(Set(one.keys), Set(other.keys), message)
        for (file, data) in one { XCTAssertTrue(other[file] == data, "\(message): \(name)/\(file)") }
      }
    }
    try compare("two ranks")
    // Back to the middle of the first stage: both folders are written again.
    for name in ["alpha", "best"] + (5...12).map({ "step-" + String(format: "%06d", $0) }) {
      try? FileManager.default.removeItem(at: shared.appendingPathComponent("checkpoints/" + name))
    }
    let config = try DemoData.configuration(output: shared)
    try Program.succeed(["train", config, "--resume"] + Self.common)
    try compare("resumed in the first stage")
    // Back to the last step of the first stage: the switch comes without another evaluation.
    for name in ["alpha", "best"] + (7...12).map({ "step-" + String(format: "%06d", $0) }) {
      try? FileManager.default.removeItem(at: shared.appendingPathComponent("checkpoints/" + name))
    }
    try Program.succeed(["train", config, "--resume"] + Self.common, ranks: 2)
    try compare("resumed at the switch")
  }

  func testAnExportKeepsWhereItComesFrom() throws {
    let folder = try TemporaryFolder()
    let output = try train(folder, ranks: nil)
    let (best, out) = (output.appendingPathComponent("checkpoints/best"), folder.url.appendingPathComponent("export"))
    try Program.succeed(["export", "--dequantized", best.path, "--out", out.path])
    let (before, after) = try (section(best), section(out))
    XCTAssertEqual(after["scheme"] as? String, "fp32")
    for key in ["data", "scores", "arithmetic"] {
      XCTAssertEqual(after[key] as? NSDictionary, try XCTUnwrap(before[key] as? NSDictionary), key)
    }
    let card = try String(contentsOf: out.appendingPathComponent("README.md"), encoding: .utf8)
    XCTAssertTrue(card.contains("scheme LSQ\\_E8W8A8 gives them"), card)
  }
}
