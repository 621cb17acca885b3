import Foundation
import TestSupport
import XCTest

/// Exact sums have the same bits whether they go round the ring or through MPI's all-reduce.
final class ReductionPathTests: XCTestCase {
  private func train(_ settings: [String], ranks: Int?) throws -> (weights: Data, console: String) {
    let folder = try TemporaryFolder()
    let output = folder.url.appendingPathComponent("out")
    let config = try DemoData.configuration(output: output)
    let all = settings + ["compute.allow_oversubscription=true"]
    let console = try Program.succeed(["train", config] + all.flatMap { ["--set", $0] }, ranks: ranks)
    return (
      try Data(contentsOf: output.appendingPathComponent("checkpoints/step-000012/model.safetensors")), console
    )
  }

  func testEitherWayGivesTheBitsOfOneRank() throws {
    let alone = try train([], ranks: nil)
    XCTAssertFalse(alone.console.contains("sums over ranks by"), "alone there is nothing to choose")
    for (path, ranks) in [("ring", 2), ("mpi", 2), ("mpi", 3)] {
      XCTAssertEqual(try train(["compute.all_reduce=\(path)"], ranks: ranks).weights, alone.weights, "\(path) \(ranks)")
    }
  }

  func testTheFasterWayIsToldAtTheStart() throws {
    let console = try train([], ranks: 2).console
    let line = try XCTUnwrap(
      console.firstMatch(
        of: #/sums over ranks by (the ring|MPI's all-reduce): 8 MiB take the ring ([0-9.]+) ms, MPI's all-reduce ([0-9.]+) ms/#),
      console)
    let (ring, mpi) = (try XCTUnwrap(Double(line.2)), try XCTUnwrap(Double(line.3)))
    // Told to a tenth of a millisecond.
    if abs(ring - mpi) > 0.1 { XCTAssertEqual(line.1 == "the ring", ring < mpi, console) }
  }

  func testMPIsWayIsForExactSumsEverywhere() throws {
    let folder = try TemporaryFolder()
    let config = try DemoData.configuration(output: folder.url.appendingPathComponent("out"))
    for other in ["compute.reduction=fp32", "compute.shard_optimizer=true"] {
      try Program.fail(
        ["train", config, "--set", "compute.all_reduce=mpi", "--set", other],
        naming: "compute.all_reduce: MPI's own all-reduce is for exact sums")
    }
  }
}
