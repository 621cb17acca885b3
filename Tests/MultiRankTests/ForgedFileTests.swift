import Crypto
import Foundation
import TestSupport
import XCTest

/// Files with numbers that no run wrote, and limits that no disk has: a line, and never a trap.
final class ForgedFileTests: XCTestCase {
  /// A short run and its settings, made once.
  private static let run: Result<(folder: URL, config: String), any Error> = Result {
    let folder = try SharedFolders.make()
    let config = try DemoData.configuration(output: folder.appendingPathComponent("out"))
    try Program.succeed(["train", config])
    return (folder, config)
  }

  /// Puts `value` in the place of `key` in the trainer's progress record of a copy of the run, checksums put right.
  private func forge(_ key: String, _ value: String, in output: URL) throws -> URL {
    let checkpoint = output.appendingPathComponent("checkpoints/step-000012")
    let file = checkpoint.appendingPathComponent("trainer.json")
    let before = try Data(contentsOf: file)
    let text = String(decoding: before, as: UTF8.self)
    let changed = text.replacingOccurrences(
      of: "\\\\\"\(key)\\\\\":[^,}]+", with: "\\\\\"\(key)\\\\\":\(value)", options: .regularExpression)
    XCTAssertNotEqual(changed, text, "no \(key) in \(text)")
    try replace(file, with: Data(changed.utf8), before, in: checkpoint)
    return checkpoint
  }

  private func replace(_ file: URL, with data: Data, _ before: Data, in checkpoint: URL) throws {
    try data.write(to: file)
    let sums = checkpoint.appendingPathComponent("checksums.json")
    let text = try String(contentsOf: sums, encoding: .utf8)
      .replacingOccurrences(of: digest(before), with: digest(data))
      .replacingOccurrences(of: "\"bytes\": \(before.count)", with: "\"bytes\": \(data.count)")
    try Data(text.utf8).write(to: sums)
  }

  private func digest(_ data: Data) -> String { SHA256.hash(data: data).map { String(format: "%02x", $0) }.joined() }

  /// A copy of the run, with its newest state at the end of its stage.
  private func copy(_ folder: TemporaryFolder) throws -> URL {
    let output = folder.file("out")
    try FileManager.default.copyItem(at: try Self.run.get().folder.appendingPathComponent("out"), to: output)
    return output
  }

  func testProgressThatNoRunComesToIsALineInInspectAndOnResume() throws {
    let config = try Self.run.get().config
    for (key, value) in [
      ("seconds", "1e308"), ("seconds", "-1"), ("tokenCount", "9223372036854775807"), ("globalStep", "-3"),
      ("stageStep", "-1"), ("stageStep", "9223372036854775807"), ("updateCount", "-7"), ("stageStep", "1.5"),
    ] {
      let folder = try TemporaryFolder()
      let output = try copy(folder)
      let checkpoint = try forge(key, value, in: output)
      let shown = try Program.succeed(["inspect", checkpoint.path])
      XCTAssertTrue(shown.contains("cannot be resumed"), "\(key) \(value): \(shown)")
      try Program.fail(["train", config, "--resume", "--set", "output=\(output.path)"], naming: "progress record")
    }
  }

  func testStepsOfOtherStagesAreRefusedOnResume() throws {
    let config = try Self.run.get().config
    for (key, value) in [("globalStep", "13"), ("globalStep", "4000")] {
      let folder = try TemporaryFolder()
      let output = try copy(folder)
      _ = try forge(key, value, in: output)
      try Program.fail(["train", config, "--resume", "--set", "output=\(output.path)"], naming: "do not belong to stages")
    }
  }

  func testMomentsOfAnotherLengthAreRefusedOnResume() throws {
    let folder = try TemporaryFolder()
    let output = try copy(folder)
    let checkpoint = output.appendingPathComponent("checkpoints/step-000012")
    let file = checkpoint.appendingPathComponent("trainer.safetensors")
    let before = try Data(contentsOf: file)
    let header =
      #"{"first_moments":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"#
      + #""second_moments":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#
    let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
    try replace(file, with: length + Data(header.utf8) + Data(count: 16), before, in: checkpoint)
    try Program.fail(
      ["train", try Self.run.get().config, "--resume", "--set", "output=\(output.path)"], naming: "first_moments")
  }

