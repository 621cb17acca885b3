import Foundation

/// Work on a thread of its own beside other work, with what came of it.
package final class ConcurrentWork<Made>: @unchecked Sendable {
  private let finished = DispatchSemaphore(value: 0)
  private var made: Result<Made, any Error>?

  /// Begins at once.
  package init(_ body: @escaping @Sendable () throws -> Made) {
    Thread.detachNewThread { [self] in
      made = Result(catching: body)
      finished.signal()
    }
  }

  /// Waits for the end, once.
  package func result() -> Result<Made, any Error> {
    finished.wait()
    guard let made else { fatalError("ConcurrentWork: no result") }
    return made
  }
}
