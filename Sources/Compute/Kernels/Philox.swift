/// What a random draw is for: a part of the key, so that draws for different ends never meet.
public enum DrawPurpose: UInt32, Sendable {
  case masking = 1
  case dropout = 2
  case blockOrder = 3
  case sentenceOrder = 4
  case headInitialisation = 5
  case modelInitialisation = 6
  case validationSplit = 7
  case corpusSplit = 8
  case gradientRounding = 9
}

/// Philox 4x32-10, a counter-based generator: a draw is a pure function of key and counter.
///
/// Key: the run's 64-bit seed with the purpose mixed in. Counter: four words that the caller makes of step, global sequence
/// number, site and element, so that no draw depends on which rank or thread makes it.
/// Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011; constants of Random123.
public struct Philox: Sendable {
  /// The two key words.
  public let key0: UInt32
  /// The second key word.
  public let key1: UInt32

  /// The generator with exactly this key (for comparison with published vectors).
  public init(key0: UInt32, key1: UInt32) {
    self.key0 = key0
    self.key1 = key1
  }

  /// The generator of a run's `seed` for one `purpose`.
  public init(seed: UInt64, purpose: DrawPurpose) {
    // SplitMix64's finalizer: neighbouring seeds and purposes give unrelated keys.
    var z = seed &+ UInt64(purpose.rawValue) &* 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    z ^= z >> 31
    self.init(key0: UInt32(truncatingIfNeeded: z), key1: UInt32(truncatingIfNeeded: z >> 32))
  }

  /// The 128 random bits at one counter.
  public func draw(_ c0: UInt32, _ c1: UInt32, _ c2: UInt32, _ c3: UInt32) -> SIMD4<UInt32> {
    var x = SIMD4<UInt32>(c0, c1, c2, c3)
    var k0 = key0
    var k1 = key1
    for _ in 0..<10 {
      let p0 = UInt64(x[0]) &* 0xD251_1F53
      let p1 = UInt64(x[2]) &* 0xCD9E_8D57
      x = SIMD4(
        UInt32(truncatingIfNeeded: p1 >> 32) ^ x[1] ^ k0, UInt32(truncatingIfNeeded: p1),
        UInt32(truncatingIfNeeded: p0 >> 32) ^ x[3] ^ k1, UInt32(truncatingIfNeeded: p0))
      k0 &+= 0x9E37_79B9
      k1 &+= 0xBB67_AE85
    }
    return x
  }

  /// A number in 0..<`bound` without bias worth naming (64 random bits scaled; the bias is below 2^-32).
  public func below(_ bound: Int, _ c0: UInt32, _ c1: UInt32, _ c2: UInt32 = 0, _ c3: UInt32 = 0) -> Int {
    precondition(bound > 0 && bound <= Int(UInt32.max), "Philox.below: bound \(bound)")
    let r = draw(c0, c1, c2, c3)
    let wide = (UInt64(r[0]) << 32 | UInt64(r[1])).multipliedFullWidth(by: UInt64(bound))
    return Int(wide.high)
  }

  /// A random order of 0..<`count` (Fisher-Yates), the `salt`-th one: one permutation an epoch, say.
  public func permutation(of count: Int, salt: UInt32) -> [UInt32] {
    var order = (0..<UInt32(count)).map { $0 }
    guard count > 1 else { return order }
    for i in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(i, below(i + 1, UInt32(i), salt))
    }
    return order
  }
}
