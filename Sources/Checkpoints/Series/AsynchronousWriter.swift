import Foundation

/// One thread that writes while training goes on; at most one job is in flight.
///
/// A job works on buffers of its own (`TensorSnapshot`). Its error is thrown by the next call of `submit` or `drain`,
/// once.
public final class AsynchronousWriter: Sendable {
  /// What the thread does for one checkpoint.
  public typealias Job = @Sendable () throws -> Void

  private let mailbox = Mailbox()

  /// Starts the thread.
  public init(name: String = "palier checkpoint writer") {
    let thread = Thread { [mailbox] in mailbox.serve() }
    thread.name = name
    thread.start()
  }

  /// Finishes the job in flight; an error not yet thrown is lost, so call `drain` first.
  deinit { mailbox.end() }

  /// Hands `job` to the thread, after the one in flight has ended.
  ///
  /// - Throws: the error of an earlier job; then `job` is not taken, and may be submitted again.
  public func submit(_ job: @escaping Job) throws { try mailbox.put(job) }

  /// Waits until no job is in flight: everything submitted is on the disk, and its buffers may be written again.
  ///
  /// - Throws: the error of an earlier job.
  public func drain() throws { try mailbox.put(nil) }

  /// Whether a job is in flight.
  public var isWriting: Bool { mailbox.isBusy }
}

/// The place where the writer leaves a job and the thread its error; both hold it, so neither keeps the other alive.
private final class Mailbox: @unchecked Sendable {
  private let condition = NSCondition()
  private var job: AsynchronousWriter.Job?
  private var isRunning = false
  private var isEnding = false
  private var failure: (any Error)?

  private func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
    condition.lock()
    defer { condition.unlock() }
    return try body()
  }

  var isBusy: Bool { locked { isRunning } }

  /// Waits for the job in flight, throws its error, and takes the next one.
  func put(_ next: AsynchronousWriter.Job?) throws {
    try locked {
      while isRunning { condition.wait() }
      if let error = failure {
        failure = nil
        throw error
      }
      guard let next else { return }
      job = next
      isRunning = true
      condition.broadcast()
    }
  }

  func end() {
    locked {
      while isRunning { condition.wait() }
      isEnding = true
      condition.broadcast()
    }
  }

  /// The thread's work: job after job until the writer goes.
  func serve() {
    while let next = take() {
      let result = Result { try next() }
      locked {
        if case .failure(let error) = result { failure = error }
        isRunning = false
        condition.broadcast()
      }
    }
  }

  private func take() -> AsynchronousWriter.Job? {
    locked {
      while job == nil && !isEnding { condition.wait() }
      defer { job = nil }
      return job
    }
  }
}
