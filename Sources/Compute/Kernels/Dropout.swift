/// Draws that say which elements dropout keeps: 16 bits an element from Philox 4x32-7, so that a mask is made again in the
/// backward pass and never stored.
///
/// Seven rounds are the fewest that pass BigCrush (Salmon et al. 2011, table 2). An element is dropped where its draw is below
/// `threshold`, so the rate is threshold/65,536 and the scale of the kept its exact counterpart.
public struct DropoutDraws: Sendable {
  /// Draws below this are dropped.
  public let threshold: UInt16
  /// What kept elements are multiplied by, 1/(1 − rate).
  public let scale: Float
  private let key0: UInt32
  private let key1: UInt32
  /// The step, third word of every counter.
  public let step: UInt32

  /// Draws of one step at a rate in [0, 1); the rate is rounded to a multiple of 1/65,536.
  public init(seed: UInt64, step: UInt32, rate: Float) {
    let philox = Philox(seed: seed, purpose: .dropout)
    (key0, key1) = (philox.key0, philox.key1)
    self.step = step
    threshold = UInt16(min(max((rate * 65_536).rounded(), 0), 65_535))
    scale = 1 / (1 - Float(threshold) / 65_536)
  }

  /// Nothing is dropped.
  public var isOff: Bool { threshold == 0 }

  /// The room, in 16-bit draws, that a row of `count` elements needs.
  @inlinable
  public static func room(_ count: Int) -> Int { (count + 127) / 128 * 128 }

  /// Writes the draws of one row of `count` elements.
  ///
  /// Counter: (block of the row, `row`, step, `sequence` and `site`), 16 bits each for the last two; a sequence's upper 16 bits
  /// stand beside the block, which is far below 65,536.
  /// - Parameter draws: room for `DropoutDraws.room(count)`.
  public func fill(
    _ draws: UnsafeMutablePointer<UInt16>, count: Int, row: UInt32, sequence: UInt32, site: UInt32
  ) {
    // More blocks than that would reach into the bits of the sequence's number.
    guard count >= 0, DropoutDraws.room(count) / 8 <= 0x1_0000 else { fatalError("dropout draws of \(count) elements") }
    let blocks = DropoutDraws.room(count) / 8
    let last = sequence << 16 | (site & 0xFFFF)
    draws.withMemoryRebound(to: UInt32.self, capacity: blocks * 4) { words in
      DropoutDraws.fillWords(words, blocks, sequence & 0xFFFF_0000, row, step, last, key0, key1)
    }
  }

  /// Philox 4x32-7 at counters (c0 + 0..<blocks, c1, c2, c3); word w of block i goes to words[w·blocks + i].
  static func fillWords(
    _ words: UnsafeMutablePointer<UInt32>, _ blocks: Int, _ c0: UInt32, _ c1: UInt32, _ c2: UInt32, _ c3: UInt32,
    _ key0: UInt32, _ key1: UInt32
  ) {
    let second = words + blocks
    let third = second + blocks
    let fourth = third + blocks
    for i in 0..<blocks {
      var x0 = c0 | UInt32(truncatingIfNeeded: i)
      var x1 = c1
      var x2 = c2
      var x3 = c3
      var k0 = key0
      var k1 = key1
      for _ in 0..<7 {
        let p0 = UInt64(x0) &* 0xD251_1F53
        let p1 = UInt64(x2) &* 0xCD9E_8D57
        x0 = UInt32(truncatingIfNeeded: p1 &>> 32) ^ x1 ^ k0
        x1 = UInt32(truncatingIfNeeded: p1)
        x2 = UInt32(truncatingIfNeeded: p0 &>> 32) ^ x3 ^ k1
        x3 = UInt32(truncatingIfNeeded: p0)
        k0 &+= 0x9E37_79B9
        k1 &+= 0xBB67_AE85
      }
      words[i] = x0
      second[i] = x1
      third[i] = x2
      fourth[i] = x3
    }
  }

  /// x = 0 where dropped, x·scale where kept.
  @inlinable
  public func apply(_ draws: UnsafePointer<UInt16>, to x: UnsafeMutablePointer<Float>, _ count: Int) {
    let threshold = threshold
    let scale = scale
    for i in 0..<count {
      let kept = x[i] * scale
      x[i] = draws[i] >= threshold ? kept : 0
    }
  }
}
