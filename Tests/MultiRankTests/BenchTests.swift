import Foundation
import TestSupport
import XCTest

/// `palier bench` on a model that takes no time.
final class BenchTests: XCTestCase {
  private static let small = [
    "--layers", "1", "--hidden", "32", "--heads", "2", "--intermediate", "64", "--vocabulary", "8000", "--lengths",
    "16",
    "--sequences", "4", "--slice-tokens", "16", "--steps", "2", "--threads", "1", "--allow-oversubscription",
  ]

  private func figures(_ command: [String], ranks: Int) throws -> [String: Any] {
    let folder = try TemporaryFolder()
    let file = folder.url.appendingPathComponent("figures.json")
    try Program.succeed(["bench"] + command + ["--json", file.path], ranks: ranks)
    return try XCTUnwrap(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
  }

  func testAStepInShardsHoldsItsShareOfTheMoments() throws {
    let whole = try figures(["step"] + Self.small, ranks: 2)
    let shards = try figures(["step"] + Self.small + ["--shard-optimizer"], ranks: 2)
    let (all, mine) = try (XCTUnwrap(whole["moment_bytes"] as? Int), XCTUnwrap(shards["moment_bytes"] as? Int))
    XCTAssertLessThan(Double(mine), 0.6 * Double(all))
    for found in [whole, shards] {
      XCTAssertTrue((0...1).contains(try XCTUnwrap(found["waited_share"] as? Double)))
      XCTAssertGreaterThanOrEqual(try XCTUnwrap(found["uneven_seconds"] as? Double), 0)
    }
  }

  func testGuardsTellEveryCostAndLeaveNoFileBehind() throws {
    let folder = try TemporaryFolder()
    for (ranks, shards) in [(1, []), (2, ["--shard-optimizer"])] {
      let found = try figures(["guards"] + Self.small + shards + ["--folder", folder.url.path], ranks: ranks)
      let costs = try XCTUnwrap(found["costs"] as? [[String: Any]])
      XCTAssertEqual(costs.count, shards.isEmpty ? 4 : 5)
      let step = try XCTUnwrap(found["step_seconds"] as? Double)
      for cost in costs {
        let (seconds, every) = try (
          XCTUnwrap(cost["seconds"] as? Double), XCTUnwrap(cost["every_steps"] as? Int)
        )
        let share = try XCTUnwrap(cost["share_of_run"] as? Double)
        XCTAssertEqual(share, seconds / step / Double(every), accuracy: 1e-9 + abs(share) * 1e-9)
      }
      XCTAssertGreaterThan(try XCTUnwrap(found["write_seconds"] as? Double), 0)
    }
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: folder.url.path), [])
  }

  func testReducingInShardsSendsThreeQuartersOfTheBytes() throws {
    let found = try figures(
      ["reduce", "--elements", "22400", "--rounds", "1", "--threads", "1", "--allow-oversubscription"], ranks: 2)
    // Fourteen buckets of 1,600, cut in halves. Two ranks: 8 bytes there and back, against 8 there and 4 back.
    let (all, shards) = try (
      XCTUnwrap(found["fixed_bytes"] as? Double), XCTUnwrap(found["sharded_bytes"] as? Double)
    )
    XCTAssertEqual(shards / all, 0.75, accuracy: 0.01)
  }
}
