import Foundation

/// Random numbers for tests, the same in every run: SplitMix64, which shares nothing with the generators under test.
public struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64

  /// The numbers of this seed.
  public init(seed: UInt64) { state = seed }

  /// Other numbers in every run, for a test that hunts for a bad moment or order. The seed is printed, and
  /// `PALIER_TEST_SEED` sets it, so that a failure can be repeated.
  public static func ofThisRun(_ test: String = #function) -> SeededNumbers {
    let set = ProcessInfo.processInfo.environment["PALIER_TEST_SEED"].flatMap { UInt64($0) }
    let seed = set ?? UInt64.random(in: 0...UInt64(UInt32.max))
    print("\(test): PALIER_TEST_SEED=\(seed)")
    return SeededNumbers(seed: seed)
  }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Uniform in [0, 1).
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Standard normal (Box and Muller).
  public mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * .pi * uniform())
  }

  /// `count` normal floats of this spread.
  public mutating func normals(_ count: Int, spread: Double = 1) -> [Float] {
    (0..<count).map { _ in Float(spread * normal()) }
  }

  /// An integer in 0..<`bound`; 0 where that is empty.
  public mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(max(bound, 1))) }
}
