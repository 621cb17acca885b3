import Encoder
import Ranks

/// Sums over slices and ranks that have no order: losses travel as 64-bit fixed point with 40 fractional bits.
package struct LossSums {
  private var fixedLoss: Int64 = 0
  package private(set) var labelledTokenCount: Int64 = 0
  package private(set) var correctCount: Int64 = 0
  /// The first thing that was wrong on this rank (after `overRanks`, on any).
  package var numericFault: String?

  package init() {}

  package var lossSum: Double { Double(fixedLoss) * 0x1p-40 }

  package mutating func add(_ outcome: SliceOutcome) {
    labelledTokenCount += Int64(outcome.labelledTokenCount)
    correctCount += Int64(outcome.correctCount)
    let scaled = (outcome.lossSum * 0x1p40).rounded()
    guard abs(scaled) < 0x1p62 else {
      numericFault = numericFault ?? "a slice's loss is \(outcome.lossSum)"
      return
    }
    fixedLoss &+= Int64(scaled)
  }

  /// The sums over all ranks. Collective.
  func overRanks(_ world: World) throws -> LossSums {
    guard world.count > 1 else { return self }
    var values: [Int64] = [fixedLoss, labelledTokenCount, correctCount, numericFault == nil ? 0 : 1]
    try values.withUnsafeMutableBufferPointer { try world.sum($0) }
    var total = LossSums()
    (total.fixedLoss, total.labelledTokenCount, total.correctCount) = (values[0], values[1], values[2])
    if values[3] > 0 {
      let faults = try world.allGather(encoded: numericFault ?? "")
      let rank = faults.firstIndex { !$0.isEmpty } ?? 0
      total.numericFault = "rank \(rank): \(faults[rank])"
    }
    return total
  }
}
