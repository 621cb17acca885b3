import Base
import Foundation

/// Lines for people: results on standard output, errors and progress on standard error.
enum Output {
  /// Prints a line of the result.
  static func say(_ line: String = "") { print(line) }

  /// Prints `palier: …`, one line.
  static func fail(_ message: String) { writeToStandardError("palier: \(oneLine(message))\n") }

  /// Prints `palier: warning: …`, one line.
  static func warn(_ message: String) { writeToStandardError("palier: warning: \(oneLine(message))\n") }
}
