import Foundation

/// `text` with its line breaks and control characters made spaces: a message that stays on one line of a log.
func oneLine(_ text: String) -> String {
  let spaced = text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? " " : Character($0) }
  return String(spaced).trimmingCharacters(in: .whitespaces)
}

/// The system's words for an `errno`.
func systemMessage(_ errno: Int32) -> String {
  String(cString: strerror(errno))
}

/// Writes `line` and its line end to standard error in one call, so that lines of several ranks do not mix.
func writeToStandardError(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  _ = bytes.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
}

/// `1 rank`, `2 ranks`.
func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
