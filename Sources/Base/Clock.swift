import Foundation

/// Nanoseconds on a clock that only goes forward. C function: `clock_gettime`.
package func monotonicNanoseconds() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Seconds on a clock that only goes forward.
package func monotonicSeconds() -> Double { Double(monotonicNanoseconds()) * 1e-9 }
