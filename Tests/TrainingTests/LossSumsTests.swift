import Encoder
import Foundation
import TestSupport
import Training
import XCTest

final class LossSumsTests: XCTestCase {
  private func sums(_ losses: [Double]) -> LossSums {
    var sums = LossSums()
    for loss in losses { sums.add(SliceOutcome(lossSum: loss, labelledTokenCount: 3, correctCount: 2)) }
    return sums
  }

  func testSumsHaveNoOrder() {
    var numbers = SeededNumbers(seed: 7)
    // From 1e−4 to 1e4: floats of one order of magnitude would sum alike in most orders.
    let losses = (0..<500).map { _ in pow(10, 8 * numbers.uniform() - 4) }
    let inOrder = sums(losses).lossSum
    for _ in 0..<20 { XCTAssertEqual(sums(losses.shuffled(using: &numbers)).lossSum, inOrder) }
    XCTAssertNotEqual(losses.reduce(0, +), losses.reversed().reduce(0, +), "these numbers would not tell")
    XCTAssertEqual(inOrder, losses.reduce(0, +), accuracy: 500 * (0x1p-41 + inOrder * 0x1p-53))
  }

  /// Forty fractional bits, to the nearest.
  func testALossIsRoundedToTwoToTheMinusForty() {
    XCTAssertEqual(sums([1.0 / 3]).lossSum, 366_503_875_925 * 0x1p-40)
    XCTAssertEqual(sums([0x1p-41 * 0.99]).lossSum, 0)
    XCTAssertEqual(sums([0x1p-41 * 1.01]).lossSum, 0x1p-40)
    XCTAssertEqual(sums([0.1, -0.1]).lossSum, 0)
  }

  func testTokensAreCountedWhateverTheirLoss() {
    let found = sums([1, .nan, 2])
    XCTAssertEqual(found.labelledTokenCount, 9)
    XCTAssertEqual(found.correctCount, 6)
    XCTAssertEqual(found.lossSum, 3)
  }

  /// 2^22 is the first that is too large.
  func testTheFirstLossThatIsNoNumberOrTooLargeIsNamed() {
    XCTAssertNil(sums([1, 0x1.fffffp21]).numericFault)
    XCTAssertEqual(sums([1, 0x1p22]).numericFault, "a slice's loss is 4194304.0")
    XCTAssertEqual(sums([.infinity, .nan]).numericFault, "a slice's loss is inf")
    XCTAssertEqual(sums([.nan, .infinity]).numericFault, "a slice's loss is nan")
    XCTAssertEqual(sums([-.infinity]).numericFault, "a slice's loss is -inf")
  }
}
