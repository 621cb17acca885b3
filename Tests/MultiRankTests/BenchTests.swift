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
    try Program.succeed(["bench"] + command + ["--json", file.path], ranks: ranks == 0 ? nil : ranks)
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
    // Of docs/configuration.md: replicas are compared every 100 steps, and 120 checkpoints are written in 30,000.
    let everySteps = [1, 100, 250, 250, 1]
    let folder = try TemporaryFolder()
    for (ranks, shards) in [(1, []), (2, ["--shard-optimizer"])] {
      let found = try figures(["guards"] + Self.small + shards + ["--folder", folder.url.path], ranks: ranks)
      let costs = try XCTUnwrap(found["costs"] as? [[String: Any]])
      XCTAssertEqual(costs.count, shards.isEmpty ? 4 : 5)
      XCTAssertEqual(costs.compactMap { $0["every_steps"] as? Int }, Array(everySteps.dropLast(shards.isEmpty ? 1 : 0)))
      for cost in costs where cost["every_steps"] as? Int == 1 {
        XCTAssertEqual(cost["share_of_run"] as? Double, cost["share_of_step"] as? Double, "\(cost)")
      }
      XCTAssertGreaterThan(try XCTUnwrap(found["write_seconds"] as? Double), 0)
    }
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: folder.url.path), [])
  }

  func testSizesThatCannotBeAreRefusedAndTinyOnesAreMeasured() throws {
    let step = ["--lengths", "4", "--sequences", "1", "--slice-tokens", "1", "--steps", "1", "--threads", "1"]
    for command in ["step", "guards"] {
      for option in [
        "sequences", "slice-tokens", "labels", "steps", "layers", "hidden", "heads", "intermediate", "vocabulary",
      ] {
        for size in ["0", "-1", "9223372036854775807"] {
          try refuse([command, "--\(option)=\(size)"], status: 64)
        }
      }
      for size in ["0", "-1", "513", "x"] { try refuse([command, "--lengths=\(size)"], status: 1) }
      try Program.fail(
        ["bench", command, "--layers", "1024", "--hidden", "65536", "--heads", "1"], naming: "choose smaller ones")
      for (hidden, heads) in [("1", "1"), ("2", "2"), ("3", "1"), ("6", "3")] {
        let tiny = [
          command, "--hidden", hidden, "--heads", heads, "--layers", "1", "--intermediate", "1", "--vocabulary", "16",
        ]
        try Program.succeed(["bench"] + tiny + step)
      }
      try Program.succeed(
        ["bench", command, "--labels", "1", "--hidden", "4", "--heads", "1", "--layers", "1", "--intermediate", "3"]
          + step)
    }
    for size in ["0", "-1", "9223372036854775807"] {
      try refuse(["reduce", "--elements=\(size)"], status: 64)
      try refuse(["reduce", "--elements", "10", "--rounds=\(size)"], status: 64)
      try refuse(["products", "--hidden=\(size)"], status: 64)
      try refuse(["products", "--intermediate=\(size)"], status: 64)
    }
    try refuse(["reduce", "--elements", "1000000000000"], status: 1)
    try refuse(["products", "--threads=-1"], status: 64)
    for ranks in [nil, 2] {
      for elements in ["1", "2", "15"] {
        try Program.succeed(
          ["bench", "reduce", "--elements", elements, "--rounds", "1", "--threads", "1", "--allow-oversubscription"],
          ranks: ranks)
      }
    }
    try Program.succeed(["bench", "products", "--hidden", "1", "--intermediate", "1", "--threads", "1"])
    try refuse(["corpus", "--tokenizer", "/no/such/folder", "/no/such/file"], status: 1)
    try refuse(["corpus", "--tokenizer", DemoData.model(), "/no/such/file"], status: 1)
  }

  private func refuse(_ command: [String], status: Int32, line: UInt = #line) throws {
    let outcome = try Program.run(["bench"] + command)
    XCTAssertEqual(outcome.status, status, "\(command): \(outcome.errors)", line: line)
    if status == 1 { XCTAssertEqual(outcome.errorLines.count, 1, "\(command): \(outcome.errors)", line: line) }
  }

  func testTaggingIsMeasuredAndItsLabelsDependOnNoBatchAndNoThreads() throws {
    let small = [
      "tag", "--layers", "2", "--hidden", "32", "--heads", "2", "--intermediate", "64", "--vocabulary", "100",
      "--sentences", "9", "--lengths", "7,16,512", "--rounds", "1", "--singles", "2", "--allow-oversubscription",
    ]
    for scheme in ["LSQ_E6W2A6", "BitNet_E6W1.58A6", "fp32"] {
      let found = try [["--threads", "1"], ["--threads", "3"], ["--threads", "2", "--batch-tokens", "1"]].map {
        try figures(small + ["--scheme", scheme] + $0, ranks: 0)
      }
      for one in found {
        for key in ["tokens_per_second", "latency_seconds", "share_of_limit", "load_seconds", "peak_bytes"] {
          XCTAssertGreaterThan(try XCTUnwrap(one[key] as? Double), 0, "\(key), \(scheme)")
        }
      }
      XCTAssertEqual(Set(found.compactMap { $0["labels"] as? String }).count, 1, scheme)
    }
    for option in ["sentences", "batch-tokens", "rounds", "singles", "labels", "layers", "hidden", "vocabulary"] {
      try refuse(["tag", "--\(option)=0"], status: 64)
    }
    try refuse(["tag", "--lengths=513"], status: 64)
    try refuse(["tag", "--checkpoint", "/no/such/folder"], status: 1)
    try refuse(["tag", "--scheme", "LSQ_E9W9A9"], status: 1)
    try Program.fail(
      ["bench", "tag", "--layers", "1024", "--hidden", "65536", "--heads", "1"], naming: "choose smaller ones")
  }

  func testAFileOfFiguresIsReplacedOnRequestOnly() throws {
    let folder = try TemporaryFolder()
    let file = folder.file("figures.json")
    try Data("mine".utf8).write(to: file)
    let reduce = ["bench", "reduce", "--elements", "100", "--rounds", "1", "--threads", "1", "--json", file.path]
    try Program.fail(reduce, naming: "--overwrite")
    XCTAssertEqual(try String(contentsOf: file, encoding: .utf8), "mine")
    try Program.succeed(reduce + ["--overwrite"])
    XCTAssertTrue(try String(contentsOf: file, encoding: .utf8).contains("fixed_seconds"))
    try Program.fail(["bench", "reduce", "--elements", "1", "--json", folder.file("no/x").path], naming: "no folder")
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

  func testScalePredictsEveryLinkAndNumberOfRanks() throws {
    let found = try figures(["scale"] + Self.small + ["--ranks", "1..4", "--link", "1gbit,10gbit"], ranks: 2)
    let steps = try XCTUnwrap(found["steps"] as? [[String: Any]])
    XCTAssertEqual(steps.compactMap { $0["ranks"] as? Int }, [1, 2, 4, 1, 2, 4])
    XCTAssertEqual(
      steps.compactMap { $0["link"] as? String }, ["1gbit", "1gbit", "1gbit", "10gbit", "10gbit", "10gbit"])
    for step in steps { XCTAssertGreaterThan(try XCTUnwrap(step["seconds"] as? Double), 0) }
    XCTAssertGreaterThan(try XCTUnwrap(found["moved_bytes_per_second"] as? Double), 1e6)
    for (arguments, words) in [
      (["--ranks", "0"], "--ranks 0 is neither"), (["--ranks", "4..2"], "--ranks 4..2 is neither"),
      (["--link", "fast"], "--link fast is no rate"), (["--latency-us", "-1"], "--latency-us"),
    ] {
      let outcome = try Program.run(["bench", "scale"] + arguments)
      XCTAssertNotEqual(outcome.status, 0)
      XCTAssertTrue(outcome.errors.contains(words), outcome.errors)
    }
  }

  /// Every phase that a step is timed by has its bounds, and bounds are of phases that there are.
  func testEveryPhaseHasItsRoofline() throws {
    for (head, ranks) in [([], 1), (["--labels", "5"], 2)] {
      let found = try figures(["step"] + Self.small + head, ranks: ranks)
      let bounds = try XCTUnwrap(found["roofline"] as? [[String: Any]])
      let phases = try XCTUnwrap(found["phases"] as? [String: Any])
      XCTAssertEqual(Set(bounds.compactMap { $0["phase"] as? String }), Set(phases.keys))
      let longest = bounds.map { bound in
        max(bound["products_seconds"] as? Double ?? .nan, bound["memory_seconds"] as? Double ?? .nan)
      }
      XCTAssertTrue(longest.allSatisfy { $0 > 0 }, "\(bounds)")
      XCTAssertEqual(try XCTUnwrap(found["roofline_seconds"] as? Double), longest.reduce(0, +), accuracy: 1e-9)
    }
  }

  func testTwoBuildsAreTimedInTurn() throws {
    let program = try MPIRun.pathOfBuilt("palier")
    let compare = ["step"] + Self.small + ["--rounds", "2", "--compare"]
    let found = try figures(compare + [program], ranks: 0)
    let turns = try XCTUnwrap(found["turns"] as? [[String: Double]])
    XCTAssertEqual(turns.count, 2)
    for turn in turns {
      XCTAssertGreaterThan(try XCTUnwrap(turn["tokens_per_second"]), 0)
      XCTAssertGreaterThan(try XCTUnwrap(turn["other_tokens_per_second"]), 0)
    }
    for (other, words) in [("/bin/false", "did not time a step (code 1)"), ("/no/palier", "no such file")] {
      try Program.fail(["bench"] + compare + [other], naming: words)
    }
  }
}
