import Base
import Foundation

/// Where console lines go, and what it can show.
public struct Terminal {
  /// How lines are shown.
  public enum Style: Equatable, Sendable {
    /// Line after line: a file, a pipe.
    case plain
    /// A terminal, whose last line may be drawn again.
    case redrawn(coloured: Bool)
  }

  /// How lines are shown.
  public let style: Style
  /// The present width in columns. Asked before every drawing, as windows are resized.
  let width: () -> Int
  /// Writes bytes out.
  let write: ([UInt8]) throws -> Void

  /// A place of the caller's own: tests, other windows.
  public init(style: Style, width: @escaping () -> Int = { 80 }, write: @escaping ([UInt8]) throws -> Void) {
    self.style = style
    self.width = width
    self.write = write
  }

  /// The process's standard output.
  ///
  /// Redrawn where it is a terminal that can move its cursor. `mpirun` gives its ranks a terminal even where its own output
  /// is a file; such a one has no width, and then counts what mpirun itself writes to. Colours only where `NO_COLOR`
  /// (no-color.org) is unset or empty. From here on a broken pipe is a failed write and no longer ends the process.
  public static func standardOutput(environment: [String: String] = ProcessInfo.processInfo.environment) -> Terminal {
    signal(SIGPIPE, SIG_IGN)
    let write: ([UInt8]) throws -> Void = { bytes in
      try bytes.withUnsafeBytes { try writeAll($0, to: STDOUT_FILENO, path: "standard output") }
    }
    let terminal = environment["TERM"] ?? ""
    guard isatty(STDOUT_FILENO) == 1, !terminal.isEmpty, terminal != "dumb", let screen = Screen(of: environment) else {
      return Terminal(style: .plain, write: write)
    }
    let isColoured = (environment["NO_COLOR"] ?? "").isEmpty
    return Terminal(style: .redrawn(coloured: isColoured), width: { screen.width ?? 80 }, write: write)
  }
}

/// The terminal whose width counts: our own, or the one of the mpirun that started us.
private final class Screen {
  private let descriptor: Int32
  private let isOwned: Bool

  /// Nil where nobody sees the terminal that we write to.
  init?(of environment: [String: String]) {
    if Screen.width(of: STDOUT_FILENO) != nil || environment["OMPI_COMM_WORLD_SIZE"] == nil {
      descriptor = STDOUT_FILENO
      isOwned = false
      return
    }
    // On its own host mpirun is the parent of its ranks; elsewhere the parent is a daemon whose output is no terminal.
    let parent = open("/proc/\(getppid())/fd/1", O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)
    guard parent >= 0 else { return nil }
    guard isatty(parent) == 1 else {
      close(parent)
      return nil
    }
    descriptor = parent
    isOwned = true
  }

  deinit { if isOwned { close(descriptor) } }

  var width: Int? { Screen.width(of: descriptor) }

  private static func width(of descriptor: Int32) -> Int? {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }
}
