import Foundation

/// Whether a signal asked the sweep to end. The handler does no more than count.
enum StopRequest {
  /// Signals that ask for the end.
  static let signals = [SIGINT, SIGTERM, SIGUSR1, SIGHUP]

  nonisolated(unsafe) private static var count: Int32 = 0
  nonisolated(unsafe) private static var last: Int32 = 0

  /// How often it was asked; the second time is in earnest.
  static var askedCount: Int { Int(count) }

  /// The name of the last signal.
  static var name: String {
    switch last {
    case SIGINT: "Ctrl-C"
    case SIGTERM: "SIGTERM"
    case SIGUSR1: "SIGUSR1"
    default: "SIGHUP"
    }
  }

  /// Installs the handlers; SIGHUP stays ignored where it is (`nohup`).
  static func install() {
    (count, last) = (0, 0)
    for number in signals {
      let before = signal(number) { number in
        StopRequest.last = number
        // The end of a terminal comes from the shell and from the system, and is one request.
        if number == SIGHUP || number == SIGUSR1, StopRequest.count > 0 { return }
        StopRequest.count += 1
      }
      // SIG_IGN is the address 1.
      if number == SIGHUP, unsafeBitCast(before, to: Int.self) == 1 { signal(SIGHUP, SIG_IGN) }
    }
  }
}
