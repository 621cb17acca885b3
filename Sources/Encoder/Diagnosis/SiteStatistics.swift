import Foundation
import Quantization

/// What one quantizer site makes of what it is given, at one look.
public struct SiteStatistics: Sendable, Equatable {
  /// Its name in a checkpoint, without ".step".
  public var site: String
  /// The learned step, or γ; the mean where rows or tokens have their own.
  public var stepSize: Float
  /// The step over √(mean x²) of what is quantized.
  public var stepOverRMS: Double
  /// The shares of its values below the grid's lowest level and above its highest.
  public var clippedBelow: Double
  public var clippedAbove: Double
  /// The levels that came, and those that there are.
  public var codesInUse: Int
  public var levelCount: Int
  /// −Σ share·log₂(share) over the levels, in bits.
  public var entropy: Double
  /// Every value comes out as one level though the values are not all the same.
  public var isCollapsed: Bool
  /// How often each level came, from the lowest on.
  public var histogram: LevelHistogram?
  /// Of weights and tables; nil of activations.
  public var rows: Rows?

  /// What is said of the rows of a matrix or table.
  public struct Rows: Sendable, Equatable {
    public var count: Int
    /// Rows whose codes are all the same.
    public var deadCount: Int
    /// The share of all codes that are others than at the last look; nil where there was none on this grid.
    public var changedShare: Double?

    public init(count: Int, deadCount: Int, changedShare: Double?) {
      (self.count, self.deadCount, self.changedShare) = (count, deadCount, changedShare)
    }
  }

  /// The share of its values beyond the grid's ends.
  public var clippedShare: Double { clippedBelow + clippedAbove }

  package init(
    site: String, stepSize: Float, stepOverRMS: Double, clippedBelow: Double, clippedAbove: Double, codesInUse: Int,
    levelCount: Int, entropy: Double, isCollapsed: Bool, histogram: LevelHistogram? = nil, rows: Rows?
  ) {
    (self.site, self.stepSize, self.stepOverRMS) = (site, stepSize, stepOverRMS)
    (self.clippedBelow, self.clippedAbove) = (clippedBelow, clippedAbove)
    (self.codesInUse, self.levelCount, self.entropy) = (codesInUse, levelCount, entropy)
    (self.isCollapsed, self.histogram, self.rows) = (isCollapsed, histogram, rows)
  }

  /// From what was counted of a site on the grid of `rule`.
  init(site: String, stepSize: Float, rule: QuantizerRule, _ tally: CodeTally, rows: Rows? = nil) {
    let total = Double(max(tally.valueCount, 1))
    let shares = tally.counts.filter { $0 > 0 }.map { Double($0) / total }
    self.init(
      site: site, stepSize: stepSize, stepOverRMS: Double(stepSize) / (tally.squareSum / total).squareRoot(),
      clippedBelow: Double(tally.belowCount) / total,
      clippedAbove: Double(tally.clippedCount - tally.belowCount) / total, codesInUse: shares.count,
      levelCount: rule.levelCount, entropy: shares.entropy,
      isCollapsed: shares.count == 1 && tally.hasUnlikeValues,
      histogram: LevelHistogram(
        lowest: rule.lowestLevel, counts: (Int(rule.n)...Int(rule.p)).map { tally.counts[$0 + 128] }),
      rows: rows)
  }
}

extension [Double] {
  /// −Σ p·log₂ p of shares above zero that sum to 1; +0 for a single one.
  package var entropy: Double { reduce(0.0) { $0 - $1 * log2($1) } + 0 }
}
