import Base
internal import COpenMPI
import Compute
import Foundation

extension World {
  /// The exit code of a run that failed.
  public static let failureExitCode: Int32 = 1
  /// The exit code of a run that the watchdog ended.
  public static let watchdogExitCode: Int32 = 124

  /// `message` as this rank prints it: `palier: rank 3 on node7: …`, or `palier: …` for a world of one.
  public func line(_ message: String) -> String {
    count == 1 ? "palier: \(oneLine(message))" : "palier: rank \(rank) on \(hostName): \(oneLine(message))"
  }

  /// Prints one line to standard error and ends this rank and all others, without waiting for them.
  ///
  /// C function: `MPI_Abort`. Where MPI itself hangs (its daemon is gone), the process leaves after five seconds.
  public func abort(line message: String, code: Int32 = World.failureExitCode) -> Never {
    writeToStandardError(line(message) + "\n")
    fflush(nil)
    if count > 1 {
      Thread.detachNewThread {
        sleep(5)
        _exit(code)
      }
      palier_mpi_abort(code)
    }
    _exit(code)
  }

  /// Ends the run after `error`, on every rank; the caller exits with the code that is returned.
  ///
  /// An error that all ranks agreed on (`agree`, `fromLeader`) is printed by the one rank that it belongs to, and MPI is
  /// finalized. Any other concerns this rank alone: it is printed and all ranks are aborted.
  public func end(with error: any Error) -> Int32 {
    let message = shownError(error)
    guard isAgreed(error) else { abort(line: message) }
    if !isPeerFailure(error) { writeToStandardError(line(message) + "\n") }
    fflush(nil)
    do { try finalize() } catch { abort(line: shownError(error)) }
    return World.failureExitCode
  }

  private func isAgreed(_ error: any Error) -> Bool {
    isPeerFailure(error) || agreedFailure.withLock { $0 == shownError(error) }
  }
}

/// Whether `error` is another rank's.
func isPeerFailure(_ error: any Error) -> Bool {
  if case .peerFailed? = error as? RankError { return true }
  return false
}
