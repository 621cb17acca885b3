import Corpus
import Foundation
import Training
import XCTest

/// What is known of the ranks' paces, against ranks whose speed is given.
final class PaceMeterTests: XCTestCase {
  private let costs = [Int](repeating: 100, count: 24)

  /// Runs steps on ranks that take `secondsPerCost`, slices dealt by what the meter knows.
  /// - Returns: how many slices each rank took in the last one.
  private func run(_ meter: inout PaceMeter, _ secondsPerCost: [Double], steps: Int) -> [Int] {
    var dealt: [[Int]] = []
    for _ in 0..<steps {
      dealt = meter.deal(costs: costs)
      meter.add(
        dealt.enumerated().map { rank, slices in
          let cost = slices.reduce(0) { $0 + costs[$1] }
          return RankWork(cost: Int64(cost), seconds: Double(cost) * secondsPerCost[rank], secondsBeside: 0)
        })
    }
    return dealt.map(\.count)
  }

  func testNothingIsKnownBeforeTheSecondStep() {
    var meter = PaceMeter(rankCount: 2)
    XCTAssertEqual(meter.paces, [.same, .same])
    XCTAssertNil(meter.slowest?.rank)
    XCTAssertEqual(run(&meter, [1, 5], steps: 1), [12, 12])
    XCTAssertEqual(meter.paces, [.same, .same], "the first step is not heard")
  }

  func testSteadyRanksAreKnownAsTheyAre() throws {
    var meter = PaceMeter(rankCount: 3)
    XCTAssertEqual(run(&meter, [0.01, 0.02, 0.02], steps: 4), [12, 6, 6])
    for (pace, expected) in zip(meter.paces, [0.01, 0.02, 0.02]) {
      XCTAssertEqual(pace.secondsPerCost, expected, accuracy: 1e-12)
    }
    XCTAssertEqual(try XCTUnwrap(meter.slowest).share, 0.5, accuracy: 1e-12)
  }

  func testLikeRanksGetWhatAnEvenDealGives() {
    var meter = PaceMeter(rankCount: 5)
    XCTAssertEqual(run(&meter, [Double](repeating: 0.03, count: 5), steps: 6).sorted(), [4, 5, 5, 5, 5])
  }

  /// 13 slices to 11 would save less than a slice's share of the step.
  func testALittleUnlikeRanksGetWhatAnEvenDealGives() {
    var meter = PaceMeter(rankCount: 2)
    XCTAssertEqual(run(&meter, [0.0100, 0.0104], steps: 6), [12, 12])
    XCTAssertEqual(run(&meter, [0.0100, 0.0150], steps: 60), [14, 10])
  }

  /// A tenth of the pace leaves it nothing of 24 slices; it is tried now and then, and found well again.
  func testARankThatGotNothingIsTriedAgain() throws {
    var meter = PaceMeter(rankCount: 2)
    XCTAssertEqual(run(&meter, [0.01, 1], steps: 4), [24, 0])
    var counts: [Int] = []
    for _ in 0..<120 { counts.append(run(&meter, [0.01, 0.01], steps: 1)[1]) }
    XCTAssertEqual(counts.last, 12)
    XCTAssertEqual(try XCTUnwrap(meter.slowest).share, 1, accuracy: 0.05)
  }

  func testWorkBesideTheSlicesCounts() {
    var meter = PaceMeter(rankCount: 2)
    for _ in 0..<3 {
      meter.add([
        RankWork(cost: 1200, seconds: 12, secondsBeside: 8), RankWork(cost: 1200, seconds: 12, secondsBeside: 0),
      ])
    }
    XCTAssertEqual(meter.deal(costs: costs).map(\.count), [8, 16])
    XCTAssertEqual(Slices.deal(costs: costs, paces: meter.slicePaces).map(\.count), [12, 12])
  }

  /// More ranks than slices: those without work are taken to be as fast as any.
  func testRanksThatNeverWorkedAreTakenToBeFast() {
    var meter = PaceMeter(rankCount: 3)
    for _ in 0..<2 {
      meter.add([
        RankWork(cost: 100, seconds: 1, secondsBeside: 0), RankWork(cost: 100, seconds: 2, secondsBeside: 0),
        RankWork(cost: 0, seconds: 0, secondsBeside: 0),
      ])
    }
    XCTAssertEqual(meter.paces.map(\.secondsPerCost), [0.01, 0.02, 0.01])
  }
}
