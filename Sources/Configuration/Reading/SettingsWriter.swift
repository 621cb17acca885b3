import Quantization

/// Writes the keys that `visit` hands over as YAML that the reader takes back to equal values.
struct SettingsWriter: SettingsVisitor {
  private(set) var text = ""
  private var indentation = ""
  /// Dotted prefix of the present section's keys.
  private var prefix = ""
  /// What stands behind a key's line as a comment, by the key's full path; nil: nothing does.
  private let comment: ((String) -> String)?

  init(comment: ((String) -> String)? = nil) { self.comment = comment }

  private mutating func line(_ key: String, _ value: String) {
    let line = value.isEmpty ? "\(indentation)\(key):" : "\(indentation)\(key): \(value)"
    guard let comment else {
      text += line + "\n"
      return
    }
    let padding = String(repeating: " ", count: max(2, 44 - line.count))
    text += line + padding + "# \(shown(comment(prefix + key)))\n"
  }

  /// A key that holds nothing has no YAML value here: it stands as a comment, for people.
  private mutating func nothing(_ key: String) {
    text += "\(indentation)# \(key): not given\n"
  }

  mutating func integer<I: FixedWidthInteger>(
    _ key: String, _ value: inout I, _ range: ClosedRange<I>, _ meaning: String
  ) {
    line(key, "\(value)")
  }

  /// Swift prints the shortest digits that read back to the same value.
  mutating func number(_ key: String, _ value: inout Double, _ range: NumberRange, _ meaning: String) {
    line(key, plainNumber(value))
  }

  mutating func flag(_ key: String, _ value: inout Bool, _ meaning: String) { line(key, "\(value)") }

  mutating func choice<C: SettingsChoice>(_ key: String, _ value: inout C, _ meaning: String) {
    line(key, value.rawValue)
  }

  mutating func optionalChoice<C: SettingsChoice>(_ key: String, _ value: inout C?, _ meaning: String) {
    if let value { line(key, value.rawValue) } else { nothing(key) }
  }

  mutating func scheme(_ key: String, _ value: inout Scheme, _ meaning: String) { line(key, value.name) }

  mutating func path(_ key: String, _ value: inout String, _ meaning: String) {
    if value.isEmpty { nothing(key) } else { line(key, quoted(value)) }
  }

  mutating func paths(_ key: String, _ value: inout [String], _ meaning: String) { list(key, value) }

  mutating func words(_ key: String, _ value: inout [String], _ meaning: String) { list(key, value) }

  private mutating func list(_ key: String, _ items: [String]) {
    if items.isEmpty { return nothing(key) }
    line(key, "")
    for item in items { text += "\(indentation)  - \(quoted(item))\n" }
  }

  mutating func section<S: SettingsSection>(_ key: String, _ value: inout S, _ meaning: String) throws {
    text += "\(indentation)\(key):\n"
    let outer = (indentation, prefix)
    indentation += "  "
    prefix += key + "."
    try value.visit(&self)
    (indentation, prefix) = outer
  }

  /// Each section begins with a dash in the place of two spaces.
  mutating func sections<S: SettingsSection>(_ key: String, _ value: inout [S], _ meaning: String) throws {
    if value.isEmpty { return nothing(key) }
    line(key, "")
    for index in value.indices {
      var inner = SettingsWriter()
      inner.indentation = indentation + "    "
      try value[index].visit(&inner)
      text += "\(indentation)  - " + inner.text.dropFirst(inner.indentation.count)
    }
  }

  mutating func derive(_ keys: [String], from source: String, _ body: () -> Void) {}

  /// Double quotes always: no path can then be taken for a number, an alias or a comment.
  private func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      // Characters that YAML does not print as they are, and those that the reader counts before it knows of quotes.
      case "[", "{", "*": result += "\\x" + String(scalar.value, radix: 16, uppercase: true)
      case let other
      where other.value < 0x20 || (0x7F...0x9F).contains(other.value) || other.value == 0xFEFF
        || (0x2028...0x2029).contains(other.value) || (0xFFFE...0xFFFF).contains(other.value):
        let hex = String(other.value, radix: 16, uppercase: true)
        result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
