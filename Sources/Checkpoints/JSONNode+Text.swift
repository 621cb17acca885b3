extension JSONFields {
  /// The JSON text, indented by two spaces and ended by a line break, as Python's `json.dumps(…, indent=2)` lays it
  /// out.
  ///
  /// - Parameter file: the file to be written, for the message.
  /// - Throws: `notExpressibleInJSON` for NaN and infinity.
  public func text(for file: String) throws -> [UInt8] {
    var writer = JSONWriter(file: file)
    try writer.append(.object(self), key: "", indent: 0)
    writer.text.append(UInt8(ascii: "\n"))
    return writer.text
  }

  /// The JSON text on one line, without spaces.
  package func compactText(for file: String) throws -> [UInt8] {
    var writer = JSONWriter(file: file)
    writer.isCompact = true
    try writer.append(.object(self), key: "", indent: 0)
    return writer.text
  }
}

private struct JSONWriter {
  let file: String
  var isCompact = false
  var text: [UInt8] = []

  init(file: String) { self.file = file }

  mutating func append(_ node: JSONNode, key: String, indent: Int) throws {
    switch node {
    case .null: append("null")
    case .bool(let value): append(value ? "true" : "false")
    case .integer(let value): append(String(value))
    case .double(let value):
      guard value.isFinite else { throw CheckpointError.notExpressibleInJSON(file: file, key: key) }
      append(value.description)  // shortest text that reads back to the same double
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
