import Base
import Corpus
import Foundation
import TestSupport
import XCTest

final class BlockSplitTests: XCTestCase {
  func testValidationFollowsThePapersRule() {
    let expected = [0: 0, 1: 0, 2: 1, 9: 1, 10: 1, 19: 1, 20: 2, 99_990: 9_999, 100_000: 10_000, 300_000: 10_000]
    for (blockCount, validation) in expected {
      let split = BlockSplit(blockCount: blockCount, seed: 1)
      XCTAssertEqual(split.validation.count, validation, "\(blockCount) blocks")
      XCTAssertEqual(split.training.count, blockCount - validation)
      XCTAssertEqual((split.training + split.validation).sorted(), Array(0..<blockCount))
      XCTAssertEqual(split.training, split.training.sorted())
    }
  }

  func testTheSeedDecides() {
    XCTAssertEqual(BlockSplit(blockCount: 1000, seed: 3), BlockSplit(blockCount: 1000, seed: 3))
    XCTAssertNotEqual(BlockSplit(blockCount: 1000, seed: 3), BlockSplit(blockCount: 1000, seed: 4))
  }
}

final class MaskingTests: XCTestCase {
  private let tokenIDs = TokenIDs(vocabularySize: 8005)
  private func sequence(_ count: Int, _ seed: UInt64) -> [Int32] {
    var random = SeededNumbers(seed: seed)
    return (0..<count).map { _ in Int32.random(in: tokenIDs.ordinary, using: &random) }
  }

  /// A binomial count lies within 5 standard deviations of its mean but once in 1.7 million draws of the seed.
  private func assertShare(_ count: Int, of total: Int, is p: Double, line: UInt = #line) {
    let deviation = (Double(total) * p * (1 - p)).squareRoot()
    XCTAssertEqual(Double(count), Double(total) * p, accuracy: 5 * deviation, line: line)
  }

  func testSharesAreThoseOfThePaper() {
    let masking = Masking(seed: 11, tokenIDs: tokenIDs)
    var (total, chosen, mask, kept, random) = (0, 0, 0, 0, 0)
    for number in 0..<400 {
      let ids = sequence(512, UInt64(number))
      let masked = masking.apply(to: ids, step: UInt32(number / 96), sequence: UInt32(number % 96))
      total += ids.count
      for (i, label) in masked.labels.enumerated() {
        guard label != TokenLabel.ignored else {
          XCTAssertEqual(masked.ids[i], ids[i])
          continue
        }
        XCTAssertEqual(label, ids[i])
        chosen += 1
        if masked.ids[i] == tokenIDs.mask {
          mask += 1
        } else if masked.ids[i] == ids[i] {
          kept += 1
        } else {
          random += 1
          XCTAssertTrue(tokenIDs.ordinary.contains(masked.ids[i]))
        }
      }
    }
    assertShare(chosen, of: total, is: 0.15)
    assertShare(mask, of: chosen, is: 0.8)
    let same = 0.1 / Double(tokenIDs.ordinary.count)  // a random token that happens to be the true one
    assertShare(kept, of: chosen, is: 0.1 + same)
    assertShare(random, of: chosen, is: 0.1 - same)
  }

