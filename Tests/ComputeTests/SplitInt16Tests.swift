import Compute
import TestSupport
import XCTest

/// Splitting into limbs, products of the limbs in plain integers, and joining again, against double precision.
final class SplitInt16Tests: XCTestCase {
  private let counts = [1, 3, 16, 17, 64, 100, 768]

  private func split(_ x: [Float], _ factors: [Float]) -> (low: [UInt8], high: [UInt8], scale: Float) {
    var low = [UInt8](repeating: 0xAA, count: x.count + 1)
    var high = low
    let scale = SplitInt16.split(x, times: factors, low: &low, high: &high, x.count)
    XCTAssertEqual(low.last, 0xAA)
    XCTAssertEqual(high.last, 0xAA)
    return (low.dropLast(), high.dropLast(), scale)
  }

  private func value(_ low: UInt8, _ high: UInt8, _ scale: Float) -> Double {
    Double(Int(high) * 256 + Int(low) - 32768) * Double(scale)
  }

  /// Half a unit of the scale, which is the largest magnitude / 32,767.
  func testARowComesBackToHalfAUnit() {
    var numbers = SeededNumbers(seed: 1)
    for count in counts {
      for size: Float in [1e-20, 1, 1e20] {
        let x = numbers.normals(count).map { $0 * size }
        let factors = numbers.normals(count)
        let (low, high, scale) = split(x, factors)
        let wanted = zip(x, factors).map { Double($0 * $1) }
        let largest = wanted.map(abs).max()!
        XCTAssertEqual(Double(scale), largest / 32767, accuracy: 1e-6 * largest)
        for i in 0..<count {
          XCTAssertEqual(value(low[i], high[i], scale), wanted[i], accuracy: 0.501 * Double(scale), "\(count) \(size)")
        }
      }
    }
  }

  func testTheLargestOfEitherSignFits() {
    let (low, high, scale) = split([-1, 1, 0, 0.5], [1, 1, 1, 1])
    XCTAssertEqual(zip(low, high).map { Int($1) * 256 + Int($0) - 32768 }, [-32767, 32767, 0, 16384])
    XCTAssertEqual(scale, 1 / 32767)
  }

  func testARowOfZerosOrNextToNothingIsZero() {
    for x in [[Float](repeating: 0, count: 20), [Float](repeating: -1e-31, count: 20)] {
      let (low, high, scale) = split(x, [Float](repeating: 1, count: 20))
      XCTAssertEqual(scale, 0)
      XCTAssertTrue(zip(low, high).allSatisfy { $0 == 0 && $1 == 128 })
    }
  }

  func testWhatIsNotFiniteReachesTheScale() {
    for bad in [Float.nan, -.nan, .infinity, -.infinity] {
      for place in [0, 7, 18] {
        var x = [Float](repeating: 1, count: 19)
        x[place] = bad
        XCTAssertFalse(split(x, [Float](repeating: 1, count: 19)).scale.isFinite, "\(bad) at \(place)")
        let columns = splitColumns(x + x + x + x, rows: 4, columns: 19)
        for j in 0..<19 { XCTAssertEqual(columns.scales[j].isFinite, j != place, "\(bad) at \(place)") }
      }
    }
  }

  private func splitColumns(_ x: [Float], rows: Int, columns: Int) -> (limbs: [UInt8], scales: [Float]) {
    var limbs = [UInt8](repeating: 0xAA, count: 2 * rows * columns + 1)
    var scales = [Float](repeating: -1, count: columns)
    let scratch = SplitInt16.ColumnScratch(rows: rows + 4, columns: columns)
    scratch.words.elements.update(repeating: 0xAAAA_AAAA)
    SplitInt16.splitColumns(x, rows: rows, columns: columns, into: &limbs, scales: &scales, scratch: scratch)
    XCTAssertEqual(limbs.last, 0xAA)
    let used = SplitInt16.ColumnScratch.wordCount(rows: rows, columns: columns)
    XCTAssertTrue(scratch.words.elements[used...].allSatisfy { $0 == 0xAAAA_AAAA })
    return (limbs.dropLast(), scales)
  }

  func testColumnsComeBackTransposed() {
    var numbers = SeededNumbers(seed: 2)
    for (rows, columns) in [(4, 1), (64, 128), (64, 17), (512, 128), (192, 100)] {
      let x = numbers.normals(rows * columns)
      let (limbs, scales) = splitColumns(x, rows: rows, columns: columns)
      for j in 0..<columns {
        let largest = (0..<rows).map { abs(x[$0 * columns + j]) }.max()!
        XCTAssertEqual(scales[j], largest / 32767, accuracy: 1e-6 * largest)
        for r in 0..<rows {
          XCTAssertEqual(
            value(limbs[j * rows + r], limbs[(columns + j) * rows + r], scales[j]), Double(x[r * columns + j]),
            accuracy: 0.501 * Double(scales[j]))
        }
      }
    }
  }

  /// The whole way round: split, byte products against 8-bit levels, join; every sum exact but for the split's rounding and a
  /// few roundings of float32.
  func testProductsOfLimbsAreProductsOfTheNumbers() {
    var numbers = SeededNumbers(seed: 3)
    let (k, n) = (3072, 33)
    let x = numbers.normals(k)
    let levels = (0..<k * n).map { _ in Int32(max(min((numbers.normal() * 60).rounded(), 127), -128)) }
    let (low, high, scale) = split(x, [Float](repeating: 1, count: k))
    var (lows, highs, shifts) = ([Int32](), [Int32](), [Int32]())
    for j in 0..<n {
      lows.append((0..<k).reduce(0) { $0 + Int32(low[$1]) * levels[$1 * n + j] })
      highs.append((0..<k).reduce(0) { $0 + Int32(high[$1]) * levels[$1 * n + j] })
      shifts.append(128 * (0..<k).reduce(0) { $0 + levels[$1 * n + j] })
    }
    var row = [Float](repeating: .nan, count: n + 1)
    SplitInt16.join(low: lows, high: highs, compensation: shifts, scale: scale, into: &row, n, adding: false)
    XCTAssertTrue(row[n].isNaN)
    let once = row
    SplitInt16.join(low: lows, high: highs, compensation: shifts, scale: scale, into: &row, n, adding: true)
    for j in 0..<n {
      let exact = (0..<k).reduce(0.0) { $0 + Double(x[$1]) * Double(levels[$1 * n + j]) }
      let size = (0..<k).reduce(0.0) { $0 + Double(levels[$1 * n + j] * levels[$1 * n + j]) }.squareRoot()
      // Independent roundings of at most half a unit each, and the float sums of 256·high and low.
      XCTAssertEqual(Double(once[j]), exact, accuracy: 3 * 0.29 * Double(scale) * size + 1e-6 * size)
      XCTAssertEqual(row[j], 2 * once[j], accuracy: 1e-6 * abs(once[j]))
    }
  }
}
