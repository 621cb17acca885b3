/// The value of a rank among any number of floats, exactly, without keeping them: they pass by twice and are counted, first by the
/// upper and then by the lower half of the bits.
///
/// Counts are whole numbers: the result does not depend on the order of the values. Ranks are those of sorting; −0 stands before
/// 0. A NaN stands at an end.
public struct ValueRanks: Sendable {
  /// Values counted in the first pass.
  public private(set) var count = 0
  private var upper: [Int]
  /// Of the second pass: for either rank its upper half, how many values lie below it, and counts of the lower halves.
  private var low = Half()
  private var high = Half()

  private static let halfCount = 1 << 16

  private struct Half {
    var upper: UInt32 = 0
    var below = 0
    var counts: [Int] = []
  }

  /// Nothing counted yet.
  public init() { upper = [Int](repeating: 0, count: ValueRanks.halfCount) }

  /// A float's bits in the order of its value.
  @inline(__always)
  private static func key(_ x: Float) -> UInt32 {
    let bits = x.bitPattern
    return bits ^ (bits >> 31 == 0 ? 0x8000_0000 : 0xFFFF_FFFF)
  }

  private static func value(ofKey key: UInt32) -> Float {
    Float(bitPattern: key ^ (key >> 31 == 1 ? 0x8000_0000 : 0xFFFF_FFFF))
  }

  /// The first pass: counts some values.
  public mutating func add(_ x: UnsafePointer<Float>, _ count: Int) {
    self.count += count
    upper.withUnsafeMutableBufferPointer { upper in
      for i in 0..<count { upper[Int(ValueRanks.key(x[i]) >> 16)] += 1 }
    }
  }

  /// Ends the first pass: asks for the values of two ranks, from 0 and below `count`.
  public mutating func look(for low: Int, _ high: Int) {
    (self.low, self.high) = (half(of: low), half(of: high))
  }

  private func half(of rank: Int) -> Half {
    guard rank >= 0, rank < count else { fatalError("rank \(rank) of \(count) values") }
    var below = 0
    for place in upper.indices {
      if below + upper[place] > rank {
        let counts = [Int](repeating: 0, count: ValueRanks.halfCount)
        return Half(upper: UInt32(place), below: below, counts: counts)
      }
      below += upper[place]
    }
    fatalError("rank \(rank) of \(below) values")
  }

  /// The second pass: the same values again, in any order.
  public mutating func addAgain(_ x: UnsafePointer<Float>, _ count: Int) {
    let (lowUpper, highUpper) = (low.upper, high.upper)
    low.counts.withUnsafeMutableBufferPointer { lowCounts in
      high.counts.withUnsafeMutableBufferPointer { highCounts in
        for i in 0..<count {
          let key = ValueRanks.key(x[i])
          if key >> 16 == lowUpper { lowCounts[Int(key & 0xFFFF)] += 1 }
          if key >> 16 == highUpper { highCounts[Int(key & 0xFFFF)] += 1 }
        }
      }
    }
  }

  /// The values of the two ranks that were asked for.
  public func values(of low: Int, _ high: Int) -> (low: Float, high: Float) {
    (ValueRanks.value(of: low, in: self.low), ValueRanks.value(of: high, in: self.high))
  }

  private static func value(of rank: Int, in half: Half) -> Float {
    var below = half.below
    for (place, count) in half.counts.enumerated() {
      below += count
      if below > rank { return value(ofKey: half.upper << 16 | UInt32(place)) }
    }
    fatalError("the second pass had other values than the first")
  }
}

/// The range that is left of values without those beyond a percentile.
public enum PercentileRange {
  /// How many of `count` values are left out at each end: round((100 − percentile)/200·count), at most (count − 1)/2.
  public static func leftOut(_ percentile: Double, of count: Int) -> Int {
    let share = ((100 - percentile) / 200 * Double(count)).rounded(.toNearestOrEven)
    return min(Int(share), max(count - 1, 0) / 2)
  }

  /// Of values that lie in memory; 0 … 0 of none.
  public static func of(_ x: UnsafePointer<Float>, _ count: Int, _ percentile: Double) -> (low: Float, high: Float) {
    guard count > 0 else { return (0, 0) }
    let k = leftOut(percentile, of: count)
    // Of a row sorting is quicker than clearing the counts.
    guard count > 1 << 15 else {
      let sorted = UnsafeBufferPointer(start: x, count: count).sorted()
      return (sorted[k], sorted[count - 1 - k])
    }
    var ranks = ValueRanks()
    ranks.add(x, count)
    ranks.look(for: k, count - 1 - k)
    ranks.addAgain(x, count)
    return ranks.values(of: k, count - 1 - k)
  }
}