  /// The random tokens fill their range evenly: χ² of 16 cells, 15 degrees of freedom, below 44.3 but once in 10,000 seeds.
  func testRandomTokensAreUniform() {
    let few = TokenIDs(vocabularySize: 8 + 16)
    let masking = Masking(seed: 5, probability: 1, tokenIDs: few)
    var cells = [Int](repeating: 0, count: few.ordinary.count)
    for number in 0..<1000 {
      // The true token is set apart: it is also what stays.
      for id in masking.apply(
        to: [Int32](repeating: few.ordinary.lowerBound, count: 100), step: 0, sequence: UInt32(number)
      ).ids
      where few.ordinary.contains(id) { cells[Int(id - few.ordinary.lowerBound)] += 1 }
    }
    let others = cells.dropFirst()
    let mean = Double(others.reduce(0, +)) / Double(others.count)
    XCTAssertLessThan(others.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) / mean }, 44.3)
  }

  func testSpecialTokensAreNeverChosen() {
    let masking = Masking(seed: 2, probability: 1, tokenIDs: tokenIDs)
    let special: [Int32] = [0, 1, 2, 3, 4, 5, 6, tokenIDs.mask]
    let masked = masking.apply(to: special, step: 1, sequence: 2)
    XCTAssertEqual(masked.ids, special)
    XCTAssertEqual(masked.labels, [Int32](repeating: -100, count: special.count))
    XCTAssertTrue(masking.apply(to: sequence(100, 1), step: 1, sequence: 2).labels.allSatisfy { $0 >= 7 })
    XCTAssertEqual(masking.apply(to: [], step: 1, sequence: 2).ids, [])
    let none = Masking(seed: 2, probability: 0, tokenIDs: tokenIDs).apply(to: sequence(100, 1), step: 1, sequence: 2)
    XCTAssertEqual(none.ids, sequence(100, 1))
  }

  func testADrawFollowsFromSeedStepSequenceAndPositionAlone() {
    let ids = sequence(512, 9)
    let masking = Masking(seed: 1, tokenIDs: tokenIDs)
    func labels(_ seed: UInt64, _ step: UInt32, _ sequence: UInt32) -> [Int32] {
      Masking(seed: seed, tokenIDs: tokenIDs).apply(to: ids, step: step, sequence: sequence).labels
    }
    XCTAssertEqual(labels(1, 2, 3), masking.apply(to: ids, step: 2, sequence: 3).labels)
    XCTAssertEqual(
      Array(labels(1, 2, 3).prefix(100)), masking.apply(to: Array(ids.prefix(100)), step: 2, sequence: 3).labels)
    for other in [labels(2, 2, 3), labels(1, 3, 3), labels(1, 2, 4), labels(1, Masking.validationStep, 3)] {
      XCTAssertNotEqual(other, labels(1, 2, 3))
    }
  }

  /// Choices of neighbours in position, sequence and step are independent: each pair chosen together 2.25 % of the time.
  func testNeighboursAreIndependent() {
    let masking = Masking(seed: 21, tokenIDs: tokenIDs)
    let ids = sequence(512, 3)
    func chosen(_ step: UInt32, _ number: UInt32) -> [Bool] {
      masking.apply(to: ids, step: step, sequence: number).labels.map { $0 != TokenLabel.ignored }
    }
    var (position, sequence, step) = (0, 0, 0)
    for number: UInt32 in 0..<200 {
      let here = chosen(0, number)
      position += zip(here, here.dropFirst()).filter { $0 && $1 }.count
      sequence += zip(here, chosen(0, number + 1000)).filter { $0 && $1 }.count
      step += zip(here, chosen(1, number)).filter { $0 && $1 }.count
    }
    assertShare(position, of: 200 * 511, is: 0.0225)
    assertShare(sequence, of: 200 * 512, is: 0.0225)
    assertShare(step, of: 200 * 512, is: 0.0225)
  }
}

final class SampleOrderTests: XCTestCase {
  func testEveryEpochTakesEverySampleOnce() throws {
    for count in [1, 2, 3, 7, 1000] {
      let order = try SampleOrder(count: count, seed: 1, purpose: .blockOrder)
      for epoch in 0..<4 {
        XCTAssertEqual(order.samples(epoch * count..<(epoch + 1) * count).sorted(), Array(0..<count))
      }
    }
    let order = try SampleOrder(count: 1000, seed: 1, purpose: .blockOrder)
    XCTAssertNotEqual(order.samples(0..<1000), order.samples(1000..<2000))
  }

  func testABatchMayReachOverEpochs() throws {
    let order = try SampleOrder(count: 5, seed: 8, purpose: .sentenceOrder)
    let again = try SampleOrder(count: 5, seed: 8, purpose: .sentenceOrder)
    let batch = order.samples(3..<21)
    XCTAssertEqual(batch, (3..<21).map { again.sample(at: $0) })
    XCTAssertEqual(batch.reversed(), (3..<21).reversed().map { again.sample(at: $0) }, "from wherever one looks")
  }

  func testNoSampleIsAnError() {
    XCTAssertThrowsError(try SampleOrder(count: 0, seed: 1, purpose: .blockOrder)) {
      XCTAssertEqual($0 as? CorpusError, .noSamples(purpose: "blockOrder"))
    }
  }
}

final class SlicesTests: XCTestCase {
  private func batch(_ lengths: [Int]) -> [TokenSequence] {
    lengths.enumerated().map { number, length in
      TokenSequence(
        ids: (0..<Int32(length)).map { $0 + 7 }, labels: (0..<length).map { $0 % 3 == 0 ? 1 : TokenLabel.ignored },
        number: UInt32(number))
    }
  }

  func testSlicesAreConsecutiveAndWithinTheirSize() {
    var random = SeededNumbers(seed: 12)
    for _ in 0..<200 {
      let lengths = (0..<Int.random(in: 0...50, using: &random)).map { _ in Int.random(in: 0...300, using: &random) }
      let slices = Slices.cut(batch(lengths), largestTokenCount: 256)
      XCTAssertEqual(slices.flatMap(\.sequences), batch(lengths))
      XCTAssertEqual(slices.map(\.index), Array(slices.indices))
      for slice in slices {
        XCTAssertTrue(slice.tokenCount <= 256 || slice.sequences.count == 1)
        XCTAssertEqual(slice.tokenCount, slice.sequences.reduce(0) { $0 + $1.ids.count })
        XCTAssertEqual(slice.labelledTokenCount, slice.sequences.flatMap(\.labels).filter { $0 != -100 }.count)
      }
      for (a, b) in zip(slices, slices.dropFirst()) {
        XCTAssertGreaterThan(
          a.tokenCount + b.sequences[0].ids.count, 256, "a slice ends only where the next one would not fit")
      }
    }
    XCTAssertEqual(Slices.cut([], largestTokenCount: 1), [])
    XCTAssertEqual(
      Slices.cut(batch([512, 512, 512, 512, 512]), largestTokenCount: 1024).map(\.sequences.count), [2, 2, 1])
  }

