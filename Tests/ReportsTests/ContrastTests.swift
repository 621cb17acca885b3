import Reports
import TestSupport
import XCTest

/// The bootstrap of a contrast against closed forms, and in simulation.
final class ContrastTests: XCTestCase {
  private func counts(_ right: [Int], words: Int = 100) -> DocumentCounts {
    DocumentCounts(right.enumerated().map { (identifier: "d\($0)", hits: $1, predicted: words, gold: words) })
  }

  /// Documents that are all alike leave the spread of seeds alone: SE² = s²(pair differences)/n, which the draws meet.
  func testSeedsAloneGiveTheErrorOfAPairedMean() throws {
    let (treated, plain) = ([62, 66, 64, 71], [60, 61, 63, 60])
    let contrast = try Contrast(
      treated: treated.enumerated().map {
        .init(trunk: 0, head: $0, counts: counts([Int](repeating: $1, count: 5)))
      },
      plain: plain.enumerated().map { .init(trunk: 0, head: $0, counts: counts([Int](repeating: $1, count: 5))) })
    let result = HierarchicalBootstrap(drawCount: 40_000).result(contrast, name: 1)
    XCTAssertEqual(result.difference, 0.0475, accuracy: 1e-12)
    let differences = zip(treated, plain).map { Double($0 - $1) / 100 }
    let error = (sampleVariance(differences) / 4).squareRoot()
    XCTAssertEqual(result.degreesOfFreedom, 3, accuracy: 1e-9)
    XCTAssertEqual(result.halfWidth, 3.182446305284263 * error, accuracy: 0.02 * error)
    // The paired t test's own p, of t = D/SE with 3 degrees.
    let p = StudentT(degreesOfFreedom: 3).twoSidedTail(0.0475 / error)
    XCTAssertEqual(try XCTUnwrap(result.p), p, accuracy: 0.05 * p)
  }

  /// One run an arm, documents of equal length: SE² = s²(differences by document)/n, and no test.
  func testOneSeedIsAnIntervalOverDocumentsAndNoTest() throws {
    var random = SeededNumbers(seed: 5)
    let a = (0..<50).map { _ in 60 + random.below(20) }
    let b = (0..<50).map { _ in 55 + random.below(25) }
    let contrast = try Contrast(
      treated: [.init(trunk: 1, head: 1, counts: counts(a))], plain: [.init(trunk: 0, head: 1, counts: counts(b))])
    let result = HierarchicalBootstrap(drawCount: 20_000).result(contrast, name: 2)
    XCTAssertNil(result.p)
    let differences = zip(a, b).map { Double($0 - $1) / 100 }
    let error = (sampleVariance(differences) / 50).squareRoot()
    XCTAssertEqual(result.halfWidth, 2.009575237129235 * error, accuracy: 0.04 * error)
  }

  /// A single run without a first stage has a seed too: its spread is taken from the trunks, as in a pooled t test.
  func testASingleRunOfTheSecondArmCountsAsOneOfTheFirst() throws {
    let treated = [62, 66, 70]
    let contrast = try Contrast(
      treated: treated.enumerated().map {
        .init(trunk: $0, head: 1, counts: counts([Int](repeating: $1, count: 4)))
      }, plain: [.init(trunk: 0, head: 1, counts: counts([Int](repeating: 60, count: 4)))])
    let result = HierarchicalBootstrap(drawCount: 40_000).result(contrast, name: 3)
    let error = (sampleVariance([0.62, 0.66, 0.70]) * (1.0 / 3 + 1)).squareRoot()
    XCTAssertEqual(result.halfWidth, 4.302652729749464 * error, accuracy: 0.02 * error)
  }

