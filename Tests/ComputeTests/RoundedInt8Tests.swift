import Compute
import TestSupport
import XCTest

/// Rounding to 8 bits by draws, against plain division and floor in double precision; its draws against plain Philox; its mean
/// against the numbers.
final class RoundedInt8Tests: XCTestCase {
  private func rounded(_ x: [Float], _ factors: [Float], _ draws: [UInt16]) -> (levels: [Int], scale: Float) {
    var codes = [UInt8](repeating: 0xAA, count: x.count + 1)
    let scale = RoundedInt8.round(x, times: factors, by: draws, into: &codes, x.count)
    XCTAssertEqual(codes.last, 0xAA)
    return (codes.dropLast().map { Int($0) - 128 }, scale)
  }

  private func draws(_ count: Int, _ numbers: inout SeededNumbers) -> [UInt16] {
    (0..<count).map { _ in UInt16(truncatingIfNeeded: numbers.next()) }
  }

  /// floor(v + r), but where v + r is within the grid of 2⁻¹⁵ of an integer.
  func testANumberGoesToOneOfItsTwoNeighboursByItsDraw() {
    var numbers = SeededNumbers(seed: 1)
    for count in [1, 3, 17, 768] {
      for size: Float in [1e-20, 1, 1e20] {
        let x = numbers.normals(count).map { $0 * size }
        let factors = numbers.normals(count)
        let r = draws(count, &numbers)
        let (levels, scale) = rounded(x, factors, r)
        let wanted = zip(x, factors).map { Double($0 * $1) }
        let largest = wanted.map(abs).max()!
        XCTAssertEqual(Double(scale), largest / 127, accuracy: 1e-6 * largest)
        for i in 0..<count {
          let v = wanted[i] / (largest / 127)
          XCTAssertLessThan(abs(Double(levels[i]) - v), 1 + 1e-4, "\(count) \(size)")
          let sum = v + Double(r[i] >> 1) / 32768
          if abs(sum - sum.rounded()) > 1e-4 { XCTAssertEqual(Double(levels[i]), sum.rounded(.down)) }
        }
      }
    }
  }

  /// No draw takes the largest beyond 127, or a zero or another exact level anywhere.
  func testExactLevelsStayWhateverTheDraw() {
    var numbers = SeededNumbers(seed: 2)
    for _ in 0..<2000 {
      let top = abs(Float(numbers.normal())) + 1e-3
      for draw: UInt16 in [0, 1, 0x7FFF, 0xFFFE, 0xFFFF] {
        let found = rounded([-top, top, 0, -0], [1, 1, 1, 1], [UInt16](repeating: draw, count: 4))
        XCTAssertEqual(found.levels, [-127, 127, 0, 0], "\(top) \(draw)")
      }
    }
  }

  func testARowNextToNothingIsZeroAndWhatIsNotFiniteReachesTheScale() {
    let ones = [Float](repeating: 1, count: 20)
    let nothing = rounded([Float](repeating: -1e-31, count: 20), ones, [UInt16](repeating: .max, count: 20))
    XCTAssertEqual(nothing.scale, 0)
    XCTAssertTrue(nothing.levels.allSatisfy { $0 == 0 })
    for bad in [Float.nan, .infinity, -.infinity] {
      var x = ones
      x[7] = bad
      XCTAssertFalse(rounded(x, ones, [UInt16](repeating: 9, count: 20)).scale.isFinite)
      let columns = roundedColumns(
        x + x + x + x, rows: 4, columns: 20, by: ColumnDraws(slice, firstRow: 0, tile: 0))
      for j in 0..<20 { XCTAssertEqual(columns.scales[j].isFinite, j != 7) }
    }
  }

