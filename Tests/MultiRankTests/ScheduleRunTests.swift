import Foundation
import TestSupport
import XCTest

/// Runs of several α that share a trunk.
final class ScheduleRunTests: XCTestCase {
  private static let common = [
    "optimizer.schedule=wsd", "optimizer.warmup_steps=3", "optimizer.decay_share=0.25", "budget.total_steps=20",
    "checkpoints.every_steps=1", "checkpoints.keep_last=30",
  ]

  /// A run of α = 0.4 has 8 steps of masked-LM, of which the last two fall: until the sixth it is the run of α = 0.8, and goes
  /// on from that one's checkpoint as if it had been alone.
  func testABranchOfATrunkHasTheBitsOfARunOfItsOwn() throws {
    let (trunk, alone) = (try DemoRun(), try DemoRun())
    try trunk.train(Self.common + ["budget.alpha=0.8"], ranks: 2)
    try alone.train(Self.common + ["budget.alpha=0.4"], ranks: 1)
    for step in [1, 4, 6] {
      assertSameNumbers(
        try trunk.numbers(trunk.checkpoint(step)), try alone.numbers(alone.checkpoint(step)), "trunk at \(step)")
    }
    // The seventh update runs at the peak in both, the eighth is the branch's first that falls.
    XCTAssertEqual(
      try trunk.numbers(trunk.checkpoint(7)), try alone.numbers(alone.checkpoint(7)), "the first step of the fall")
    XCTAssertNotEqual(try trunk.numbers(trunk.checkpoint(8)), try alone.numbers(alone.checkpoint(8)))
    try trunk.rollBack(before: 7...20, named: ["alpha", "best"])
    try trunk.train(
      Self.common + ["budget.alpha=0.4"], ranks: 3, options: ["--resume", "--allow-changes", "budget.alpha"])
    for (name, own) in [("alpha", alone.checkpoint("alpha")), ("step-000020", alone.checkpoint(20))] {
      assertSameNumbers(try trunk.numbers(trunk.checkpoint(name)), try alone.numbers(own), "branch, \(name)")
    }
  }
}
