import Compute
import TestSupport
import XCTest

final class Bfloat16Tests: XCTestCase {
  func testTiesRoundToEven() {
    // Between 1 and 1 + 2^−7 the even one is 1; between 1 + 2^−7 and 1 + 2^−6 it is the latter.
    XCTAssertEqual(floatFromBfloat16(bfloat16Bits(1 + 0x1p-8)), 1)
    XCTAssertEqual(floatFromBfloat16(bfloat16Bits(1 + 0x1p-7 + 0x1p-8)), 1 + 0x1p-6)
    XCTAssertEqual(floatFromBfloat16(bfloat16Bits(-1 - 0x1p-8)), -1)
    // A hair beyond the tie decides.
    XCTAssertEqual(floatFromBfloat16(bfloat16Bits((1 + 0x1p-8 as Float).nextUp)), 1 + 0x1p-7)
    XCTAssertEqual(floatFromBfloat16(bfloat16Bits((1 + 0x1p-7 + 0x1p-8 as Float).nextDown)), 1 + 0x1p-7)
  }

  /// Every bfloat16 pattern with low halves around the tie, against the nearer of its two neighbours in double precision.
  func testRoundsToTheNearest() {
    let lows: [UInt32] = [0, 1, 0x7FFE, 0x7FFF, 0x8000, 0x8001, 0xFFFF, 0x1234]
    for high in 0..<0x7F7F as Range<UInt32> {
      let below = Double(Float(bitPattern: high << 16))
      let above = Double(Float(bitPattern: (high + 1) << 16))
      for low in lows {
        let x = Float(bitPattern: high << 16 | low)
        let (down, up) = (Double(x) - below, above - Double(x))
        let nearest = down < up || (down == up && high % 2 == 0) ? high : high + 1
        XCTAssertEqual(UInt32(bfloat16Bits(x)), nearest)
        XCTAssertEqual(UInt32(bfloat16Bits(-x)), nearest | 0x8000)
      }
    }
  }

  func testEveryBfloat16IsItsOwnRounding() {
    for bits in 0...UInt16.max where !floatFromBfloat16(bits).isNaN {
      XCTAssertEqual(bfloat16Bits(floatFromBfloat16(bits)), bits)
    }
  }

  func testInfinityOverflowAndNaN() {
    XCTAssertEqual(bfloat16Bits(.infinity), 0x7F80)
    XCTAssertEqual(bfloat16Bits(-.infinity), 0xFF80)
    XCTAssertEqual(floatFromBfloat16(bfloat16Bits(.greatestFiniteMagnitude)), .infinity)
    // A payload in the low half alone must not become infinity.
    for pattern in [0x7F80_0001, 0xFF80_0001, 0x7FFF_FFFF, 0xFFFF_FFFF, 0x7FC0_0000] as [UInt32] {
      XCTAssertTrue(floatFromBfloat16(bfloat16Bits(Float(bitPattern: pattern))).isNaN, String(pattern, radix: 16))
    }
  }

  func testRowsRoundElementByElement() {
    var numbers = SeededNumbers(seed: 5)
    for count in [0, 1, 15, 16, 17, 33, 1000] {
      let source = numbers.normals(count)
      var plain = [UInt16](repeating: 7, count: count + 1)
      var scaled = plain
      Bfloat16.round(source, into: &plain, count)
      Bfloat16.round(source, times: 0.3, into: &scaled, count)
      XCTAssertEqual(plain, source.map(bfloat16Bits) + [7])
      XCTAssertEqual(scaled, source.map { bfloat16Bits($0 * 0.3) } + [7])
    }
  }
}