  /// Both arms have a first stage of the same seeds: a paired mean over trunks, in which what a trunk brings to both
  /// cancels, SE² = s²(differences)/n.
  func testArmsWithTrunksArePairedByTrunk() throws {
    let (treated, plain) = ([62, 71, 80], [60, 66, 76])
    func runs(_ right: [Int]) -> [Contrast.Run] {
      right.enumerated().map { .init(trunk: $0, head: 1, counts: counts([Int](repeating: $1, count: 4))) }
    }
    // The order of runs does not matter, and a trunk of one arm alone is left out.
    let others = runs(plain + [99]).reversed()
    let contrast = try Contrast(treated: runs(treated), plain: Array(others), isPairedByTrunk: true)
    XCTAssertEqual(contrast.pairCount, 3)
    let result = HierarchicalBootstrap(drawCount: 40_000).result(contrast, name: 3)
    let differences = zip(treated, plain).map { Double($0 - $1) / 100 }
    XCTAssertEqual(result.difference, 0.11 / 3, accuracy: 1e-12)
    let error = (sampleVariance(differences) / 3).squareRoot()
    XCTAssertEqual(result.halfWidth, 4.302652729749464 * error, accuracy: 0.02 * error)
    XCTAssertThrowsError(try Contrast(treated: runs([1]), plain: [], isPairedByTrunk: true)) {
      XCTAssertEqual($0 as? Contrast.Refusal, .noPairs)
    }
  }

  func testOnlyPairsOfOneHeadSeedAndTheSameDocumentsAreCompared() throws {
    let run = { (trunk: Int, head: Int, right: [Int]) in
      Contrast.Run(trunk: trunk, head: head, counts: self.counts(right))
    }
    let contrast = try Contrast(
      treated: [run(1, 1, [50, 50]), run(1, 2, [90, 90]), run(2, 1, [70, 70])], plain: [run(0, 1, [40, 40])])
    XCTAssertEqual(contrast.pairCount, 2)
    XCTAssertEqual(HierarchicalBootstrap(drawCount: 50).result(contrast, name: 4).difference, 0.2, accuracy: 1e-12)
    XCTAssertThrowsError(try Contrast(treated: [run(1, 2, [5])], plain: [run(0, 1, [5])])) {
      XCTAssertEqual($0 as? Contrast.Refusal, .noPairs)
    }
    XCTAssertThrowsError(try Contrast(treated: [run(1, 1, [5])], plain: [run(0, 1, [5, 6])])) {
      XCTAssertEqual($0 as? Contrast.Refusal, .otherDocuments)
    }
  }

  func testDocumentsInAnotherOrderAreTheSameDocuments() throws {
    let a = DocumentCounts([("x", 1, 2, 3), ("y", 4, 5, 6)])
    let b = DocumentCounts([("y", 4, 5, 6), ("x", 1, 2, 3)])
    XCTAssertEqual(b.ordered(as: a.identifiers), a)
    XCTAssertEqual(a.score, 10.0 / 16, accuracy: 1e-15)
    XCTAssertEqual(DocumentCounts([("x", 0, 0, 0)]).score, 0)
  }

  func testTheSameDataGiveTheSameBits() throws {
    let contrast = try made(trunks: 2, heads: 2, spread: (0.02, 0.01, 0.01), difference: 0.03, seed: 9)
    let first = HierarchicalBootstrap(drawCount: 300).result(contrast, name: 5)
    XCTAssertEqual(first, HierarchicalBootstrap(drawCount: 300).result(contrast, name: 5))
    XCTAssertNotEqual(first.halfWidth, HierarchicalBootstrap(drawCount: 300).result(contrast, name: 6).halfWidth)
  }

  /// A missing run in a crossed design is left out, and no draw comes out empty.
  func testAMissingRunIsLeftOut() throws {
    let run = { (trunk: Int, head: Int, right: Int) in
      Contrast.Run(trunk: trunk, head: head, counts: self.counts([right, right]))
    }
    let contrast = try Contrast(
      treated: [run(1, 1, 60), run(2, 2, 70)], plain: [run(0, 1, 50), run(0, 2, 50)])
    let result = HierarchicalBootstrap(drawCount: 500).result(contrast, name: 7)
    XCTAssertEqual(result.difference, 0.15, accuracy: 1e-12)
    XCTAssertTrue(result.halfWidth.isFinite && result.halfWidth > 0)
  }

  // MARK: Simulation

