import Compute
import Foundation

/// The bootstrap of a contrast over its levels: trunks, head seeds, documents (docs/reports.md, "Differences").
///
/// Each draw takes trunks, head seeds and documents with replacement, each level once for all runs: the levels cross
/// (the same head seeds with every trunk, the same documents for all runs). Of n members n − 1 are drawn, which makes
/// the variance of a mean over n come out right for few n (Rao and Wu, JASA 83, 1988); n draws of three seeds would
/// give two thirds of it. What two levels bring only together is in the variance of either, and is taken out once, as
/// by Cameron, Gelbach and Miller (Journal of Business & Economic Statistics 29, 2011).
///
/// The interval is D ± t(ν)·SE: percentiles of three seeds cannot reach 95 %. ν is Satterthwaite's.
package struct HierarchicalBootstrap: Sendable {
  /// Draws a contrast.
  package let drawCount: Int
  /// Draws are keyed by seed, contrast, draw and place, so that the same data give the same bytes everywhere.
  package let seed: UInt64

  package init(drawCount: Int = 10_000, seed: UInt64 = 0x5EED) { (self.drawCount, self.seed) = (drawCount, seed) }

  /// The contrast's difference, interval and p value; `name` keys its draws.
  package func result(_ contrast: Contrast, name: UInt64) -> ContrastResult {
    let sums = DocumentSums(contrast)
    let whole = sums.scores(of: nil)
    let spread = draws(contrast, sums, whole, name)
    let (trunks, heads) = (contrast.trunkCount, contrast.headCount)
    // One run in the second arm: its seed's share cannot be seen, and is taken to be that of a run of the first.
    let unseen = contrast.hasOneSharedPartner ? whole.varianceOfARun : 0
    let (ofTrunks, ofHeads) = (trunks > 1 ? whole.trunkVariance : 0, heads > 1 ? whole.headVariance : 0)
    let ofSeeds = max(ofTrunks + ofHeads - spread.ofTrunksWithHeads, ofTrunks, ofHeads)
    let seen = max(ofSeeds + spread.ofDocuments - spread.ofSeedsWithDocuments, ofSeeds, spread.ofDocuments)
    let variance = seen + unseen
    let parts: [(variance: Double, degrees: Int)] = [
      (spread.ofDocuments, contrast.documentCount - 1), (ofTrunks + unseen, trunks - 1), (ofHeads, heads - 1),
    ]
    let t = StudentT(degreesOfFreedom: HierarchicalBootstrap.satterthwaite(variance, parts))
    let (difference, error) = (whole.difference, variance.squareRoot())
    let p = error > 0 ? t.twoSidedTail(difference / error) : difference == 0 ? 1 : 0
    return ContrastResult(
      difference: difference, halfWidth: t.quantile(twoSidedTail: 0.05) * error,
      degreesOfFreedom: t.degreesOfFreedom, p: trunks > 1 || heads > 1 ? p : nil)
  }

  /// v² / Σ vᵢ²/νᵢ for v made of the vᵢ; Satterthwaite, Biometrics Bulletin 2 (1946).
  static func satterthwaite(_ variance: Double, _ parts: [(variance: Double, degrees: Int)]) -> Double {
    let known = parts.filter { $0.degrees > 0 && $0.variance > 0 }
    let least = Double(parts.map(\.degrees).filter { $0 > 0 }.min() ?? 1)
    guard variance > 0, !known.isEmpty else { return least }
    return max(1, variance * variance / known.reduce(0) { $0 + $1.variance * $1.variance / Double($1.degrees) })
  }

  /// What the draws tell of the difference's variance.
  private struct Spread {
    /// Of documents drawn alone.
    var ofDocuments = 0.0
    /// What only trunks and heads drawn together bring; it is in the variance of either.
    var ofTrunksWithHeads = 0.0
    /// The same of seeds and documents.
    var ofSeedsWithDocuments = 0.0
  }

  private func draws(
    _ contrast: Contrast, _ sums: DocumentSums, _ whole: ContrastScores, _ name: UInt64
  ) -> Spread {
    let (trunks, heads) = (contrast.trunkCount, contrast.headCount)
    let (allTrunks, allHeads) = ([Int](repeating: 1, count: trunks), [Int](repeating: 1, count: heads))
    let middle = whole.difference
    var (documents, ofSeeds, ofBoth): ([Double], [Double], [Double]) = ([], [], [])
    let stream = BootstrapStream(seed: seed, name: name)
    for draw in 0..<drawCount {
      let scores = sums.scores(of: stream.picks(contrast.documentCount, draw, level: 0))
      let byDocuments = scores.difference
      documents.append(byDocuments)
      // Where runs are missing, a draw can hit none; the next attempt is as good.
      for attempt in 0..<64 {
        let trunkWeights = stream.weights(trunks, draw, level: 1 + 2 * attempt)
        let headWeights = stream.weights(heads, draw, level: 2 + 2 * attempt)
        guard let bySeeds = whole.difference(trunkWeights: trunkWeights, headWeights: headWeights),
          let byAll = scores.difference(trunkWeights: trunkWeights, headWeights: headWeights)
        else { continue }
        ofBoth.append(byAll - bySeeds - byDocuments + middle)
        guard trunks > 1, heads > 1,
          let byTrunks = whole.difference(trunkWeights: trunkWeights, headWeights: allHeads),
          let byHeads = whole.difference(trunkWeights: allTrunks, headWeights: headWeights)
        else { break }
        ofSeeds.append(bySeeds - byTrunks - byHeads + middle)
        break
      }
    }
    return Spread(
      ofDocuments: sampleVariance(documents), ofTrunksWithHeads: sampleVariance(ofSeeds),
      ofSeedsWithDocuments: sampleVariance(ofBoth))
  }
}

