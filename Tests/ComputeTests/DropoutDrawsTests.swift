import Compute
import TestSupport
import XCTest

final class DropoutDrawsTests: XCTestCase {
  /// Random123's `kat_vectors`, lines "philox4x32 7": they vouch for the plain generator, which vouches for the draws.
  /// Sequences 65,536 apart share the lower half of their number, and neighbouring blocks of a row stand beside the upper.
  func testLargeBatchesShareNoDraws() {
    let dropout = DropoutDraws(seed: 4, step: 1, rate: 0.1)
    let numbers: [UInt32] = [5, 5 + 65_536, 5 + 2 * 65_536, 65_536 * 5, 0xFFFF_0005]
    let rows = numbers.map { fill(dropout, 256, row: 3, sequence: $0, site: 2) }
    XCTAssertEqual(Set(rows).count, numbers.count)
  }

  func testThePlainGeneratorAgreesWithThePublishedVectorsOfSevenRounds() {
    let ones = [UInt32](repeating: .max, count: 4)
    XCTAssertEqual(
      plainPhilox([0, 0, 0, 0], [0, 0], rounds: 7), [0x5f6f_b709, 0x0d89_3f64, 0x4f12_1f81, 0x4f73_0a48])
    XCTAssertEqual(
      plainPhilox(ones, [.max, .max], rounds: 7), [0x5207_ddc2, 0x4516_5e59, 0x4d8e_e751, 0x8c52_f662])
    XCTAssertEqual(
      plainPhilox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0], rounds: 7),
      [0x4dfc_caba, 0x190a_87f0, 0xc473_62ba, 0xb6b5_242a])
  }

  func testDrawsAreThoseOfSevenRoundPhiloxAtTheirCounter() {
    let seed: UInt64 = 0x1234_5678_9ABC
    let key = Philox(seed: seed, purpose: .dropout)
    for count in [1, 16, 100, 128, 129, 768] {
      let blocks = DropoutDraws.room(count) / 8
      let draws = fill(DropoutDraws(seed: seed, step: 77, rate: 0.1), count, row: 5, sequence: 9, site: 0xFFFF)
      for block in 0..<blocks {
        let words = plainPhilox([UInt32(block), 5, 77, 9 << 16 | 0xFFFF], [key.key0, key.key1], rounds: 7)
        for w in 0..<4 {
          let place = 2 * (w * blocks + block)
          XCTAssertEqual(UInt32(draws[place]) | UInt32(draws[place + 1]) << 16, words[w])
        }
      }
    }
  }

  func testRoomIsEnoughAndWholeBlocks() {
    for count in 0...600 {
      let room = DropoutDraws.room(count)
      XCTAssertTrue(room >= count && room % 128 == 0 && room < count + 128)
    }
  }

  func testTheRateIsRoundedAndTheScaleBelongsToIt() {
    for rate in [0, 0.1, 0.25, 0.5, 0.9] as [Float] {
      let draws = DropoutDraws(seed: 0, step: 0, rate: rate)
      XCTAssertEqual(Float(draws.threshold) / 65_536, rate, accuracy: 0.5 / 65_536)
      // Kept share times scale is one: the expected value is kept.
      XCTAssertEqual((1 - Double(draws.threshold) / 65_536) * Double(draws.scale), 1, accuracy: 1e-6)
      XCTAssertEqual(draws.isOff, rate == 0)
    }
    let almostOne = DropoutDraws(seed: 0, step: 0, rate: 0.999_999_9)
    XCTAssertTrue(almostOne.scale.isFinite && almostOne.threshold == 65_535)
  }

  func testApplyDropsBelowTheThresholdAndScalesTheRest() {
    let dropout = DropoutDraws(seed: 1, step: 1, rate: 0.25)
    var numbers = SeededNumbers(seed: 8)
    for count in [0, 1, 15, 16, 17, 1000] {
      let draws = fill(dropout, count, row: 2, sequence: 0, site: 1)
      let x = numbers.normals(count)
      var dropped = x + [3]
      dropout.apply(draws, to: &dropped, count)
      let wanted = (0..<count).map { draws[$0] < dropout.threshold ? 0 : x[$0] * dropout.scale }
      XCTAssertEqual(dropped, wanted + [3])
    }
  }

  /// 2^20 elements: the dropped share has standard deviation √(r(1 − r)/n); five of them.
  func testTheDroppedShareIsTheRate() {
    for rate in [0.1, 0.5] as [Float] {
      let dropout = DropoutDraws(seed: 21, step: 3, rate: rate)
      var dropped = 0
      for row in 0..<1024 as Range<UInt32> {
        dropped += fill(dropout, 1024, row: row, sequence: 0, site: 0).filter { $0 < dropout.threshold }.count
      }
      let r = Double(dropout.threshold) / 65_536
      let n = Double(1 << 20)
      XCTAssertEqual(Double(dropped) / n, r, accuracy: 5 * (r * (1 - r) / n).squareRoot())
    }
  }

  func testDrawsAreTheSameOnAnyThread() {
    let dropout = DropoutDraws(seed: 5, step: 6, rate: 0.1)
    let alone = (0..<64).map { fill(dropout, 256, row: UInt32($0), sequence: 3, site: 2) }
    var shared = [[UInt16]](repeating: [], count: 64)
    withThreads(2) {
      shared.withUnsafeMutableBufferPointer { shared in
        Threads.forEach(64) { i, _ in shared[i] = fill(dropout, 256, row: UInt32(i), sequence: 3, site: 2) }
      }
    }
    XCTAssertEqual(alone, shared)
  }
}

/// The draws of one row.
func fill(_ dropout: DropoutDraws, _ count: Int, row: UInt32, sequence: UInt32, site: UInt32) -> [UInt16] {
  [UInt16](unsafeUninitializedCapacity: DropoutDraws.room(count)) { buffer, filled in
    buffer.initialize(repeating: 0)
    dropout.fill(buffer.baseAddress!, count: count, row: row, sequence: sequence, site: site)
    filled = DropoutDraws.room(count)
  }
}
