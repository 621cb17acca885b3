import Compute
import Foundation

/// The bootstrap of a contrast over its levels: trunks, head seeds, documents (docs/reports.md, "Differences").
///
/// Each draw takes trunks, head seeds and documents with replacement, each level once for all runs: the levels cross (the
/// same head seeds with every trunk, the same documents for all runs), and Owen (Annals of Applied Statistics 1, 2007)
/// shows that this errs to the safe side. Of n members n − 1 are drawn, which makes the variance of a mean over n come out
/// right for few n (Rao and Wu, JASA 83, 1988); n draws of three seeds would give two thirds of it.
///
/// The interval is D ± t(ν)·SE with SE from the draws: percentiles of three seeds cannot reach 95 %. ν is Satterthwaite's
/// from the variances that the levels bring each for itself.
package struct HierarchicalBootstrap: Sendable {
  /// Draws a contrast.
  package let drawCount: Int
  /// Draws are keyed by seed, contrast, draw and place, so that the same data give the same bytes everywhere.
  package let seed: UInt64

  package init(drawCount: Int = 10_000, seed: UInt64 = 0x5EED) { (self.drawCount, self.seed) = (drawCount, seed) }

  /// The contrast's difference, interval and p value; `name` keys its draws.
  package func result(_ contrast: Contrast, name: UInt64) -> ContrastResult {
    let whole = DocumentSums(contrast).scores(of: nil)
    let spread = draws(contrast, name)
    let (trunks, heads) = (contrast.trunkCount, contrast.headCount)
    // One run in the second arm: its seed's share cannot be seen, and is taken to be that of a run of the first.
    let unseen = heads == 1 && trunks > 1 ? whole.varianceOfARun : 0
    var parts: [(variance: Double, degrees: Int)] = [(spread.byDocuments, contrast.documentCount - 1)]
    if trunks > 1 { parts.append((whole.trunkVariance + unseen, trunks - 1)) }
    if heads > 1 { parts.append((whole.headVariance, heads - 1)) }
    let error = (spread.byAll + unseen).squareRoot()
    let degrees = HierarchicalBootstrap.satterthwaite(parts)
    let t = StudentT(degreesOfFreedom: degrees)
    let isOverSeeds = trunks > 1 || heads > 1
    let difference = whole.difference
    let p = error > 0 ? t.twoSidedTail(difference / error) : difference == 0 ? 1 : 0
    return ContrastResult(
      difference: difference, halfWidth: t.quantile(twoSidedTail: 0.05) * error, degreesOfFreedom: degrees,
      p: isOverSeeds ? p : nil)
  }

  /// (Σ v)² / Σ v²/ν; Satterthwaite, Biometrics Bulletin 2 (1946).
  static func satterthwaite(_ parts: [(variance: Double, degrees: Int)]) -> Double {
    let known = parts.filter { $0.degrees > 0 }
    let sum = known.reduce(0) { $0 + $1.variance }
    guard sum > 0 else { return Double(known.map(\.degrees).min() ?? 1) }
    return sum * sum / known.reduce(0) { $0 + $1.variance * $1.variance / Double($1.degrees) }
  }

  /// Variances of the difference over draws: of all levels, and of documents alone.
  private func draws(_ contrast: Contrast, _ name: UInt64) -> (byAll: Double, byDocuments: Double) {
    let sums = DocumentSums(contrast)
    var all: [Double] = []
    var documents: [Double] = []
    let stream = BootstrapStream(seed: seed, name: name)
    for draw in 0..<drawCount {
      let scores = sums.scores(of: stream.picks(contrast.documentCount, draw, level: 0))
      documents.append(scores.difference)
      // Where runs are missing, a draw can hit none; the next attempt is as good.
      for attempt in 0..<64 {
        let trunkWeights = stream.weights(contrast.trunkCount, draw, level: 1 + 2 * attempt)
        let headWeights = stream.weights(contrast.headCount, draw, level: 2 + 2 * attempt)
        guard let difference = scores.difference(trunkWeights: trunkWeights, headWeights: headWeights) else {
          continue
        }
        all.append(difference)
        break
      }
    }
    return (sampleVariance(all), sampleVariance(documents))
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
      for lane in 0..<4 { picks.append(Int32(UInt64(bits[lane]) * UInt64(count) >> 32)) }
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
  /// Where the runs stand: [trunk][head], and by head after them.
  private var places: [[Int?]] = []
  private let headCount: Int
  private let runCount: Int
  private let documentCount: Int
  /// [document][run][2·hits, predicted + gold].
  private var counts: [Int32] = []

  init(_ contrast: Contrast) {
    var runs: [DocumentCounts] = []
    for row in contrast.pairs {
      places.append(
        row.map { counts in
          counts.map {
            runs.append($0)
            return runs.count - 1
          }
        })
    }
    runs += contrast.plain
    (runCount, headCount, documentCount) = (runs.count, contrast.headCount, contrast.documentCount)
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
    func score(_ run: Int) -> Double { DocumentCounts.score(sums[2 * run], sums[2 * run + 1]) }
    return ContrastScores(
      treated: places.map { $0.map { $0.map(score) } },
      plain: (0..<headCount).map { score(runCount - headCount + $0) })
  }
}