  func testEverySliceIsDealtOnce() {
    var random = SeededNumbers(seed: 13)
    for rankCount in [1, 2, 3, 7, 40] {
      let lengths = (0..<30).map { _ in Int.random(in: 1...512, using: &random) }
      let slices = Slices.cut(batch(lengths), largestTokenCount: 600)
      let dealt = Slices.deal(slices, rankCount: rankCount)
      XCTAssertEqual(dealt.count, rankCount)
      XCTAssertEqual(dealt.flatMap { $0 }.sorted(), Array(slices.indices))
      XCTAssertTrue(dealt.allSatisfy { $0 == $0.sorted() })
      XCTAssertEqual(dealt, Slices.deal(slices, rankCount: rankCount))
    }
    XCTAssertEqual(Slices.deal([], rankCount: 3), [[], [], []])
  }

  /// Graham's bound: the last slice of the fullest rank came when that rank was below the mean of the others' cost, so
  /// that no rank is above the mean by more than (1 - 1/ranks) of the costliest slice.
  func testRanksAreBalancedByCost() {
    var random = SeededNumbers(seed: 14)
    for _ in 0..<100 {
      let lengths = (0..<96).map { _ in Int.random(in: 5...512, using: &random) }
      let slices = Slices.cut(batch(lengths), largestTokenCount: 1024)
      for rankCount in [2, 3, 4, 8] {
        let loads = Slices.deal(slices, rankCount: rankCount).map { $0.reduce(0) { $0 + slices[$1].cost } }
        let mean = Double(loads.reduce(0, +)) / Double(rankCount)
        let costliest = Double(slices.map(\.cost).max()!)
        XCTAssertLessThanOrEqual(Double(loads.max()!), mean + (1 - 1 / Double(rankCount)) * costliest)
      }
    }
    let even = Slices.cut(batch([Int](repeating: 512, count: 96)), largestTokenCount: 512)
    XCTAssertEqual(Slices.deal(even, rankCount: 8).map(\.count), [Int](repeating: 12, count: 8))
  }

  /// The time until the last rank is done.
  private func time(_ dealt: [[Int]], _ costs: [Int], _ paces: [RankPace]) -> Double {
    zip(dealt, paces).map { slices, pace in
      pace.secondsBeside + slices.reduce(0) { $0 + Double(costs[$1]) } * pace.secondsPerCost
    }.max() ?? 0
  }

  /// Every way to deal, of few slices.
  private func shortest(_ costs: [Int], _ paces: [RankPace]) -> Double {
    let ways = (0..<costs.count).reduce(1) { product, _ in product * paces.count }
    return (0..<ways).map { way in
      var (rest, dealt) = (way, [[Int]](repeating: [], count: paces.count))
      for slice in costs.indices {
        dealt[rest % paces.count].append(slice)
        rest /= paces.count
      }
      return time(dealt, costs, paces)
    }.min() ?? 0
  }

  /// Friesen's bound for the costliest first on machines of unlike speed: 5/3 of the best.
  func testUnlikeRanksAreDoneNearlyAsEarlyAsTheyCanBe() {
    var random = SeededNumbers(seed: 15)
    for rankCount in [2, 3] {
      for _ in 0..<40 {
        let costs = (0..<7).map { _ in Int.random(in: 1...100, using: &random) }
        let paces = (0..<rankCount).map { _ in RankPace(secondsPerCost: Double.random(in: 0.2...1, using: &random)) }
        let dealt = Slices.deal(costs: costs, paces: paces)
        XCTAssertEqual(dealt.flatMap { $0 }.sorted(), Array(costs.indices))
        XCTAssertLessThanOrEqual(time(dealt, costs, paces), shortest(costs, paces) * 5 / 3 + 1e-9)
      }
    }
    let slow = [RankPace.same, RankPace(secondsPerCost: 3)]
    XCTAssertEqual(Slices.deal(costs: [Int](repeating: 1, count: 16), paces: slow).map(\.count), [12, 4])
    let late = [RankPace.same, RankPace(secondsPerCost: 1, secondsBeside: 4)]
    XCTAssertEqual(Slices.deal(costs: [Int](repeating: 1, count: 16), paces: late).map(\.count), [10, 6])
  }
}
