import Base
import Foundation

/// The state of one quantizer site.
public struct SiteReport: Sendable, Equatable {
  /// The run's step after which it was read.
  public var globalStep: Int
  /// The site's name in a checkpoint, without ".step": "roberta.encoder.layer.0.output.dense.weight_quantizer".
  public var site: String
  /// The learned step size (for absmean weights their γ); the mean where rows or tokens have their own.
  public var stepSize: Double
  /// The step over the root mean square of what is quantized.
  public var stepOverRMS: Double
  /// The shares of the site's values below the grid's lowest level and above its highest: 0 to 1.
  public var clippedBelow: Double
  public var clippedAbove: Double
  /// The levels that came, of those that the grid has.
  public var codesInUse: Int
  public var levelCount: Int
  /// Of the codes, in bits.
  public var entropy: Double
  /// How often each level came, from the lowest on; empty where there are more than `mostCountedLevels`.
  public var levelCounts: [Int]
  /// The lowest level, in steps: −2 of 2 bits.
  public var lowestLevel: Double
  /// Of weights and tables; nil of activations.
  public var rows: Rows?

  /// Grids of more levels are not counted level by level: a line would be long, and nobody looks.
  public static let mostCountedLevels = 64

  /// What is said of the rows of a matrix or table.
  public struct Rows: Sendable, Equatable {
    public var count: Int
    /// Rows whose codes are all the same.
    public var deadCount: Int
    /// The share of codes that are others than at the report before; nil where there was none on this grid.
    public var changedShare: Double?

    /// All fields, in order.
    public init(count: Int, deadCount: Int, changedShare: Double? = nil) {
      (self.count, self.deadCount, self.changedShare) = (count, deadCount, changedShare)
    }
  }

  /// The share of the site's values beyond the grid's ends: 0 to 1.
  public var clippedShare: Double { clippedBelow + clippedAbove }

  /// What is lost of the site, 0 to 1: the largest of the share of its values that are clipped, the share of the grid's bits
  /// that its codes do not carry, and the share of its rows that are dead.
  public var lostShare: Double {
    let bits = log2(Double(max(levelCount, 2)))
    let deadShare = rows.map { Double($0.deadCount) / Double(max($0.count, 1)) } ?? 0
    return max(clippedShare, 1 - entropy / bits, deadShare)
  }

  /// All fields, in order.
  public init(
    globalStep: Int, site: String, stepSize: Double, stepOverRMS: Double, clippedBelow: Double, clippedAbove: Double,
    codesInUse: Int, levelCount: Int, entropy: Double, lowestLevel: Double = 0, levelCounts: [Int] = [],
    rows: Rows? = nil
  ) {
    (self.globalStep, self.site, self.stepSize, self.stepOverRMS) = (globalStep, site, stepSize, stepOverRMS)
    (self.clippedBelow, self.clippedAbove) = (clippedBelow, clippedAbove)
    (self.codesInUse, self.levelCount, self.entropy, self.rows) = (codesInUse, levelCount, entropy, rows)
    self.lowestLevel = lowestLevel
    self.levelCounts = levelCounts.count <= SiteReport.mostCountedLevels ? levelCounts : []
  }
}

/// As a line of `metrics.jsonl`.
extension SiteReport {
  func add(to fields: inout JSONFields) {
    fields.add("site", site)
    fields.add("step_size", stepSize)
    fields.add("step_over_rms", stepOverRMS)
    fields.add("clipped_share", clippedShare)
    fields.add("clipped_below", clippedBelow)
    fields.add("clipped_above", clippedAbove)
    fields.add("codes", codesInUse)
    fields.add("levels", levelCount)
    fields.add("entropy_bits", entropy)
    if !levelCounts.isEmpty {
      fields.add("lowest_level", lowestLevel)
      fields["level_counts"] = .array(levelCounts.map(JSONNode.integer))
    }
    guard let rows else { return }
    fields.add("rows", rows.count)
    fields.add("dead_rows", rows.deadCount)
    if let changed = rows.changedShare { fields.add("changed_share", changed) }
  }

  /// The report in a record; nil where it is of another kind, or of an earlier build that said less.
  public init?(_ record: MetricsRecord) {
    func count(_ key: String) -> Int? { record.double(key).flatMap { Int(exactly: $0) } }
    guard record.kind == "site", let site = record.string("site"), let step = record.double("step_size"),
      let relative = record.double("step_over_rms"), let below = record.double("clipped_below"),
      let above = record.double("clipped_above"), let codes = count("codes"), let levels = count("levels"),
      let entropy = record.double("entropy_bits")
    else { return nil }
    var rows: Rows?
    if let all = count("rows"), let dead = count("dead_rows") {
      rows = Rows(count: all, deadCount: dead, changedShare: record.double("changed_share"))
    }
    self.init(
      globalStep: record.globalStep, site: site, stepSize: step, stepOverRMS: relative, clippedBelow: below,
      clippedAbove: above, codesInUse: codes, levelCount: levels, entropy: entropy,
      lowestLevel: record.double("lowest_level") ?? 0,
      levelCounts: (record.array("level_counts") ?? []).compactMap(\.integer), rows: rows)
  }

  /// As TensorBoard shows it.
  var scalars: [(tag: String, value: Double)] {
    var scalars: [(String, Double)] = [
      ("step_size", stepSize), ("step_over_rms", stepOverRMS), ("clipped_share", clippedShare),
      ("clipped_below", clippedBelow), ("clipped_above", clippedAbove), ("codes", Double(codesInUse)),
      ("entropy_bits", entropy),
    ]
    if let rows { scalars.append(("dead_rows", Double(rows.deadCount))) }
    if let changed = rows?.changedShare { scalars.append(("changed_share", changed)) }
    return scalars.map { (tag: $0.0 + "/" + site, value: $0.1) }
  }
}
