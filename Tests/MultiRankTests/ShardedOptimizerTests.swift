import Foundation
import TestSupport
import XCTest

/// `compute.shard_optimizer` shares the moments out and changes nothing else: checkpoints have the same bytes, moments
/// included, and a run goes on with or without it.
final class ShardedOptimizerTests: XCTestCase {
  private static let sharded = ["--set", "compute.shard_optimizer=true"]
  private static let crowded = ["--set", "compute.allow_oversubscription=true"]

  /// The files of a checkpoint that hold numbers: weights, and the moments.
  private func numbers(_ output: URL, step: Int = 12) throws -> [String: Data] {
    let folder = output.appendingPathComponent("checkpoints/step-" + String(format: "%06d", step))
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
      $0.hasSuffix(".safetensors")
    }
    XCTAssertGreaterThan(names.count, 1, "weights and moments in \(folder.path)")
    return try Dictionary(
      uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: folder.appendingPathComponent($0))) })
  }

  private func train(_ settings: [String], ranks: Int) throws -> [String: Data] {
    let folder = try TemporaryFolder()
    let output = folder.url.appendingPathComponent("out")
    let config = try DemoData.configuration(output: output)
    try Program.succeed(["train", config] + settings + Self.crowded, ranks: ranks)
    return try numbers(output)
  }

  /// The numbers alone: a checkpoint's progress holds seconds too.
  private func assertSame(_ a: [String: Data], _ b: [String: Data], _ what: String) {
    XCTAssertEqual(a.keys.sorted(), b.keys.sorted(), what)
    for (name, data) in a { XCTAssertTrue(data == b[name], "\(what): \(name) differs") }
  }

  func testExactSumsGiveTheSameBytesOnAnyNumberOfRanks() throws {
    for scheme in ["LSQplus_E4W4A4", "BitNet_E6W1.58A6", "LSQplus_E4W2A4 by row"] {
      let rows = ["weights.granularity=row", "embeddings.granularity=row", "activations.offset=integer"]
      let settings = ["quantization.scheme=\(scheme.prefix { $0 != " " })"] + (scheme.hasSuffix("row") ? rows : [])
      let scheme = settings.flatMap { ["--set", $0] }
      let alone = try train(scheme, ranks: 1)
      for ranks in 1...4 {
        assertSame(try train(scheme + Self.sharded, ranks: ranks), alone, "\(scheme) on \(ranks) ranks")
      }
    }
  }

  func testFloatSumsAndSharedStepsGiveTheSameBytesAsWithout() throws {
    for settings in [["compute.reduction=fp32"], ["compute.reduction=fp32", "quantization.shared_steps=by-kind"]] {
      let settings = settings.flatMap { ["--set", $0] }
      for ranks in [2, 3] {
        let whole = try train(settings, ranks: ranks)
        assertSame(try train(settings + Self.sharded, ranks: ranks), whole, "\(settings) on \(ranks) ranks")
      }
    }
  }

  /// Every change between sharded and whole, and of the number of ranks, in the middle of a run.
  func testARunResumesWithAndWithoutShards() throws {
    let alone = try train([], ranks: 1)
    for (before, after) in [((true, 2), (false, 1)), ((false, 2), (true, 3)), ((true, 3), (true, 2))] {
      let folder = try TemporaryFolder()
      let output = folder.url.appendingPathComponent("out")
      let config = try DemoData.configuration(output: output)
      let settings = ["--set", "checkpoints.every_steps=1", "--set", "checkpoints.keep_last=20"] + Self.crowded
      try Program.succeed(["train", config] + settings + (before.0 ? Self.sharded : []), ranks: before.1)
      for step in 10...12 {
        try FileManager.default.removeItem(
          at: output.appendingPathComponent("checkpoints/step-" + String(format: "%06d", step)))
      }
      try Program.succeed(["train", config, "--resume"] + settings + (after.0 ? Self.sharded : []), ranks: after.1)
      assertSame(try numbers(output), alone, "\(before) then \(after)")
    }
  }

  /// No other rank has these moments: the rank's own checksum sees the flip at the next step, before it is used.
  func testAFlippedBitInAShardIsCaughtAndItsRankNamed() throws {
    for (drill, rank) in [("1:5:777:30:moments", 1), ("2:5:40:0:moments", 2), ("0:5:12345:3", 0)] {
      let folder = try TemporaryFolder()
      let config = try DemoData.configuration(output: folder.url.appendingPathComponent("out"))
      let outcome = try MPIRun(
        ["train", config] + Self.sharded + Self.crowded, of: "palier", ranks: 3,
        environment: ["PALIER_FLIP_BIT": drill], timeout: 120
      ).wait()
      XCTAssertEqual(outcome.status, 1, outcome.output)
      XCTAssertTrue(outcome.errors.contains("step 6: parameters or moments of rank \(rank) on"), outcome.errors)
    }
  }
}
