import Configuration
import Training
import XCTest

/// What a run says of a set-up that is hardly meant, and which checkpoint it keeps.
final class StartWarningsTests: XCTestCase {
  func testAStageThatRoundsToNoStepIsNamed() {
    func lines(_ alpha: Double, _ steps: Int) -> [String] {
      var budget = RunConfiguration.Budget()
      (budget.alpha, budget.totalSteps) = (alpha, steps)
      return StartWarnings.lines(of: budget)
    }
    XCTAssertEqual(
      lines(0.01, 40), ["budget.alpha 0.01 of budget.total_steps 40 rounds to no step of masked-LM: that stage is left out"]
    )
    XCTAssertTrue(lines(0.99, 40)[0].contains("none is left for the second stage"))
    XCTAssertEqual(lines(0, 40) + lines(0.5, 40) + lines(0.0125, 40), [])
  }

  func testLargeBatchesAndIdleRanksAreNamed() {
    func lines(_ batchSize: Int, _ samples: Int, _ slices: Int, _ ranks: Int) -> [String] {
      StartWarnings.lines(
        stage: .pretraining, batchSize: batchSize, samples: ("training blocks", samples), sliceCount: slices,
        rankCount: ranks)
    }
    XCTAssertEqual(lines(8, 8, 4, 4), [])
    XCTAssertTrue(lines(9, 8, 4, 4)[0].contains("batch.size 9 is more than the 8 training blocks"))
    XCTAssertTrue(lines(8, 8, 3, 5)[0].contains("3 slices for 5 ranks: 2 ranks have nothing to do"))
  }

  func testATieOfTheScoreGoesToTheLowerLoss() {
    var progress = RunProgress()
    XCTAssertTrue(progress.isImproved(by: 0, loss: 3))
    (progress.bestScore, progress.bestLoss) = (0.5, 1)
    XCTAssertTrue(progress.isImproved(by: 0.5, loss: 0.9))
    XCTAssertFalse(progress.isImproved(by: 0.5, loss: 1))
    XCTAssertFalse(progress.isImproved(by: 0.5, loss: .nan))
    XCTAssertFalse(progress.isImproved(by: 0.4, loss: 0.1))
    XCTAssertTrue(progress.isImproved(by: 0.6, loss: 9))
    progress.bestLoss = nil
    XCTAssertFalse(progress.isImproved(by: 0.5, loss: 0))
  }
}
