import Compute
import Foundation

/// The order in which samples (blocks, sentences) are taken: a fresh permutation every epoch, by seed.
///
/// The sample at global position g is `permutation(g / count)[g % count]`. A batch may reach over an epoch's end, and a
/// corpus may be smaller than a batch. Any thread may ask.
public final class SampleOrder: @unchecked Sendable {
  /// The number of samples of an epoch.
  public let count: Int

  private let philox: Philox
  private let lock = NSLock()
  private var epoch = -1
  private var permutation: [UInt32] = []

  /// The order of `count` samples; throws when there is none.
  public init(count: Int, seed: UInt64, purpose: DrawPurpose) throws {
    precondition(count >= 0 && count <= Int(UInt32.max), "SampleOrder: \(count) samples")
    guard count > 0 else { throw CorpusError.noSamples(purpose: "\(purpose)") }
    self.count = count
    philox = Philox(seed: seed, purpose: purpose)
  }

  /// The sample at a global position (0, 1, 2 … over all epochs).
  public func sample(at position: Int) -> Int { samples(position..<position + 1)[0] }

  /// The samples at consecutive global positions.
  public func samples(_ positions: Range<Int>) -> [Int] {
    precondition(positions.lowerBound >= 0, "SampleOrder: positions \(positions)")
    return lock.withLock { positions.map { Int(permutation(of: $0 / count)[$0 % count]) } }
  }

  private func permutation(of wanted: Int) -> [UInt32] {
    if wanted != epoch {
      permutation = philox.permutation(of: count, salt: UInt32(truncatingIfNeeded: wanted))
      epoch = wanted
    }
    return permutation
  }
}
