import Foundation

/// Ends the run when an MPI call has not come back, or a reduction has not moved, within a limit: a host is gone, a link
/// is cut, a rank hangs. Without it the others wait until MPI notices, which may be never.
///
/// The limit must exceed the longest time that one rank lets the others wait (a checkpoint, an evaluation).
public final class Watchdog: @unchecked Sendable {
  private let world: World
  private let seconds: Double
  private let condition = NSCondition()
  private var isStopped = false

  /// Starts to watch `world`.
  /// - Parameter seconds: the limit, above zero.
  public init(_ world: World, seconds: Double) {
    precondition(seconds > 0, "a watchdog's limit of \(seconds) s")
    self.world = world
    self.seconds = seconds
    guard world.count > 1 else { return }
    let thread = Thread { [self] in watch() }
    thread.name = "palier watchdog"
    thread.start()
  }

  /// Stops watching.
  public func stop() {
    condition.lock()
    isStopped = true
    condition.broadcast()
    condition.unlock()
  }

  private func watch() {
    // Ranks time out together: each leaves the ones before it time to end the run, so that one line is printed.
    let limit = seconds + 0.3 * Double(min(world.rank, 10))
    let interval = min(max(seconds / 10, 0.05), 1)
    while !isStopped(within: interval) {
      for activity in [world.collectiveActivity, world.reductionActivity] {
        if let (call, waited) = activity.current, waited > limit { end(call) }
      }
    }
  }

  private func isStopped(within interval: Double) -> Bool {
    condition.lock()
    defer { condition.unlock() }
    let end = Date(timeIntervalSinceNow: interval)
    while !isStopped && condition.wait(until: end) {}
    return isStopped
  }

  private func end(_ call: MPICall) -> Never {
    let limit = String(format: "%g", seconds)
    world.abort(
      line: "\(call.name) has not moved for \(limit) s: a rank or its host is gone or hangs, or the watchdog's limit "
        + "is too short",
      code: World.watchdogExitCode)
  }
}
