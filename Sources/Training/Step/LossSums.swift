import Encoder
import Ranks

/// Sums over slices and ranks that have no order: losses travel as 64-bit fixed point with 40 fractional bits.
package struct LossSums {
  /// Σ cross-entropy with the labels; the parts of a distillation loss.
  private var fixed = [Int64](repeating: 0, count: 4)
  package private(set) var labelledTokenCount: Int64 = 0
  package private(set) var correctCount: Int64 = 0
  /// The first thing that was wrong on this rank (after `overRanks`, on any).
  package var numericFault: String?

  package init() {}

  package var lossSum: Double { value(0) }
  /// Σ cross-entropy with a teacher's softened distribution, times the temperature's square.
  package var softLossSum: Double { value(1) }
  /// The parts that are made on the way back: means over the global batch.
  package var hidden: Double { value(2) }
  package var scores: Double { value(3) }

  private func value(_ index: Int) -> Double { Double(fixed[index]) * 0x1p-40 }

  package mutating func add(_ outcome: SliceOutcome) {
    labelledTokenCount += Int64(outcome.labelledTokenCount)
    correctCount += Int64(outcome.correctCount)
    add(outcome.lossSum, to: 0)
    if outcome.softLossSum != 0 { add(outcome.softLossSum, to: 1) }
  }

  package mutating func add(_ parts: DistillationParts) {
    add(parts.hidden, to: 2)
    add(parts.scores, to: 3)
  }

  private mutating func add(_ sum: Double, to index: Int) {
    let scaled = (sum * 0x1p40).rounded()
    guard abs(scaled) < 0x1p62 else {
      numericFault = numericFault ?? "a slice's loss is \(sum)"
      return
    }
    fixed[index] &+= Int64(scaled)
  }

  /// The sums over all ranks. Collective.
  func overRanks(_ world: World) throws -> LossSums {
    guard world.count > 1 else { return self }
    var values = fixed + [labelledTokenCount, correctCount, numericFault == nil ? 0 : 1]
    try values.withUnsafeMutableBufferPointer { try world.sum($0) }
    var total = LossSums()
    total.fixed = Array(values.prefix(fixed.count))
    (total.labelledTokenCount, total.correctCount) = (values[fixed.count], values[fixed.count + 1])
    if values[fixed.count + 2] > 0 {
      let faults = try world.allGather(encoded: numericFault ?? "")
      let rank = faults.firstIndex { !$0.isEmpty } ?? 0
      total.numericFault = "rank \(rank): \(faults[rank])"
    }
    return total
  }
}
