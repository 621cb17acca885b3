import Foundation
import TestSupport
import XCTest

/// All low-bit methods in one run: rows, a symmetric grid, whole offsets, quantized heads, first steps by error, a ramp, teachers in both stages, a
/// schedule and averages, over the switch of stages.
final class LowBitRunTests: XCTestCase {
  private static let settings = [
    "quantization.scheme=LSQ_E4W4A4", "quantization.ramp=[{from: 0.5, scheme: LSQplus_E2W2A2}]",
    "quantization.initial=mse", "weights.granularity=row", "weights.grid=symmetric", "embeddings.granularity=row",
    "activations.offset=integer", "heads.weights=6", "optimizer.schedule=wsd", "optimizer.warmup_steps=1",
    "optimizer.decay_share=0.34",
    "averaging.kind=ema", "averaging.decay=0.5", "distillation.pretraining.logits=0.5",
    "distillation.pretraining.temperature=2", "distillation.pretraining.hidden=0.1",
    "distillation.pretraining.scores=0.2", "distillation.fine_tuning.hidden=0.1", "distillation.fine_tuning.scores=0.1",
    "checkpoints.every_steps=1", "checkpoints.keep_last=30",
  ]

  private static let results = ["alpha", "alpha-averaged", "averaged", "step-000012"]

  private func assertSameResults(_ found: DemoRun, as alone: DemoRun, _ what: String, line: UInt = #line) throws {
    for name in Self.results {
      assertSameNumbers(
        try found.numbers(found.checkpoint(name)), try alone.numbers(alone.checkpoint(name)), "\(what), \(name)",
        line: line)
    }
  }

  func testEverythingAtOnceHasTheSameBitsOnAnyNumberOfRanksAndAfterResumes() throws {
    let alone = try DemoRun()
    try alone.train(Self.settings)
    for (ranks, more) in [(2, []), (3, ["compute.shard_optimizer=true"])] {
      let found = try DemoRun()
      try found.train(Self.settings + more, ranks: ranks)
      try assertSameResults(found, as: alone, "\(ranks) ranks")
    }
    // Before the change of the scheme, at it, at the switch, and in the second stage.
    for (last, ranks) in [(2, 3), (3, 1), (6, 2), (8, 3)] {
      let found = try DemoRun()
      try found.train(Self.settings, ranks: 2)
      let gone = ["averaged", "best"] + (last < 6 ? ["alpha", "alpha-averaged"] : [])
      try found.rollBack(before: (last + 1)...12, named: gone)
      try found.train(Self.settings, ranks: ranks, options: ["--resume"])
      try assertSameResults(found, as: alone, "resumed after step \(last)")
    }
  }
}