/// Draws with replacement: `count` − 1 of `count`, or the one there is.
struct BootstrapStream {
  private let philox: Philox

  init(seed: UInt64, name: UInt64) {
    let key = seed ^ name
    philox = Philox(key0: UInt32(truncatingIfNeeded: key), key1: UInt32(truncatingIfNeeded: key >> 32))
  }

  /// Which members were drawn.
  func picks(_ count: Int, _ draw: Int, level: Int) -> [Int32] {
    guard count > 1 else { return [Int32](repeating: 0, count: count) }
    var picks: [Int32] = []
    picks.reserveCapacity(count + 3)
    for block in 0..<(count + 2) / 4 {
      let bits = philox.draw(UInt32(draw), UInt32(level), UInt32(block), 0)
      for lane in 0..<4 { picks.append(Int32((UInt64(bits[lane]) * UInt64(count)) >> 32)) }
    }
    picks.removeLast(picks.count - (count - 1))
    return picks
  }

  /// How often each member was drawn.
  func weights(_ count: Int, _ draw: Int, level: Int) -> [Int] {
    var weights = [Int](repeating: 0, count: count)
    for pick in picks(count, draw, level: level) { weights[Int(pick)] += 1 }
    return weights
  }
}

/// Sums of counts over chosen documents, all runs at a time.
struct DocumentSums {
  /// Where a pair's runs stand among all.
  private struct Place {
    let treated: Int
    let plain: Int
  }

  /// By [trunk][head].
  private var places: [[Place?]] = []
  private let runCount: Int
  private let documentCount: Int
  /// [document][run][2·hits, predicted + gold].
  private var counts: [Int32] = []

  init(_ contrast: Contrast) {
    var runs = contrast.plain
    for row in contrast.pairs {
      places.append(
        row.map { pair in
          pair.map {
            runs.append($0.treated)
            return Place(treated: runs.count - 1, plain: $0.partner)
          }
        })
    }
    (runCount, documentCount) = (runs.count, contrast.documentCount)
    counts = [Int32](repeating: 0, count: 2 * runs.count * contrast.documentCount)
    for (run, of) in runs.enumerated() {
      for document in 0..<contrast.documentCount {
        counts[2 * (document * runs.count + run)] = of.doubledHits[document]
        counts[2 * (document * runs.count + run) + 1] = of.totals[document]
      }
    }
  }

  /// The scores over the documents `picked`, one as often as it is there; all of them where that is nil.
  func scores(of picked: [Int32]?) -> ContrastScores {
    var sums = [Int](repeating: 0, count: 2 * runCount)
    let width = 2 * runCount
    counts.withUnsafeBufferPointer { counts in
      sums.withUnsafeMutableBufferPointer { sums in
        func add(_ document: Int) {
          let row = counts.baseAddress! + document * width
          for i in 0..<width { sums[i] &+= Int(row[i]) }
        }
        if let picked {
          for document in picked { add(Int(document)) }
        } else {
          for document in 0..<documentCount { add(document) }
        }
      }
    }
    let scores = (0..<runCount).map { DocumentCounts.score(sums[2 * $0], sums[2 * $0 + 1]) }
    return ContrastScores(
      pairs: places.map { $0.map { $0.map { .init(treated: scores[$0.treated], plain: scores[$0.plain]) } } })
  }
}
