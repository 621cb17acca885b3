import Compute
import TestSupport
import XCTest

final class RowSumTests: XCTestCase {
  private let counts = [0, 1, 15, 16, 17, 31, 32, 33, 1000]

  /// What rounding may do to a sum of `count` terms: every term passes at most count/32 lane sums, 6 of the tree and 32 of the
  /// rest, each rounding by 2^−24 of what has been summed, at most Σ|terms|.
  private func allowed(_ count: Int, magnitude: Double, roundingsATerm: Int = 0) -> Double {
    Double(count / 32 + 38 + roundingsATerm) * 0x1p-24 * magnitude
  }

  private func rows(_ count: Int) -> (x: [Float], y: [Float]) {
    var numbers = SeededNumbers(seed: UInt64(count) + 100)
    return (numbers.normals(count, spread: 3), numbers.normals(count))
  }

  func testSumsAgreeWithDoubles() {
    for count in counts {
      let (x, y) = rows(count)
      let d = x.map(Double.init)
      let magnitude = d.reduce(0) { $0 + abs($1) }
      XCTAssertEqual(Double(rowSum(x, count)), d.reduce(0, +), accuracy: allowed(count, magnitude: magnitude))
      XCTAssertEqual(absoluteSum(x, count), magnitude, accuracy: allowed(count, magnitude: magnitude))
      let products = zip(x, y).map { Double($0) * Double($1) }
      XCTAssertEqual(
        Double(rowDot(x, y, count)), products.reduce(0, +),
        accuracy: allowed(count, magnitude: products.reduce(0) { $0 + abs($1) }, roundingsATerm: 1))
      let squares = d.map { ($0 - 0.75) * ($0 - 0.75) }.reduce(0, +)
      XCTAssertEqual(
        Double(rowSquaredDeviation(x, centre: 0.75, count)), squares,
        accuracy: allowed(count, magnitude: squares, roundingsATerm: 3))
    }
  }

  func testAbsoluteSumKeepsItsPrecisionOverManyBlocks() {
    for count in [4095, 4096, 4097, 100_003] {
      let (x, _) = rows(count)
      let exact = x.reduce(0.0) { $0 + abs(Double($1)) }
      // Blocks of 4096: at most 256 lane sums, 4 of the tree and 15 of the rest, whatever the count.
      XCTAssertEqual(absoluteSum(x, count), exact, accuracy: 275 * 0x1p-24 * exact)
    }
  }

  func testExtremesAgreeWithPlainOnes() {
    for count in counts {
      let (x, _) = rows(count)
      XCTAssertEqual(rowMaximum(x, count), x.max() ?? -.infinity)
      XCTAssertEqual(rowMinimum(x, count), x.min() ?? .infinity)
      XCTAssertEqual(rowAbsoluteMaximum(x, count), x.map(abs).max() ?? 0)
    }
  }

  func testExtremesAreFoundInEveryPlace() {
    for place in 0..<67 {
      var x = [Float](repeating: -2, count: 67)
      x[place] = -1
      XCTAssertEqual(rowMaximum(x, 67), -1)
      x[place] = -5
      XCTAssertEqual(rowMinimum(x, 67), -5)
      XCTAssertEqual(rowAbsoluteMaximum(x, 67), 5)
    }
  }

  func testASumDependsOnTheRowAlone() {
    // The same row at every alignment of four bytes.
    let (x, y) = rows(1000)
    let (sum, dot) = (rowSum(x, 1000), rowDot(x, y, 1000))
    for shift in 1..<17 {
      let moved = [Float](repeating: 9, count: shift) + x
      moved.withUnsafeBufferPointer { moved in
        XCTAssertEqual(rowSum(moved.baseAddress! + shift, 1000), sum)
        XCTAssertEqual(rowDot(moved.baseAddress! + shift, y, 1000), dot)
      }
    }
  }

  func testNaNReachesTheSums() {
    for place in [0, 31, 32, 40] {
      var (x, y) = rows(41)
      x[place] = .nan
      XCTAssertTrue(rowSum(x, 41).isNaN && rowDot(x, y, 41).isNaN && absoluteSum(x, 41).isNaN)
      swap(&x, &y)
      XCTAssertTrue(rowDot(x, y, 41).isNaN)
    }
  }

  func testAddingRowsTouchesTheirElementsOnly() {
    for count in counts {
      let (x, y) = rows(count)
      var sum = y + [42]
      addRow(x, to: &sum, count)
      XCTAssertEqual(sum, zip(x, y).map { $1 + $0 } + [42])
      var scaled = y + [42]
      addRow(x, times: 0.3, to: &scaled, count)
      XCTAssertEqual(scaled, zip(x, y).map { $1.addingProduct($0, 0.3) } + [42])
    }
  }
}
