import Compute

/// A checksum of a rank's parameters and moments, made after an update and compared before the next.
///
/// Where the optimizer's state is shared out, no other rank has the same moments, and a parameter that a memory fault changes
/// spreads to all ranks with its owner's next update, or is repaired by it: a comparison of replicas every K steps would miss
/// both. This one sees every single flipped bit before it is used twice, and knows whose it is.
package struct StateChecksum {
  private var remembered: UInt64?

  package init() {}

  /// Takes the present state as the right one.
  package mutating func remember(_ parameters: AlignedBuffer<Float>, _ optimizer: AdamW) {
    remembered = StateChecksum.sum(parameters, optimizer)
  }

  /// Whether the state is no longer the one remembered; false while none is.
  package func differs(_ parameters: AlignedBuffer<Float>, _ optimizer: AdamW) -> Bool {
    remembered.map { $0 != StateChecksum.sum(parameters, optimizer) } ?? false
  }

  /// A sum of words modulo 2^64 runs as fast as memory is read, and any one bit changes it.
  private static func sum(_ parameters: AlignedBuffer<Float>, _ optimizer: AdamW) -> UInt64 {
    wordSum(parameters) &+ 3 &* wordSum(optimizer.first) &+ 5 &* wordSum(optimizer.second)
  }
}

/// Σ of a buffer's bits, taken as 64-bit words, modulo 2^64.
private func wordSum(_ buffer: AlignedBuffer<Float>) -> UInt64 {
  let length = 1 << 16
  var sums = [UInt64](repeating: 0, count: (buffer.count + length - 1) / length)
  sums.withUnsafeMutableBufferPointer { sums in
    Threads.forEachRange(buffer.count, length: length) { range, _ in
      let words = UnsafeRawPointer(buffer.pointer + range.lowerBound).assumingMemoryBound(to: UInt64.self)
      var sum: UInt64 = 0
      for i in 0..<range.count / 2 { sum &+= words[i] }
      if range.count % 2 == 1 { sum &+= UInt64(buffer.pointer[range.upperBound - 1].bitPattern) }
      sums[range.lowerBound / length] = sum
    }
  }
  return sums.reduce(0, &+)
}
