import Compute

/// Runs `body` on `count` threads, and then goes back to one.
func withThreads<Result>(_ count: Int, _ body: () throws -> Result) rethrows -> Result {
  Threads.use(count)
  defer { Threads.use(1) }
  return try body()
}

/// An aligned buffer that holds `values`.
func aligned<Element>(_ values: [Element], room: Int = 0) -> AlignedBuffer<Element> {
  let buffer = AlignedBuffer<Element>(max(values.count, room))
  buffer.pointer.update(from: values, count: values.count)
  return buffer
}

/// Philox 4x32 with any number of rounds, word by word as in the paper: the plain version of every generator here.
func plainPhilox(_ counter: [UInt32], _ key: [UInt32], rounds: Int) -> [UInt32] {
  var (x, k) = (counter, key)
  for _ in 0..<rounds {
    let first = x[0].multipliedFullWidth(by: 0xD251_1F53)
    let second = x[2].multipliedFullWidth(by: 0xCD9E_8D57)
    x = [second.high ^ x[1] ^ k[0], second.low, first.high ^ x[3] ^ k[1], first.low]
    k = [k[0] &+ 0x9E37_79B9, k[1] &+ 0xBB67_AE85]
  }
  return x
}
