import Foundation

extension String {
  /// The text with white space for line breaks and tabs, and other control characters shown as `\u{1b}`: no name from a
  /// file steers a terminal or breaks a line of a log.
  package var printable: String {
    guard unicodeScalars.contains(where: { $0.isControl }) else { return self }
    var text = ""
    for scalar in unicodeScalars {
      switch scalar.value {
      case 0x09...0x0D, 0x85, 0x2028, 0x2029: text += " "
      case _ where scalar.isControl: text += "\\u{\(String(scalar.value, radix: 16))}"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }

  /// The text filled up with spaces to `width` characters, at its left or right.
  package func padded(to width: Int, alignedRight: Bool = false) -> String {
    let fill = String(repeating: " ", count: max(0, width - count))
    return alignedRight ? fill + self : self + fill
  }
}

extension Unicode.Scalar {
  fileprivate var isControl: Bool {
    value < 0x20 || (0x7F...0x9F).contains(value) || value == 0x2028 || value == 0x2029
  }
}

/// `text` as one printable line, without white space at its ends.
public func oneLine(_ text: String) -> String { text.printable.trimmingCharacters(in: .whitespaces) }

/// A name from a file, in quotes, short enough for a line.
package func quoted(_ name: String) -> String {
  let limit = 120
  let short = name.unicodeScalars.prefix(limit + 1)
  return short.count > limit ? "\"\(String(short.prefix(limit)))…\"" : "\"\(name)\""
}
