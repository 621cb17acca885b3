import Base
import Synchronization

/// Which MPI call a thread is in, and since when: written by that thread, read by the watchdog.
final class Activity: Sendable {
  private let call = Atomic<Int>(0)
  private let since = Atomic<UInt64>(0)

  /// Notes that `call` starts, or has just moved on.
  func mark(_ call: MPICall) {
    self.call.store(call.rawValue, ordering: .relaxed)
    since.store(monotonicNanoseconds(), ordering: .releasing)
  }

  /// Notes that nothing is waited for.
  func clear() { since.store(0, ordering: .releasing) }

  /// The call in progress and its seconds so far, or nil.
  var current: (call: MPICall, seconds: Double)? {
    let start = since.load(ordering: .acquiring)
    guard start != 0, let call = MPICall(rawValue: call.load(ordering: .relaxed)) else { return nil }
    let now = monotonicNanoseconds()
    return (call, now > start ? Double(now - start) * 1e-9 : 0)
  }
}