  /// A made contrast of a known true difference; spreads of trunks, heads (each arm's own) and single runs.
  private func made(
    trunks: Int, heads: Int, spread: (trunk: Double, head: Double, run: Double), difference: Double, seed: UInt64,
    documents: Int = 30, words: Int = 60
  ) throws -> Contrast {
    var random = SeededNumbers(seed: seed)
    let ease = (0..<documents).map { _ in 0.05 * random.normal() }
    let response = (0..<documents).map { _ in 0.05 * random.normal() }
    let ofTrunk = (0..<trunks).map { _ in spread.trunk * random.normal() }
    let ofHead = (0..<heads).map { _ in spread.head * random.normal() }
    func run(_ trunk: Int, _ head: Int, _ rate: Double, responds: Bool) -> Contrast.Run {
      let right = (0..<documents).map { document -> Int in
        let p = rate + ease[document] + (responds ? response[document] : 0)
        // A normal stands in for the binomial, which takes long to draw.
        let value = Double(words) * p + (Double(words) * p * (1 - p)).squareRoot() * random.normal()
        return Int(min(max(value.rounded(), 0), Double(words)))
      }
      return .init(trunk: trunk, head: head, counts: counts(right, words: words))
    }
    var treated: [Contrast.Run] = []
    for trunk in 0..<trunks {
      for head in 0..<heads {
        let rate = 0.6 + difference + ofTrunk[trunk] + ofHead[head] + spread.run * random.normal()
        treated.append(run(trunk, head, rate, responds: true))
      }
    }
    let plain = (0..<heads).map { head in
      run(0, head, 0.6 + ofHead[head] + spread.run * random.normal(), responds: false)
    }
    return try Contrast(treated: treated, plain: plain)
  }

  /// The 95 % interval holds the true difference in 92 to 98 of a hundred made studies, for the designs that people
  /// run.
  func testTheIntervalHoldsTheTruth() throws {
    let bootstrap = HierarchicalBootstrap(drawCount: 200)
    for (trunks, heads, spread) in [
      (1, 3, (0.0, 0.0, 0.02)), (3, 1, (0.005, 0.0, 0.02)), (3, 3, (0.02, 0.01, 0.01)), (1, 5, (0.0, 0.02, 0.01)),
    ] {
      var held = 0
      let studies = 700
      for study in 0..<studies {
        let contrast = try made(
          trunks: trunks, heads: heads, spread: spread, difference: 0.04, seed: UInt64(study * 31 + trunks * 7 + heads))
        let result = bootstrap.result(contrast, name: UInt64(study))
        if abs(result.difference - 0.04) <= result.halfWidth { held += 1 }
      }
      let share = Double(held) / Double(studies)
      print("coverage, \(trunks) × \(heads) seeds: \(share)")
      XCTAssertTrue((0.92...0.98).contains(share), "\(trunks) × \(heads) seeds: \(share)")
    }
  }

  /// Families of contrasts in which nothing is true, with the α chosen among several by runs that did well by chance: a
  /// false claim anywhere in under 5 of a hundred families.
  func testFalseClaimsAnywhereInAFamilyAreRare() throws {
    let bootstrap = HierarchicalBootstrap(drawCount: 120)
    for (trunks, heads) in [(1, 3), (3, 1)] {
      var (claims, uncorrected) = (0, 0)
      let families = 300
      for family in 0..<families {
        var values: [Double] = []
        for contrast in 0..<4 {
          let offers = try (0..<3).map { alpha in
            let seed = UInt64(family * 97 + contrast * 13 + alpha * 1009 + trunks)
            return try bootstrap.result(
              made(
                trunks: trunks, heads: heads, spread: (0.01, 0, 0.02), difference: 0, seed: seed, documents: 20),
              name: seed)
          }
          // Validation agrees with test wholly: the hardest case.
          let best = try XCTUnwrap(offers.max { $0.difference < $1.difference })
          let p = try XCTUnwrap(best.p)
          values.append(PlannedContrast.pOfChoice(p, among: 3))
          if p < 0.05 { uncorrected += 1 }
        }
        if holmAdjusted(values).contains(where: { $0 <= 0.05 }) { claims += 1 }
      }
      print("families with a false claim, \(trunks) × \(heads) seeds: \(claims) of \(families)")
      XCTAssertLessThan(Double(claims) / Double(families), 0.05)
      // The correction is needed: single tests of a chosen α are wrong more often than they say.
      XCTAssertGreaterThan(Double(uncorrected) / Double(4 * families), 0.05)
    }
  }
}
