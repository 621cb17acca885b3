import Foundation

/// Lines for people: results on standard output, errors and progress on standard error.
enum Output {
  /// Prints a line of the result.
  static func say(_ line: String = "") { print(line) }

  /// Prints `palier: …`, one line.
  static func fail(_ message: String) { writeError("palier: \(oneLine(message))\n") }

  /// Prints `palier: warning: …`, one line.
  static func warn(_ message: String) { writeError("palier: warning: \(oneLine(message))\n") }

  /// Writes text to standard error in one call, so that lines of several ranks do not mix.
  static func writeError(_ text: String) {
    let bytes = Array(text.utf8)
    _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  /// `text` without line breaks and control characters: what a file says must not steer a terminal.
  static func oneLine(_ text: String) -> String {
    let scalars = text.unicodeScalars.map { scalar -> Character in
      scalar.properties.generalCategory == .control ? " " : Character(scalar)
    }
    return String(scalars).trimmingCharacters(in: .whitespaces)
  }

  /// 1234567 as "1,234,567".
  static func grouped(_ number: Int) -> String {
    var groups: [Substring] = []
    var rest = String(number.magnitude)[...]
    while rest.count > 3 {
      groups.insert(rest.suffix(3), at: 0)
      rest = rest.dropLast(3)
    }
    return (number < 0 ? "-" : "") + ([rest] + groups).joined(separator: ",")
  }

  /// "1 sentence", "2 sentences", "3 stretches".
  static func counted(_ count: Int, _ noun: String) -> String {
    let ending = count == 1 ? "" : noun.hasSuffix("ch") ? "es" : "s"
    return "\(grouped(count)) \(noun)\(ending)"
  }

  /// Bytes as "3.4 GiB".
  static func bytes(_ count: Int) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    var value = Double(count)
    var unit = 0
    while value >= 1024 && unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    return unit == 0 ? "\(count) bytes" : String(format: "%.1f %@", value, units[unit])
  }
}
