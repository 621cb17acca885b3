/// Writes one JSON object, keys in the order given, with no locale and no allocation beyond its bytes.
///
/// JSON has no word for numbers that are not finite: they are written as the strings "NaN", "Infinity" and "-Infinity",
/// which Python's `float()` and JavaScript's `Number()` read back. `null` would not tell which of the three it was.
struct JSONText {
  /// The text so far; whole after `end()`.
  private(set) var bytes: [UInt8] = [UInt8(ascii: "{")]

  mutating func add(_ key: String, _ value: Int) {
    begin(key)
    bytes.append(contentsOf: String(value).utf8)
  }

  mutating func add(_ key: String, _ value: Double) {
    begin(key)
    if value.isFinite {
      bytes.append(contentsOf: value.description.utf8)  // the shortest text that reads back to the same bits
    } else {
      append(quoted: value.isNaN ? "NaN" : value > 0 ? "Infinity" : "-Infinity")
    }
  }

  mutating func add(_ key: String, _ value: String) {
    begin(key)
    append(quoted: value)
  }

  mutating func add(_ key: String, object fill: (inout JSONText) -> Void) {
    begin(key)
    append(object: fill)
  }

  mutating func add<Items: Sequence>(
    _ key: String, objects items: Items, _ fill: (inout JSONText, Items.Element) -> Void
  ) {
    begin(key)
    bytes.append(UInt8(ascii: "["))
    for (index, item) in items.enumerated() {
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      append { fill(&$0, item) }
    }
    bytes.append(UInt8(ascii: "]"))
  }

  /// Closes the object and, for a line of its own, ends the line.
  mutating func end(line: Bool = false) {
    bytes.append(UInt8(ascii: "}"))
    if line { bytes.append(UInt8(ascii: "\n")) }
  }

  private mutating func append(object fill: (inout JSONText) -> Void) {
    var inner = JSONText()
    fill(&inner)
    inner.end()
    bytes.append(contentsOf: inner.bytes)
  }

  private mutating func begin(_ key: String) {
    if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
    append(quoted: key)
    bytes.append(UInt8(ascii: ":"))
  }

  private mutating func append(quoted text: String) {
    let digits = Array("0123456789abcdef".utf8)
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
      case 0x0A: bytes += Array("\\n".utf8)
      case 0x09: bytes += Array("\\t".utf8)
      case 0x0D: bytes += Array("\\r".utf8)
      case 0..<0x20: bytes += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
