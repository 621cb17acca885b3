/// A 64-bit hash of a buffer's bits: segments in parallel, combined in order, so that every bit and its place count.
package func hashBits(_ buffer: AlignedBuffer<Float>) -> UInt64 {
  let length = 1 << 16
  let segments = (buffer.count + length - 1) / length
  var hashes = [UInt64](repeating: 0, count: segments)
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
