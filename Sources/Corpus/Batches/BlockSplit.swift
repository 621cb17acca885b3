import Compute

/// Blocks set aside for validation, by seed.
///
/// The paper's rule: min(⌈(5/0.05)²⌉, 10 % of the blocks), thus at most 10,000; at least one where there are two blocks.
public struct BlockSplit: Sendable, Equatable {
  /// ⌈(5/0.05)²⌉: the sample that tells means apart to 0.05 at a standard deviation of 5.
  public static let largestValidationCount = 10_000

  /// The blocks to train on, ascending.
  public let training: [Int]
  /// The blocks to validate on, in the order drawn: any first part of them is a random sample.
  public let validation: [Int]

  /// Splits 0..<`blockCount`. The same for the same seed and count, always.
  public init(blockCount: Int, seed: UInt64) {
    precondition(blockCount >= 0 && blockCount <= Int(UInt32.max), "BlockSplit: \(blockCount) blocks")
    let tenth = max(blockCount / 10, blockCount >= 2 ? 1 : 0)
    let drawn = Philox(seed: seed, purpose: .validationSplit).permutation(of: blockCount, salt: 0)
    validation = drawn.prefix(min(tenth, Self.largestValidationCount)).map(Int.init)
    var isValidation = [Bool](repeating: false, count: blockCount)
    for block in validation { isValidation[block] = true }
    training = (0..<blockCount).filter { !isValidation[$0] }
  }
}
