import Models
import Quantization
import TestSupport
import XCTest

/// Packing of codes against the plain reading of the format, bit by bit.
final class PackedCodesTests: XCTestCase {
  private let widths = [1, 2, 5, 15, 16, 17, 31, 32, 33, 64, 100, 257]

  /// Bit `place` of a row: least significant first, word after word.
  private func bit(_ words: [UInt32], _ place: Int) -> Int { Int(words[place / 32] >> UInt32(place % 32)) & 1 }

  private func codes(_ count: Int, bits: Int, _ numbers: inout SeededNumbers) -> [Int8] {
    (0..<count).map { _ in Int8(numbers.below(1 << bits) - 1 << (bits - 1)) }
  }

  private func packed(_ codes: [Int8], bits: Int) throws -> [UInt32] {
    let count = try XCTUnwrap(PackedCodes.wordCount(columns: codes.count, bits: bits))
    // Whatever lies there before is overwritten.
    var words = [UInt32](repeating: 0xDEAD_BEEF, count: count)
    PackedCodes.pack(codes, codes.count, bits: bits, into: &words)
    return words
  }

  func testEveryWidthOfCodesIsPackedBitByBit() throws {
    var numbers = SeededNumbers(seed: 1)
    for bits in PackedCodes.bits {
      for width in widths {
        let codes = codes(width, bits: bits, &numbers)
        let words = try packed(codes, bits: bits)
        XCTAssertEqual(words.count, (width * bits + 31) / 32)
        for (i, code) in codes.enumerated() {
          let stored = (0..<bits).reduce(0) { $0 | bit(words, i * bits + $1) << $1 }
          XCTAssertEqual(stored, Int(code) + 1 << (bits - 1), "\(bits) bits, code \(i) of \(width)")
        }
        for place in width * bits..<words.count * 32 { XCTAssertEqual(bit(words, place), 0, "\(bits) bits, \(width)") }
      }
    }
  }

  func testWhatWasPackedIsUnpacked() throws {
    var numbers = SeededNumbers(seed: 2)
    for bits in PackedCodes.bits {
      for width in widths {
        let codes = codes(width, bits: bits, &numbers)
        var again = [Int8](repeating: 99, count: width)
        XCTAssertTrue(PackedCodes.unpack(try packed(codes, bits: bits), width, bits: bits, into: &again))
        XCTAssertEqual(again, codes, "\(bits) bits")
      }
    }
  }

  func testBitsBehindTheLastCodeAreSeen() throws {
    var numbers = SeededNumbers(seed: 3)
    for bits in PackedCodes.bits {
      for width in widths {
        let whole = try packed(codes(width, bits: bits, &numbers), bits: bits)
        for place in width * bits..<whole.count * 32 {
          var words = whole
          words[place / 32] |= 1 << UInt32(place % 32)
          var codes = [Int8](repeating: 0, count: width)
          XCTAssertFalse(PackedCodes.unpack(words, width, bits: bits, into: &codes), "\(bits) bits, bit \(place)")
        }
      }
    }
  }

  func testARowOfMoreBitsThanCountHasNoWords() {
    XCTAssertNil(PackedCodes.wordCount(columns: .max, bits: 2))
    XCTAssertNil(PackedCodes.wordCount(columns: .max / 8, bits: 8))
    XCTAssertEqual(PackedCodes.wordCount(columns: 0, bits: 8), 0)
  }

  /// The values that a packed folder gives, code·scale, fall on the codes that they came from, at any step: on the standard and
  /// the symmetric grid, and ternary with γ for step.
  func testValuesOfCodesRoundBackToTheirCodes() throws {
    var numbers = SeededNumbers(seed: 4)
    let rules: [QuantizerRule] =
      (2...8).map { .lsq(bits: $0) } + (2...7).map { .lsq(bits: $0, grid: .symmetric) } + [.absoluteMean()]
    for rule in rules {
      let (factor, term) = rule.grid == .symmetric ? (2, 1) : (1, 0)
      let levels = Array(Int(rule.n)...Int(rule.p))
      for step in steps(&numbers) {
        let quantizer = WeightQuantizer(rule: rule, step: step)
        let values = levels.map { Float(factor * $0 + term) * quantizer.levelScale }
        var codes = [UInt8](repeating: 0, count: values.count)
        quantizer.unsignedCodes(values, into: &codes, values.count)
        XCTAssertEqual(codes.map { Int($0) - 128 }, levels, "\(rule), step \(step)")
      }
    }
  }

  /// A zero point that became an offset, −z·s, becomes the same zero point.
  func testZeroPointsOfAByteComeBack() {
    var numbers = SeededNumbers(seed: 5)
    for step in steps(&numbers) {
      for zeroPoint in -128...127 {
        let rule = QuantizerRule.lsq(bits: 8, offset: .integer)
        let quantizer = ActivationQuantizer(rule: rule, step: step, offset: -Float(zeroPoint) * step)
        XCTAssertEqual(-quantizer.zeroValue, Float(zeroPoint) * step)
      }
    }
  }

  private func steps(_ numbers: inout SeededNumbers) -> [Float] {
    [1e-8, 1e-5, 0.1, 1, 3] + (0..<400).map { _ in Float(exp2(24 * numbers.uniform() - 20)) }
  }
}
