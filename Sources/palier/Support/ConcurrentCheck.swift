import Foundation

/// Work that may fail, done on a thread of its own beside other work.
final class ConcurrentCheck: @unchecked Sendable {
  private let finished = DispatchSemaphore(value: 0)
  private var error: (any Error)?

  /// Begins at once.
  init(_ body: @escaping @Sendable () throws -> Void) {
    Thread.detachNewThread { [self] in
      do { try body() } catch { self.error = error }
      finished.signal()
    }
  }

  /// Waits for the end, once, and throws what went wrong.
  func wait() throws {
    finished.wait()
    if let error { throw error }
  }
}
