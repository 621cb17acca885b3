import Compute
import Configuration
import Quantization
import Training
import XCTest

final class SchemeRampTests: XCTestCase {
  private func ramp(_ entries: [(Double, String)], steps: Int, alpha: Double = 0.5) throws -> SchemeRamp {
    var c = RunConfiguration()
    (c.budget.totalSteps, c.budget.alpha) = (steps, alpha)
    c.quantization.scheme = try Scheme(parsing: "LSQ_E8W8A8")
    c.quantization.exclude = ["last"]
    c.quantization.ramp = try entries.map { from, name in
      var entry = RunConfiguration.RampEntry()
      (entry.from, entry.scheme) = (from, try Scheme(parsing: name))
      return entry
    }
    return try SchemeRamp(c, features: .current)
  }

  func testEachSchemeBeginsAtItsShareOfTheFirstStage() throws {
    let ramp = try ramp([(0.2, "LSQ_E4W4A4"), (0.55, "LSQ_E2W2A2")], steps: 40)
    XCTAssertEqual(ramp.stage, .pretraining)
    XCTAssertEqual(ramp.parts.map(\.firstStep), [0, 4, 11])
    XCTAssertEqual(ramp.parts.map(\.scheme.name), ["LSQ_E8W8A8", "LSQ_E4W4A4", "LSQ_E2W2A2"])
    XCTAssertTrue(ramp.parts.allSatisfy { $0.scheme.exclude == ["last"] }, "the options are those of all schemes")
    XCTAssertEqual([0, 3, 4, 10, 11, 19].map { ramp.part(of: .pretraining, step: $0) }, [0, 0, 1, 1, 2, 2])
    XCTAssertEqual((0...20).filter { ramp.changes(.pretraining, after: $0) }, [4, 11])
    XCTAssertEqual(
      ramp.line,
      "ramp: LSQ_E8W8A8 but for last from step 1 of mlm, LSQ_E4W4A4 but for last from step 5 of mlm, "
        + "LSQ_E2W2A2 but for last from step 12 of mlm")
  }

  func testTheSecondStageKeepsTheLastScheme() throws {
    let ramp = try ramp([(0.5, "LSQ_E4W4A4")], steps: 20)
    XCTAssertEqual([0, 9].map { ramp.part(of: .fineTuning, step: $0) }, [1, 1])
    XCTAssertEqual((0...10).filter { ramp.changes(.fineTuning, after: $0) }, [])
  }

  func testWithoutAFirstStageItRunsInTheSecond() throws {
    let ramp = try ramp([(0.5, "LSQ_E4W4A4")], steps: 20, alpha: 0)
    XCTAssertEqual(ramp.stage, .fineTuning)
    XCTAssertEqual((0...20).filter { ramp.changes(.fineTuning, after: $0) }, [10])
  }

  /// Shares that round to the stage's end, or to one step, or to its beginning.
  func testEveryPartHasAStep() throws {
    XCTAssertEqual(try ramp([(0.99, "LSQ_E4W4A4")], steps: 6).parts.map(\.firstStep), [0, 2])
    let crowded = try ramp([(0.01, "LSQ_E6W6A6"), (0.5, "LSQ_E4W4A4"), (0.51, "LSQ_E2W2A2")], steps: 16)
    XCTAssertEqual(crowded.parts.map(\.firstStep), [0, 4])
    XCTAssertEqual(crowded.parts.map(\.scheme.name), ["LSQ_E6W6A6", "LSQ_E2W2A2"])
    let alone = try ramp([], steps: 16)
    XCTAssertEqual(alone.parts.map(\.firstStep), [0])
    XCTAssertNil(alone.line)
    XCTAssertFalse((0...8).contains { alone.changes(.pretraining, after: $0) })
  }
}
