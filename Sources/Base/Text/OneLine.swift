import Foundation

/// `text` as one line of a log, whatever a file's name or another program put into it: line breaks and tabs become spaces, other
/// control characters are shown as `\u{1b}`, so that no text steers a terminal; white space at both ends goes.
public func oneLine(_ text: String) -> String {
  var line = ""
  for scalar in text.unicodeScalars {
    switch scalar.value {
    case 0x09...0x0D, 0x85, 0x2028, 0x2029: line += " "
    case 0..<0x20, 0x7F...0x9F: line += "\\u{\(String(scalar.value, radix: 16))}"
    default: line.unicodeScalars.append(scalar)
    }
  }
  return line.trimmingCharacters(in: .whitespaces)
}
