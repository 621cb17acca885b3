import Foundation

/// Writes text to standard error in one call, so that lines of several ranks do not mix. What cannot be written is
/// lost: there is nowhere left to say so.
package func writeToStandardError(_ text: String) {
  let bytes = Array(text.utf8)
  _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
