import Checkpoints
import Foundation
import TestSupport
import XCTest

/// Runs with an average of the weights beside the weights: six steps of each stage.
final class AverageRunTests: XCTestCase {
  private static let every = ["checkpoints.every_steps=1", "checkpoints.keep_last=30", "evaluation.points=6"]
  private static let kinds = [
    ["averaging.kind=ema", "averaging.decay=0.75"],
    ["averaging.kind=latest", "averaging.count=2"],
    ["averaging.kind=ema", "averaging.decay=0.5", "averaging.from=0.5"],
  ]
  private static let named = ["alpha", "alpha-averaged", "best", "averaged", "step-000012"]

  func testTheAverageHasTheSameBitsOnAnyNumberOfRanksAndTheWeightsThoseOfARunWithout() throws {
    let without = try DemoRun()
    try without.train(["evaluation.points=6"])
    for kind in Self.kinds {
      let alone = try DemoRun()
      let settings = kind + ["evaluation.points=6"]
      try alone.train(settings)
      for name in ["alpha", "best", "step-000012"] {
        XCTAssertEqual(
          try alone.numbers(alone.checkpoint(name))["model.safetensors"],
          try without.numbers(without.checkpoint(name))["model.safetensors"], "\(kind), \(name)")
      }
      for (ranks, more) in [(2, []), (3, []), (3, ["compute.shard_optimizer=true"])] {
        let run = try DemoRun()
        try run.train(settings + more, ranks: ranks)
        for name in Self.named {
          assertSameNumbers(
            try run.numbers(run.checkpoint(name)), try alone.numbers(alone.checkpoint(name)),
            "\(kind) on \(ranks) ranks, \(name)")
        }
      }
    }
  }

  /// The same average made once more, in float64, from the checkpoint that the run left after each step: of this stage's steps
  /// alone, so it begins afresh at the switch.
  func testTheAverageIsThatOfTheWeightsThatTheCheckpointsHold() throws {
    for (kind, average) in zip(Self.kinds, [Self.moving(0.75), Self.lastTwoPoints, Self.moving(0.5)]) {
      let run = try DemoRun()
      try run.train(kind + Self.every)
      for (name, first) in [("alpha-averaged", 1), ("averaged", 7)] {
        let steps = Array((kind.count == 3 ? first + 3 : first)...first + 5)
        let found = try SafetensorsFile(run.checkpoint(name).appendingPathComponent("model.safetensors"))
        let held = try steps.map {
          try SafetensorsFile(run.checkpoint($0).appendingPathComponent("model.safetensors"))
        }
        for tensor in found.tensors.keys {
          let (mine, history) = (try found.floats(tensor), try held.map { try $0.floats(tensor) })
          for i in Swift.stride(from: 0, to: mine.count, by: max(1, mine.count / 50)) {
            let expected = average(history.map { Double($0[i]) })
            XCTAssertEqual(
              Double(mine[i]), expected, accuracy: 1e-6 * max(abs(expected), 1e-3), "\(kind) \(name) \(tensor)")
          }
        }
      }
    }
  }

  private static func moving(_ decay: Double) -> ([Double]) -> Double {
    { weights in weights.dropFirst().reduce(weights[0]) { decay * $0 + (1 - decay) * $1 } }
  }

  /// Evaluations come at every second step.
  private static func lastTwoPoints(_ weights: [Double]) -> Double {
    (weights[weights.count - 1] + weights[weights.count - 3]) / 2
  }

  /// Stopped in either stage, and at the switch: the average goes on to the same bits, on another number of ranks.
  func testTheAverageGoesOnAfterAStopToTheSameBits() throws {
    for kind in Self.kinds {
      let alone = try DemoRun()
      try alone.train(kind + Self.every)
      for (last, ranks) in [(4, 3), (6, 1), (9, 2)] {
        let run = try DemoRun()
        try run.train(kind + Self.every, ranks: 2)
        let gone = ["averaged"] + (last <= 6 ? ["alpha", "alpha-averaged"] : [])
        try run.rollBack(before: last + 1...12, named: gone)
        try run.train(kind + Self.every, ranks: ranks, options: ["--resume"])
        for name in ["averaged", "step-000012"] + (last <= 6 ? ["alpha-averaged"] : []) {
          assertSameNumbers(
            try run.numbers(run.checkpoint(name)), try alone.numbers(alone.checkpoint(name)),
            "\(kind) after \(last), \(name)")
        }
      }
    }
  }

  /// Both are in the log at every point and on the test split, under names of their own, and `palier evaluate` finds in the
  /// folder what the log says of it.
  func testTheAverageIsMeasuredBesideTheWeights() throws {
    let run = try DemoRun()
    let shown = try run.train(Self.kinds[0] + ["evaluation.points=6"], ranks: 2)
    let (weights, average) = (try run.records("evaluation"), try run.records("averaged_evaluation"))
    func points(_ records: [[String: Any]]) -> [String] {
      records.map { "\($0["stage"] ?? "") \($0["split"] ?? "") \($0["global_step"] ?? "")" }
    }
    XCTAssertEqual(points(average), points(weights))
    XCTAssertEqual(points(average).last, "token test 12")
    XCTAssertFalse(average.contains { $0["parameters_of_step"] != nil })
    let losses = [weights, average].map { $0.compactMap { ($0["scores"] as? [String: Double])?["loss"] } }
    XCTAssertEqual(losses[0].count, 7)
    XCTAssertNotEqual(losses[0], losses[1])
    for words in [
      "mlm validation of the average at 6: loss ", "token test of the average at 12: loss ",
      "checkpoints/alpha-averaged",
      "average of the weights (ema of decay 0.75, 6 taken in) saved as checkpoints/averaged",
    ] { XCTAssertTrue(shown.contains(words), "\(words) in \(shown)") }
    let seen = try Program.succeed(["inspect", run.checkpoint("averaged").path])
    XCTAssertTrue(seen.contains("average:      ema of decay 0.75, 6 taken in"), seen)
    let evaluated = try Program.succeed(
      ["evaluate", run.checkpoint("averaged").path, "--config", run.configuration, "--split", "test"])
    let loss = String(format: "%.4f", try XCTUnwrap(losses[1].last))
    XCTAssertTrue(evaluated.contains(loss), "\(loss) in \(evaluated)")
  }
}