  /// 2,000 draws of each of 256 elements: a mean of n draws has the standard error √(p(1 − p)/n) levels, p what is beyond the
  /// lower level. The mean square of the deviations in such units is 1, with a standard deviation of √(2/256).
  func testTheMeanOverDrawsIsTheNumber() {
    var numbers = SeededNumbers(seed: 3)
    let (rows, columns, n) = (64, 4, 2000)
    let x = numbers.normals(rows * columns)
    var sums = [Int](repeating: 0, count: x.count)
    var scales: [Float] = []
    for step in 0..<n {
      let draws = RowDraws(
        RoundingDraws(seed: 4, step: UInt32(step)), site: 3, sequences: [UInt32](repeating: 70_000, count: rows),
        places: (0..<Int32(rows)).map { $0 })
      let found = roundedColumns(x, rows: rows, columns: columns, by: ColumnDraws(draws, firstRow: 0, tile: 1))
      scales = found.scales
      for (i, code) in found.codes.enumerated() { sums[i] += Int(code) - 128 }
    }
    var squares: [Double] = []
    for j in 0..<columns {
      for r in 0..<rows {
        let v = Double(x[r * columns + j]) / Double(scales[j])
        let p = v - v.rounded(.down)
        let mean = Double(sums[j * rows + r]) / Double(n)
        let deviation = (mean - v) / ((p * (1 - p) / Double(n)).squareRoot() + 1e-4)
        XCTAssertLessThan(abs(deviation), 5, "\(v)")
        if p > 0.01, p < 0.99 { squares.append(deviation * deviation) }
      }
    }
    XCTAssertGreaterThan(squares.count, 230)
    let count = Double(squares.count)
    XCTAssertEqual(squares.reduce(0, +) / count, 1, accuracy: 5 * (2 / count).squareRoot())
  }

  // MARK: - Columns

  private func roundedColumns(
    _ x: [Float], rows: Int, columns: Int, by draws: ColumnDraws
  ) -> (codes: [UInt8], scales: [Float]) {
    var codes = [UInt8](repeating: 0xAA, count: rows * columns + 1)
    var scales = [Float](repeating: -1, count: columns)
    RoundedInt8.roundColumns(
      x, rows: rows, columns: columns, by: draws, into: &codes, scales: &scales,
      scratch: SplitInt16.ColumnScratch(rows: rows, columns: columns))
    XCTAssertEqual(codes.last, 0xAA)
    return (codes.dropLast(), scales)
  }

  private let key = Philox(seed: 8, purpose: .gradientRounding)
  /// 600 rows in sequences of 50, the first of them the 70,000th of its batch.
  private let slice = RowDraws(
    RoundingDraws(seed: 8, step: 9), site: 11, sequences: (0..<600).map { UInt32(70_000 + $0 / 50) },
    places: (0..<600).map { Int32($0 % 50) })

  /// The draw of an element of a tile by its counter: the first words of sixteen blocks, then the second ones.
  private func draw(row: Int, column: Int, firstBlock: Int) -> UInt16 {
    let blocks = 16
    let (word, half) = (column / 2, column % 2)
    let sequence = UInt32(70_000 + row / 50)
    let counter = [
      sequence & 0xFFFF_0000 | UInt32(firstBlock + word % blocks), UInt32(row % 50), 9, sequence << 16 | 11,
    ]
    let found = plainPhilox(counter, [key.key0, key.key1], rounds: 7)[word / blocks]
    return UInt16(truncatingIfNeeded: found >> UInt32(16 * half))
  }

  func testColumnsAreRoundedByTheDrawsOfTheirRowsAndTile() {
    var numbers = SeededNumbers(seed: 5)
    for (rows, columns, first, tile) in [(4, 1, 0, 0), (64, 128, 64, 0), (64, 17, 0, 3), (512, 128, 88, 2)] {
      let x = numbers.normals(rows * columns)
      let (codes, scales) = roundedColumns(
        x, rows: rows, columns: columns, by: ColumnDraws(slice, firstRow: first, tile: tile))
      for j in 0..<columns {
        let largest = (0..<rows).map { abs(Double(x[$0 * columns + j])) }.max()!
        XCTAssertEqual(Double(scales[j]), largest / 127, accuracy: 1e-6 * largest)
        for r in 0..<rows {
          let bits = draw(row: first + r, column: j, firstBlock: 16 * tile)
          let sum = Double(x[r * columns + j]) / (largest / 127) + Double(bits >> 1) / 32768
          if abs(sum - sum.rounded()) > 1e-4 {
            XCTAssertEqual(Double(codes[j * rows + r]) - 128, sum.rounded(.down), "row \(r), column \(j)")
          }
        }
      }
    }
  }

  func testJoinedSumsAreThoseOfTheLevels() {
    let (sums, compensation): ([Int32], [Int32]) = ([700, -5, 128], [128, 0, 128])
    var row: [Float] = [1, 2, 3, .nan]
    RoundedInt8.join(sums, compensation: compensation, scale: 0.5, into: &row, 3, adding: true)
    XCTAssertEqual(row.dropLast(), [287, -0.5, 3])
    RoundedInt8.join(sums, compensation: compensation, scale: 0.5, into: &row, 3, adding: false)
    XCTAssertEqual(row.dropLast(), [286, -2.5, 0])
    XCTAssertTrue(row[3].isNaN)
  }
}
