import Base
import Compute
import Foundation

/// How far a long piece of work is, on standard error: a line that is drawn again on a terminal, else a line now and then.
final class ProgressMeter {
  private let title: String
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var lastShown = monotonicSeconds()
  private let start = monotonicSeconds()
  private var isDrawn = false

  init(_ title: String) { self.title = title }

  /// Shows that `done` bytes of `all` are done, ten times a second at most (every ten seconds where nobody watches).
  func show(_ done: Int, of all: Int) {
    let now = monotonicSeconds()
    guard now - lastShown >= (isTerminal ? 0.1 : 10), all > 0 else { return }
    lastShown = now
    let share = Double(done) / Double(all)
    let left = share > 0 ? (now - start) * (1 - share) / share : 0
    let line = String(
      format: "%@: %.0f%%, %.1f MB/s a rank, %.0f s left", title, share * 100, Double(done) / 1e6 / (now - start), left)
    writeToStandardError(isTerminal ? "\r\u{1B}[K" + line : line + "\n")
    isDrawn = isTerminal
  }

  /// Ends a drawn line.
  func finish() {
    if isDrawn { writeToStandardError("\r\u{1B}[K") }
    isDrawn = false
  }
}
