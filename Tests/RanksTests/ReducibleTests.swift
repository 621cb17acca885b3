import Ranks
import XCTest

final class ReducibleTests: XCTestCase {
  private func add<Element: Reducible>(_ source: [Element], to target: inout [Element]) -> Int? {
    Element.add(source, to: &target, count: source.count)
  }

  func testWholeNumbersReportTheFirstOverflow() {
    for count in [1, 2, 7, 64, 65, 1_000] {
      for place in [0, count / 2, count - 1] {
        var target = [Int64](repeating: -3, count: count)
        var source = [Int64](repeating: 5, count: count)
        XCTAssertNil(add(source, to: &target))
        XCTAssertEqual(target, [Int64](repeating: 2, count: count))
        target[place] = .max
        source[place] = 1
        XCTAssertEqual(add(source, to: &target), place)
        XCTAssertEqual(target[place], .min, "wraps")
        target[place] = .min
        source[place] = -1
        XCTAssertEqual(add(source, to: &target), place)
      }
    }
  }

  func testExtremesOfTheRangeDoNotOverflow() {
    var target: [Int64] = [.max, .min, .max, .min, 0]
    XCTAssertNil(add([0, 0, .min, .max, .min], to: &target))
    XCTAssertEqual(target, [.max, .min, -1, -1, .min])
  }

  func testNaNIsLargestAndSmallest() {
    for (a, b) in [(Float.nan, 1), (1, Float.nan), (.nan, .nan)] as [(Float, Float)] {
      XCTAssertTrue(Float.larger(a, b).isNaN)
      XCTAssertTrue(Float.smaller(a, b).isNaN)
    }
    XCTAssertEqual(Double.larger(-1, 2), 2)
    XCTAssertEqual(Int64.smaller(-1, 2), -1)
  }

  func testEvenShardsTileTheRange() {
    for start in [0, 5] {
      for length in [0, 1, 15, 16, 17, 100, 1_001] {
        for count in [1, 2, 3, 8] {
          let shards = evenShards(of: start..<(start + length), count: count)
          XCTAssertEqual(shards.count, count)
          XCTAssertEqual(shards.flatMap(Array.init), Array(start..<(start + length)))
          XCTAssertTrue(shards.allSatisfy { $0.isEmpty || ($0.lowerBound - start) % 16 == 0 })
        }
      }
    }
  }
}
