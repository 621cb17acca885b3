import Compute
import TestSupport
import XCTest

final class PhiloxTests: XCTestCase {
  /// The lines "philox4x32 10" of Random123's `tests/kat_vectors`: counter, key, result.
  func testAgreesWithThePublishedVectors() {
    let vectors: [(counter: [UInt32], key: [UInt32], result: [UInt32])] = [
      ([0, 0, 0, 0], [0, 0], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
      (
        [.max, .max, .max, .max], [.max, .max],
        [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
      ),
      (
        [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0],
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
      ),
    ]
    for (counter, key, result) in vectors {
      let drawn = Philox(key0: key[0], key1: key[1]).draw(counter[0], counter[1], counter[2], counter[3])
      XCTAssertEqual((0..<4).map { drawn[$0] }, result)
    }
  }

  func testEveryPurposeAndSeedHasItsOwnKey() {
    var keys = Set<UInt64>()
    for seed in 0..<1000 as Range<UInt64> {
      for purpose in 1...8 as ClosedRange<UInt32> {
        let philox = Philox(seed: seed, purpose: DrawPurpose(rawValue: purpose)!)
        keys.insert(UInt64(philox.key0) << 32 | UInt64(philox.key1))
      }
    }
    // The mixing function is a bijection of seed + purpose·odd, so these 8,000 sums, all different, give different keys.
    XCTAssertEqual(keys.count, 8000)
  }

  func testPermutationIsOneAndDependsOnTheSalt() {
    let philox = Philox(seed: 3, purpose: .blockOrder)
    for count in [0, 1, 2, 3, 17, 1000] {
      XCTAssertEqual(philox.permutation(of: count, salt: 5).sorted(), (0..<UInt32(count)).map { $0 })
    }
    XCTAssertEqual(philox.permutation(of: 1000, salt: 1), philox.permutation(of: 1000, salt: 1))
    XCTAssertNotEqual(philox.permutation(of: 1000, salt: 1), philox.permutation(of: 1000, salt: 2))
  }

  /// All 24 orders of four things come up equally often: chi-square with 23 degrees of freedom, mean 23, standard deviation
  /// √46; a fair shuffle passes five of them once in a million seeds.
  func testPermutationsAreEquallyLikely() {
    let philox = Philox(seed: 11, purpose: .sentenceOrder)
    let draws = 24_000
    var counts: [[UInt32]: Int] = [:]
    for salt in 0..<UInt32(draws) { counts[philox.permutation(of: 4, salt: salt), default: 0] += 1 }
    XCTAssertEqual(counts.count, 24)
    let expected = Double(draws) / 24
    let chiSquare = counts.values.reduce(0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
    XCTAssertEqual(chiSquare, 23, accuracy: 5 * 46.0.squareRoot())
  }

  func testBelowStaysBelowAndReachesEveryValue() {
    let philox = Philox(seed: 1, purpose: .masking)
    for bound in [1, 2, 3, 10, 255, 256, 257] {
      var seen = Set<Int>()
      for i in 0..<UInt32(40 * bound) { seen.insert(philox.below(bound, i, UInt32(bound))) }
      // A value is missed with probability (1 − 1/bound)^(40·bound) < e^−40.
      XCTAssertEqual(seen, Set(0..<bound))
    }
    for i in 0..<1000 as Range<UInt32> {
      let huge = philox.below(Int(UInt32.max), i, 9)
      XCTAssertTrue(huge >= 0 && huge < Int(UInt32.max))
    }
  }
}
