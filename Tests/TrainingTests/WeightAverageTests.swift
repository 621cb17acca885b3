import Compute
import Configuration
import Foundation
import TestSupport
import Training
import XCTest

final class WeightAverageTests: XCTestCase {
  /// More elements than one task takes, and an odd number.
  private let count = 40_001

  /// Weights that tell elements apart: `value` times 1, 2, 3, 4, 1, …
  private func weights(_ value: Float) -> AlignedBuffer<Float> {
    let buffer = AlignedBuffer<Float>(count)
    for i in 0..<count { buffer[i] = value * Float(i % 4 + 1) }
    return buffer
  }

  private func average(_ rule: WeightAverage.Rule) -> WeightAverage { WeightAverage(rule, owned: [0..<count]) }

  private func assertValues(_ average: WeightAverage, _ expected: Float, line: UInt = #line) {
    for i in [0, 1, 2, 3, 16_384, count - 1] {
      XCTAssertEqual(average.values[i], expected * Float(i % 4 + 1), "element \(i)", line: line)
    }
  }

  /// Of w_k = k the average of decay ¾ is k − 3 + 4·(¾)^k, and every step of it is exact in float32.
  func testTheMovingAverageOfALineLagsBehindIt() {
    let average = average(.exponential(decay: 0.75))
    XCTAssertTrue(average.isEmpty)
    for k in 1...8 {
      average.addUpdate(weights(Float(k)))
      average.addSnapshot(weights(99))  // is none of its kind
      assertValues(average, Float(k) - 3 + 4 * pow(0.75, Float(k)))
      XCTAssertEqual(average.intakeCount, k)
    }
  }

  func testTheAverageOfWeightsThatStandStillIsTheWeightsToTheBit() {
    for rule in [WeightAverage.Rule.exponential(decay: 0.999), .latest(count: 3)] {
      let average = average(rule)
      for _ in 0..<10 {
        average.addUpdate(weights(0.1))
        average.addSnapshot(weights(0.1))
      }
      assertValues(average, 0.1)
    }
  }

  /// The mean of the last three squares: of fewer while there are no three.
  func testTheMeanOfTheLatestForgetsTheOldest() {
    let average = average(.latest(count: 3))
    average.addUpdate(weights(7))
    XCTAssertTrue(average.isEmpty)
    for (k, expected) in zip(1..., [1, 2.5, 14.0 / 3, 29.0 / 3, 50.0 / 3] as [Double]) {
      average.addSnapshot(weights(Float(k * k)))
      for i in [0, 3, count - 1] {
        XCTAssertEqual(average.values[i], Float(expected * Double(i % 4 + 1)), accuracy: 1e-5, "\(k)")
      }
      XCTAssertEqual(average.snapshots.count, min(k, 3))
    }
  }

  func testExchangedItStandsInTheWeightsPlaceAndBack() {
    let (average, parameters) = (average(.exponential(decay: 0.5)), weights(3))
    average.addUpdate(weights(1))
    average.exchange(with: parameters)
    XCTAssertEqual(parameters[5], 2)
    assertValues(average, 3)
    average.exchange(with: parameters)
    XCTAssertEqual(parameters[5], 6)
    assertValues(average, 1)
  }

  /// Each rank of three has its parts; together they are the whole, bit for bit.
  func testShardsAreTheWholeInPieces() {
    var numbers = SeededNumbers(seed: 9)
    let sequence = (0..<5).map { _ in
      let buffer = AlignedBuffer<Float>(count)
      for i in 0..<count { buffer[i] = Float(numbers.normal()) }
      return buffer
    }
    let shards = [[0..<100, 20_000..<20_001], [100..<20_000, 39_000..<count], [20_001..<39_000]]
    for rule in [WeightAverage.Rule.exponential(decay: 0.9), .latest(count: 2)] {
      let (whole, parts) = (average(rule), shards.map { WeightAverage(rule, owned: $0) })
      for average in [whole] + parts {
        for weights in sequence {
          average.addUpdate(weights)
          average.addSnapshot(weights)
        }
      }
      for (part, ranges) in zip(parts, shards) {
        XCTAssertEqual(Array(part.values.elements), ranges.flatMap { $0.map { whole.values[$0] } })
      }
    }
  }

  func testItGoesOnFromItsStateToTheSameBits() throws {
    for rule in [WeightAverage.Rule.exponential(decay: 0.9), .latest(count: 3)] {
      for stop in 0...5 {
        let (straight, first, second) = (average(rule), average(rule), average(rule))
        for k in 1...8 {
          let weights = weights(1 / Float(k))
          if k == stop + 1 {
            try second.restore(intakeCount: first.intakeCount) { name, mine in
              let saved = try XCTUnwrap(first.state.first { $0.name == name }, name)
              mine.pointer.update(from: saved.values.pointer, count: mine.count)
            }
            XCTAssertEqual(Array(second.values.elements), Array(first.values.elements))
          }
          for average in [straight, k <= stop ? first : second] {
            average.addUpdate(weights)
            average.addSnapshot(weights)
          }
        }
        XCTAssertEqual(Array(second.values.elements), Array(straight.values.elements), "\(rule) after \(stop)")
        XCTAssertEqual(second.intakeCount, straight.intakeCount)
      }
    }
  }

  func testTheConfigurationChoosesTheRuleAndWhereItBegins() {
    var settings = RunConfiguration.Averaging()
    XCTAssertNil(WeightAverage.Rule(settings))
    settings.kind = .ema
    XCTAssertEqual(WeightAverage.Rule(settings), .exponential(decay: 0.999))
    (settings.kind, settings.count) = (.latest, 7)
    XCTAssertEqual(WeightAverage.Rule(settings), .latest(count: 7))
    XCTAssertEqual([0, 1, 10].map { settings.firstSteps(of: $0) }, [0, 0, 0])
    settings.from = 0.5
    XCTAssertEqual([0, 1, 10].map { settings.firstSteps(of: $0) }, [0, 0, 5])
    settings.from = 0.99
    XCTAssertEqual([0, 1, 10, 1000].map { settings.firstSteps(of: $0) }, [0, 0, 9, 990])
  }
}