  func testInspectShowsARunWhoseStepsAreBeyondNumbers() throws {
    let folder = try TemporaryFolder()
    let output = try copy(folder)
    let metrics = output.appendingPathComponent("metrics.jsonl")
    let text = try String(contentsOf: metrics, encoding: .utf8)
      .replacingOccurrences(of: "\"total_steps\":12", with: "\"total_steps\":1e308")
    XCTAssertTrue(text.contains("1e308"))
    try Data(text.utf8).write(to: metrics)
    XCTAssertTrue(try Program.succeed(["inspect", output.path]).contains("last step:"))
  }

  func testAReferenceCaseOfAbsurdSizesIsRefused() throws {
    let folder = try TemporaryFolder()
    let copy = folder.file("case")
    try FileManager.default.copyItem(
      at: SharedFolder.packageRoot.appendingPathComponent("Cases/fp32-token"), to: copy)
    let file = copy.appendingPathComponent("case.json")
    let text = try String(contentsOf: file, encoding: .utf8)
    let keys = [
      "hidden_size", "num_attention_heads", "intermediate_size", "num_hidden_layers", "vocab_size",
      "max_position_embeddings", "type_vocab_size", "pad_token_id", "num_labels",
    ]
    for key in keys {
      for lie in ["9223372036854775807", "-9223372036854775808", "-1", "18", "16777216"] {
        let changed = text.replacingOccurrences(
          of: "\"\(key)\": [0-9]+", with: "\"\(key)\": \(lie)", options: .regularExpression)
        XCTAssertNotEqual(changed, text, key)
        try Data(changed.utf8).write(to: file)
        let outcome = try Program.run(["check", copy.path, "--threads", "1"])
        XCTAssertEqual(outcome.status, 1, "\(key) \(lie): \(outcome.errors)")
        XCTAssertEqual(outcome.errorLines.count, 1, "\(key) \(lie): \(outcome.errors)")
      }
    }
  }

  // MARK: Limits on files

  private func train(_ config: String, _ settings: [String], kibibytes: Int) throws -> MPIRun.Outcome {
    let words = ([try MPIRun.pathOfBuilt("palier"), "train", config] + settings).joined(separator: " ")
    return try MPIRun(command: ["/bin/bash", "-c", "ulimit -f \(kibibytes); exec \(words)"]).wait()
  }

  func testALimitOnFileSizesIsTreatedAsAFullDisk() throws {
    for (policy, status) in [("stop", Int32(1)), ("continue", 0)] {
      let folder = try TemporaryFolder()
      let config = try DemoData.configuration(output: folder.file("out"))
      let outcome = try train(config, ["--set", "checkpoints.on_write_failure=\(policy)"], kibibytes: 80)
      let all = outcome.output + outcome.errors
      XCTAssertTrue(all.contains("larger than this process or file system allows"), all)
      XCTAssertTrue(all.contains("ulimit -f unlimited"), all)
      if policy == "stop" {
        XCTAssertEqual(outcome.status, status, all)
        XCTAssertEqual(outcome.errorLines.count, 1, outcome.errors)
      } else {
        XCTAssertLessThan(outcome.status, 128, all)
      }
    }
  }

  // MARK: Faults on request

  func testADrillIsAnnouncedByItsRankAndByRankZero() throws {
    let folder = try TemporaryFolder()
    let config = try DemoData.configuration(output: folder.file("out"))
    let outcome = try MPIRun(
      ["train", config, "--set", "compute.allow_oversubscription=true"], of: "palier", ranks: 3,
      environment: ["PALIER_FLIP_BIT": "2:9:5:0"]
    ).wait()
    for rank in [0, 2] {
      XCTAssertTrue(
        outcome.errorLines.contains { $0.hasPrefix("palier: rank \(rank) on ") && $0.contains("WARNING: PALIER_FLIP_BIT") },
        outcome.errors)
    }
    XCTAssertEqual(outcome.errorLines.filter { $0.contains("WARNING") }.count, 2, outcome.errors)
  }

  func testAMalformedDrillIsRefused() throws {
    let folder = try TemporaryFolder()
    let config = try DemoData.configuration(output: folder.file("out"))
    for text in ["0:1:-5:3", "0:1:2", "x", "0:0:1:1", "0:1:1:32", "0:1:1:1:moment", "1:1:1:1", "0:1:99999999999999999999:1"] {
      let outcome = try MPIRun(["train", config], of: "palier", ranks: nil, environment: ["PALIER_FLIP_BIT": text]).wait()
      XCTAssertEqual(outcome.status, 1, text)
      XCTAssertEqual(outcome.errorLines.count, 1, outcome.errors)
      XCTAssertTrue(outcome.errors.contains("PALIER_FLIP_BIT"), outcome.errors)
    }
  }
}
