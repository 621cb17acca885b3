import Compute
import Ranks

extension Replica {
  /// A 64-bit hash of the parameters; with the moments where asked.
  func fingerprint(withMoments: Bool) -> UInt64 {
    var hash = hashBits(model.parameters)
    if withMoments {
      hash = hash &* 0x9E37_79B9_7F4A_7C15 ^ hashBits(optimizer.first)
      hash = hash &* 0x9E37_79B9_7F4A_7C15 ^ hashBits(optimizer.second)
    }
    return hash
  }

  /// The ranks whose replica differs from the majority's; empty while all agree; all ranks where no majority tells who is
  /// right. Shards of moments have no replica to be compared with: `StateChecksum` watches those. Collective.
  func differingRanks() throws -> [Int] {
    let all = try world.allGather(fingerprint(withMoments: !isSharded))
    guard Set(all).count > 1 else { return [] }
    let votes = Dictionary(grouping: all.indices) { all[$0] }
    guard let majority = votes.first(where: { $0.value.count * 2 > all.count })?.key else { return Array(all.indices) }
    return all.indices.filter { all[$0] != majority }
  }
}

/// A 64-bit hash of a buffer's bits: pieces in parallel, combined in order, so that every bit and its place count.
func hashBits(_ buffer: AlignedBuffer<Float>) -> UInt64 {
  let length = 1 << 16
  let pieces = (buffer.count + length - 1) / length
  var hashes = [UInt64](repeating: 0, count: pieces)
  hashes.withUnsafeMutableBufferPointer { hashes in
    Threads.forEachRange(buffer.count, length: length) { range, _ in
      // Eight lanes, each a multiply-xor chain over its own elements.
      var lanes = SIMD8<UInt64>(repeating: 0xCBF2_9CE4_8422_2325)
      lanes ^= SIMD8(0, 1, 2, 3, 4, 5, 6, 7)
      var i = range.lowerBound
      let words = UnsafeRawPointer(buffer.pointer)
      while i + 16 <= range.upperBound {
        let next = words.loadUnaligned(fromByteOffset: i * 4, as: SIMD8<UInt64>.self)
        lanes = (lanes ^ next) &* 0x0000_0100_0000_01B3
        lanes ^= lanes &>> 29
        i += 16
      }
      var hash: UInt64 = 0
      for lane in 0..<8 { hash = (hash ^ lanes[lane]) &* 0x9E37_79B9_7F4A_7C15 }
      while i < range.upperBound {
        hash = (hash ^ UInt64(buffer.pointer[i].bitPattern)) &* 0x9E37_79B9_7F4A_7C15
        i += 1
      }
      hashes[range.lowerBound / length] = hash ^ (hash >> 32)
    }
  }
  return hashes.reduce(0x9E37_79B9_7F4A_7C15) { ($0 ^ $1) &* 0xBF58_476D_1CE4_E5B9 ^ ($0 >> 31) }
}
