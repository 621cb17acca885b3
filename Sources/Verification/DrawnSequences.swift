/// Token sequences without a text: any ids, of lengths from 1 up, the first as long as a model takes them, up to 512 tokens.
public enum DrawnSequences {
  /// The same seed and sizes give the same sequences.
  public static func make(_ count: Int, vocabularySize: Int, longest: Int, seed: UInt64) -> [[Int32]] {
    var numbers = Numbers(state: seed)
    return (0..<count).map { i in
      let most = min(longest, i == 0 ? 512 : 64)
      let length = i == 0 ? most : 1 + numbers.below(most)
      return (0..<length).map { _ in Int32(numbers.below(vocabularySize)) }
    }
  }

  /// SplitMix64 (Steele, Lea, Flood 2014): no draw of training's.
  private struct Numbers {
    var state: UInt64

    mutating func below(_ bound: Int) -> Int {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return Int((z ^ (z >> 31)) % UInt64(max(bound, 1)))
    }
  }
}
