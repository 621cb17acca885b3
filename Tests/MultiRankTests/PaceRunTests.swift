import Foundation
import TestSupport
import XCTest

/// Slices dealt by the ranks' paces give the bits of an even deal, and logs say how unlike the ranks are.
final class PaceRunTests: XCTestCase {
  private static let crowded = ["--set", "compute.allow_oversubscription=true", "--set", "budget.total_steps=12"]

  private func train(_ dealing: String, ranks: Int) throws -> (weights: Data, paces: [Double]) {
    let folder = try TemporaryFolder()
    let output = folder.url.appendingPathComponent("out")
    let config = try DemoData.configuration(output: output)
    let settings = ["--set", "compute.dealing=\(dealing)", "--set", "pretraining.slice_tokens=64"]
    try Program.succeed(["train", config] + settings + Self.crowded, ranks: ranks)
    let lines = try String(contentsOf: output.appendingPathComponent("metrics.jsonl"), encoding: .utf8)
    let steps = try lines.split(separator: "\n").map {
      try XCTUnwrap(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }.filter { $0["kind"] as? String == "step" }
    XCTAssertEqual(steps.count, 12)
    return (
      try Data(contentsOf: output.appendingPathComponent("checkpoints/step-000012/model.safetensors")),
      steps.compactMap { $0["slowest_pace"] as? Double }
    )
  }

  func testTheBitsAreThoseOfAnEvenDeal() throws {
    let even = try train("even", ranks: 1)
    for ranks in [2, 3] {
      let evenly = try train("even", ranks: ranks)
      XCTAssertEqual(evenly.paces, [], "no pace is measured for an even deal")
      XCTAssertEqual(evenly.weights, even.weights)
      let paced = try train("auto", ranks: ranks)
      XCTAssertEqual(paced.weights, even.weights)
      // Not known at the first step of each stage.
      XCTAssertEqual(paced.paces.count, 10)
      XCTAssertTrue(paced.paces.allSatisfy { $0 > 0 && $0 <= 1 }, "\(paced.paces)")
    }
  }

  func testItNeedsExactSums() throws {
    let folder = try TemporaryFolder()
    let config = try DemoData.configuration(output: folder.url.appendingPathComponent("out"))
    try Program.fail(
      ["train", config, "--set", "compute.dealing=pace", "--set", "compute.reduction=fp32"],
      naming: "compute.dealing: with compute.reduction fp32")
  }
}
