import Compute

/// The draws of one synthetic report: a stream that depends on seed, part and report alone.
struct SyntheticRandom {
  /// Apart from the draws of the corpus split under the same key.
  private static let purposeCounter: UInt32 = 0x7379_6E74

  private let philox: Philox
  private let part: UInt32
  private let report: UInt32
  private var drawn: UInt32 = 0

  init(seed: UInt64, part: Int, report: Int) {
    philox = Philox(seed: seed, purpose: .corpusSplit)
    self.part = UInt32(truncatingIfNeeded: part)
    self.report = UInt32(truncatingIfNeeded: report)
  }

  /// A number in 0..<`bound`.
  mutating func below(_ bound: Int) -> Int {
    drawn &+= 1
    return philox.below(bound, report, drawn, part, SyntheticRandom.purposeCounter)
  }

  /// A number in `range`.
  mutating func number(in range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }

  /// One of `choices`.
  mutating func pick<Element>(_ choices: [Element]) -> Element { choices[below(choices.count)] }
}
