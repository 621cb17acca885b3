import Compute

/// The first step by squared error: of 200 candidates, evenly from 0.01 to 1.2 times max|x|/|n|, the one with the least sum of
/// (value − x)²; of equal ones the smallest. With an offset β, x − β stands for x in the maximum.
///
/// Errors of rows are added up by the caller, in pieces of its own.
public struct StepSearch: Sendable {
  public static let candidateCount = 200
  private let grids: [LevelGrid]

  /// - Parameters:
  ///   - largest: max|x − β|.
  ///   - offset: β.
  public init(_ rule: QuantizerRule, largest: Float, offset: Float = 0) {
    let (first, last) = (0.01, 1.2)
    grids = (0..<StepSearch.candidateCount).map { k in
      let factor = first + (last - first) * Double(k) / Double(StepSearch.candidateCount - 1)
      let step = max(Float(factor * Double(largest) / Double(-rule.n)), StepInitialisation.smallestStep)
      return LevelGrid(rule, step: step, offset: offset)
    }
  }

  /// Adds each candidate's squared error over a row.
  /// - Parameters:
  ///   - sums: `candidateCount` of them.
  ///   - scratch: `count` floats.
  public func addErrors(
    _ x: UnsafePointer<Float>, _ count: Int, to sums: UnsafeMutablePointer<Double>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    for (k, grid) in grids.enumerated() {
      grid.errors(x, into: scratch, count)
      sums[k] += Double(rowDot(scratch, scratch, count))
    }
  }

  /// The candidate with the least error.
  /// - Parameter pieces: `[pieces, candidateCount]`, added up in their order.
  public func best(_ pieces: [Double]) -> Float {
    var sums = Array(pieces.prefix(grids.count))
    for i in pieces.indices.dropFirst(grids.count) { sums[i % grids.count] += pieces[i] }
    var best = 0
    for k in 1..<grids.count where sums[k] < sums[best] { best = k }
    return grids[best].step
  }
}
