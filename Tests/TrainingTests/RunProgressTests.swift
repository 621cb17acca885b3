import Foundation
import Models
import TestSupport
import Training
import XCTest

final class RunProgressTests: XCTestCase {
  /// A run in its second stage, with everything noted.
  private var full: RunProgress {
    var progress = RunProgress()
    progress.stage = .fineTuning
    (progress.stageStep, progress.globalStep, progress.updateCount) = (5, 11, 4)
    (progress.bestScore, progress.bestStep, progress.bestLoss, progress.firstLoss) = (0.1, 9, 1.0 / 3, 2.5)
    progress.collapses = ["token": CollapseFinding(globalStep: 11, reason: "lenient_f1 0.0")]
    progress.sites = SiteWatch(firstSteps: ["a.step": 0.1])
    (progress.skippedInStage, progress.skippedInRun) = (1, 3)
    (progress.tokenCount, progress.seconds, progress.evaluationSeconds) = (12_345, 6.78901234567, 0.5)
    (progress.identity, progress.changes, progress.arithmetic) = (
      "LSQ_E8W8A8 seed 1", ["from step 3 on é \"x\""], "float"
    )
    return progress
  }

  func testEverythingComesBackFromItsText() throws {
    for progress in [full, RunProgress()] {
      let text = try progress.text()
      XCTAssertEqual(try RunProgress(text: text, path: "state"), progress)
      XCTAssertEqual(try RunProgress(text: text, path: "state").text(), text)
    }
  }

  func testFieldsThatEarlierBuildsHadNotMayBeAbsent() throws {
    var fields = try XCTUnwrap(JSONSerialization.jsonObject(with: Data(full.text().utf8)) as? [String: Any])
    for key in [
      "bestLoss", "collapses", "sites", "skippedInStage", "skippedInRun", "madeWith", "changes", "arithmetic",
    ] {
      fields[key] = nil
    }
    let text = String(decoding: try JSONSerialization.data(withJSONObject: fields), as: UTF8.self)
    let read = try RunProgress(text: text, path: "state")
    XCTAssertEqual(read.bestStep, 9)
    XCTAssertNil(read.bestLoss)
  }

  func testNumbersThatNoRunComesToAreRefused() throws {
    let whole = try XCTUnwrap(JSONSerialization.jsonObject(with: Data(full.text().utf8)) as? [String: Any])
    let lies: [(String, Any)] = [
      ("stageStep", -1), ("stageStep", 12), ("globalStep", 4), ("globalStep", -1), ("updateCount", 6),
      ("updateCount", -1), ("bestStep", 12), ("bestStep", -1), ("tokenCount", -1), ("tokenCount", 1 << 53 + 1),
      ("skippedInStage", -1), ("skippedInRun", Int.max), ("seconds", -0.5), ("seconds", 1e12),
      ("evaluationSeconds", -1), ("evaluationSeconds", 1e300),
    ]
    for (key, lie) in lies {
      var fields = whole
      fields[key] = lie
      let text = String(decoding: try JSONSerialization.data(withJSONObject: fields), as: UTF8.self)
      assertThrows(TrainingError.self, saying: ["where/state", "numbers that no run comes to"]) {
        try RunProgress(text: text, path: "where/state")
      }
    }
    for text in ["", "{}", "[]", "null", try full.text().replacingOccurrences(of: "fine_tuning", with: "third")] {
      assertThrows(TrainingError.self, saying: ["where/state", "not of this version"]) {
        try RunProgress(text: text, path: "where/state")
      }
    }
  }

  func testStepsBelongToTheStagesOfTheConfiguration() throws {
    XCTAssertNoThrow(try full.check(6, 6))
    XCTAssertNoThrow(try full.check(6, 5))
    for (first, second) in [(5, 6), (7, 6), (6, 4)] {
      assertThrows(TrainingError.self, saying: ["step 5 of stage fine_tuning and step 11", "\(first) and \(second)"]) {
        try full.check(first, second)
      }
    }
    var first = RunProgress()
    (first.stageStep, first.globalStep) = (3, 3)
    XCTAssertNoThrow(try first.check(3, 0))
    XCTAssertThrowsError(try first.check(2, 9))
  }

  /// The best is the highest score; of equal ones that of the lowest loss; of equal ones in both, the first.
  func testTheBestIsChosenByScoreThenByLoss() {
    let evaluations: [(score: Double, loss: Double)] = [
      (0, 9), (0, 8), (0.5, 7), (0.4, 1), (0.5, 7), (0.5, 6), (0.5, 6.5), (0.3, 0), (0.6, 50), (0.6, 50),
    ]
    var progress = RunProgress()
    var taken: [Int] = []
    for (i, evaluation) in evaluations.enumerated()
    where progress.isImproved(by: evaluation.score, loss: evaluation.loss) {
      taken.append(i)
      (progress.bestScore, progress.bestLoss) = (evaluation.score, evaluation.loss)
    }
    XCTAssertEqual(taken, [0, 1, 2, 5, 8])
    // An earlier build noted no loss: of equal scores its own stays.
    progress.bestLoss = nil
    XCTAssertFalse(progress.isImproved(by: 0.6, loss: 0))
    XCTAssertTrue(progress.isImproved(by: 0.61, loss: 99))
    // A score that is no number beats nothing.
    XCTAssertFalse(progress.isImproved(by: .nan, loss: 0))
  }
}
