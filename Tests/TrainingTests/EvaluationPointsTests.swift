import Configuration
import Models
import Training
import XCTest

final class EvaluationPointsTests: XCTestCase {
  func testTheCountIsThatOfTheStepsWithAPoint() {
    for total in [1, 2, 7, 12, 30] {
      for alpha in [0, 0.3, 0.5, 1] {
        for points in [1, 3, 4, 20] {
          var configuration = RunConfiguration()
          (configuration.budget.totalSteps, configuration.budget.alpha) = (total, alpha)
          configuration.evaluation.points = points
          let found = EvaluationPoints(configuration)
          for stage in [TrainingStage.pretraining, .fineTuning] {
            let first = stage == .pretraining ? 0 : configuration.budget.pretrainingSteps
            let steps = configuration.budget.steps(of: stage)
            let met = (0..<steps).count { found.contains(stage, stageStep: $0 + 1, globalStep: first + $0 + 1) }
            XCTAssertEqual(found.count(of: stage), met, "\(total) \(alpha) \(points) \(stage)")
          }
        }
      }
    }
  }

  /// 40 steps, half of them masked-LM, eight points: every fifth step, four a stage.
  func testPointsAreEvenOverTheBudget() {
    var configuration = RunConfiguration()
    (configuration.budget.totalSteps, configuration.budget.alpha) = (40, 0.5)
    configuration.evaluation.points = 8
    let points = EvaluationPoints(configuration)
    XCTAssertEqual([points.count(of: .pretraining), points.count(of: .fineTuning)], [4, 4])
    XCTAssertEqual((1...20).filter { points.contains(.pretraining, stageStep: $0, globalStep: $0) }, [5, 10, 15, 20])
  }
}
