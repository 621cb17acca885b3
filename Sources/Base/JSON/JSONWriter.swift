extension JSONFields {
  /// The JSON text, indented by two spaces and ended by a line break, as Python's `json.dumps(…, indent=2)` lays it
  /// out.
  ///
  /// - Parameter quotesNotFinite: write NaN and infinity as `line` does.
  /// - Throws: `notExpressible` for NaN and infinity otherwise.
  package func indentedText(quotesNotFinite: Bool = false) throws -> [UInt8] {
    var writer = JSONWriter(isCompact: false, quotesNotFinite: quotesNotFinite)
    try writer.append(.object(self), key: "", indent: 0)
    return writer.text + [UInt8(ascii: "\n")]
  }

  /// The JSON text on one line, without spaces.
  ///
  /// - Throws: `notExpressible` for NaN and infinity.
  package func compactText() throws -> [UInt8] {
    var writer = JSONWriter(isCompact: true)
    try writer.append(.object(self), key: "", indent: 0)
    return writer.text
  }

  /// The JSON text as a line of a log.
  ///
  /// JSON has no word for numbers that are not finite: they are written as the strings "NaN", "Infinity" and
  /// "-Infinity", which Python's `float()` and JavaScript's `Number()` read back. `null` would not tell which of the
  /// three it was.
  package func line() -> [UInt8] {
    var writer = JSONWriter(isCompact: true, quotesNotFinite: true)
    try? writer.append(.object(self), key: "", indent: 0)  // throws for numbers that are not finite alone
    return writer.text + [UInt8(ascii: "\n")]
  }
}

private struct JSONWriter {
  let isCompact: Bool
  let quotesNotFinite: Bool
  var text: [UInt8] = []

  init(isCompact: Bool, quotesNotFinite: Bool = false) {
    (self.isCompact, self.quotesNotFinite) = (isCompact, quotesNotFinite)
  }

  mutating func append(_ node: JSONNode, key: String, indent: Int) throws {
    switch node {
    case .null: append("null")
    case .bool(let value): append(value ? "true" : "false")
    case .integer(let value): append(String(value))
    case .double(let value) where value.isFinite:
      append(value.description)  // shortest text that reads back to the same double
    case .double(let value):
      guard quotesNotFinite else { throw JSONError.notExpressible(key: key) }
      append(quoting: value.isNaN ? "NaN" : value > 0 ? "Infinity" : "-Infinity")
    case .string(let value): append(quoting: value)
    case .array(let elements):
      try appendList("[", "]", elements.count, indent) { writer, index in
        try writer.append(elements[index], key: key, indent: indent + 1)
      }
    case .object(let fields):
      let pairs = Array(fields)
      try appendList("{", "}", pairs.count, indent) { writer, index in
        writer.append(quoting: pairs[index].key)
        writer.append(writer.isCompact ? ":" : ": ")
        try writer.append(pairs[index].value, key: pairs[index].key, indent: indent + 1)
      }
    }
  }

  private mutating func appendList(
    _ open: String, _ close: String, _ count: Int, _ indent: Int, _ element: (inout JSONWriter, Int) throws -> Void
  ) throws {
    append(open)
    for index in 0..<count {
      if index > 0 { append(",") }
      breakLine(indent + 1)
      try element(&self, index)
    }
    if count > 0 { breakLine(indent) }
    append(close)
  }

  private mutating func breakLine(_ indent: Int) {
    guard !isCompact else { return }
    text.append(UInt8(ascii: "\n"))
    text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * indent))
  }

  private mutating func append(_ string: String) { text.append(contentsOf: string.utf8) }

  private mutating func append(quoting string: String) {
    text.append(UInt8(ascii: "\""))
    for byte in string.utf8 {
      switch byte {
      case UInt8(ascii: "\""): append("\\\"")
      case UInt8(ascii: "\\"): append("\\\\")
      case UInt8(ascii: "\n"): append("\\n")
      case UInt8(ascii: "\r"): append("\\r")
      case UInt8(ascii: "\t"): append("\\t")
      case 0..<0x20:
        let digits = String(byte, radix: 16)
        append("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
      default: text.append(byte)
      }
    }
    text.append(UInt8(ascii: "\""))
  }
}
