import Foundation

/// A strict JSON reader (RFC 8259) for untrusted texts.
///
/// Beyond the grammar it refuses repeated keys, lone surrogates, numbers beyond a double, nesting deeper than 32 and
/// more than a million values, so that memory stays below 64 times the text and below some 300 MB, and no text can
/// exhaust the stack.
package struct JSONReader {
  package static let deepestNesting = 32
  package static let largestValueCount = 1 << 20

  private let bytes: UnsafeRawBufferPointer
  private var position = 0
  private var valueCount = 0

  private init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// The one value that `bytes` spell.
  package static func node(in bytes: UnsafeRawBufferPointer) throws -> JSONNode {
    var reader = JSONReader(bytes)
    let node = try reader.value(depth: 0)
    reader.skipSpace()
    guard reader.position == bytes.count else { throw reader.problem("text after the value") }
    return node
  }

  private func problem(_ reason: String, at offset: Int? = nil) -> JSONError {
    .grammar(offset: offset ?? position, reason: reason)
  }

  private mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  /// The next byte that is not white space, without taking it.
  private mutating func peek() throws -> UInt8 {
    skipSpace()
    guard position < bytes.count else { throw problem("the text ends too early") }
    return bytes[position]
  }

  private mutating func expect(_ character: Unicode.Scalar) throws {
    guard try peek() == UInt8(ascii: character) else { throw problem("expected \"\(character)\"") }
    position += 1
  }

  private mutating func value(depth: Int) throws -> JSONNode {
    valueCount += 1
    guard valueCount <= JSONReader.largestValueCount else {
      throw problem("more than \(JSONReader.largestValueCount) values")
    }
    switch try peek() {
    case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
    case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw problem("expected a value")
    }
  }

  private mutating func word(_ text: StaticString, _ node: JSONNode) throws -> JSONNode {
    let end = position + text.utf8CodeUnitCount
    guard end <= bytes.count, memcmp(bytes.baseAddress! + position, text.utf8Start, text.utf8CodeUnitCount) == 0 else {
      throw problem("expected a value")
    }
    position = end
    return node
  }

  private mutating func array(depth: Int) throws -> [JSONNode] {
    guard depth <= JSONReader.deepestNesting else { throw problem("nested deeper than \(JSONReader.deepestNesting)") }
    try expect("[")
    var elements: [JSONNode] = []
    if try peek() != UInt8(ascii: "]") {
      elements.append(try value(depth: depth))
      while try peek() == UInt8(ascii: ",") {
        position += 1
        elements.append(try value(depth: depth))
      }
    }
    try expect("]")
    return elements
  }

  private mutating func object(depth: Int) throws -> JSONFields {
    guard depth <= JSONReader.deepestNesting else { throw problem("nested deeper than \(JSONReader.deepestNesting)") }
    try expect("{")
    var fields = JSONFields()
    if try peek() != UInt8(ascii: "}") {
      try field(into: &fields, depth: depth)
      while try peek() == UInt8(ascii: ",") {
        position += 1
        try field(into: &fields, depth: depth)
      }
    }
    try expect("}")
    return fields
  }

  private mutating func field(into fields: inout JSONFields, depth: Int) throws {
    guard try peek() == UInt8(ascii: "\"") else { throw problem("expected a key in quotes") }
    let start = position
    let key = try string()
    guard fields[key] == nil else {
      throw JSONError.repeatedKey(key, offset: start)
    }
    try expect(":")
    fields[key] = try value(depth: depth)
  }
}

extension JSONReader {
  private mutating func string() throws -> String {
    try expect("\"")
    let start = position
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""):
        let text = try utf8(start..<position)
        position += 1
        return text
      case UInt8(ascii: "\\"): return try escapedString(from: start)
      case 0..<0x20: throw problem("control character in a string")
      default: position += 1
      }
    }
    throw problem("a string does not end")
  }

  private func utf8(_ range: Range<Int>) throws -> String {
    let part = UnsafeRawBufferPointer(rebasing: bytes[range])
    guard let text = String(validating: part, as: UTF8.self) else {
      throw JSONError.notUTF8(offset: range.lowerBound)
    }
    return text
  }

  /// A string that holds at least one escape, from its first byte on.
  private mutating func escapedString(from start: Int) throws -> String {
    var text: [UInt8] = Array(bytes[start..<position])
    while position < bytes.count {
      let byte = bytes[position]
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        guard let valid = String(validating: text, as: UTF8.self) else {
          throw JSONError.notUTF8(offset: start)
        }
        return valid
      case UInt8(ascii: "\\"): text += Array(try escape().utf8)
      case 0..<0x20: throw problem("control character in a string")
      default:
        text.append(byte)
        position += 1
      }
    }
    throw problem("a string does not end")
  }

  private mutating func escape() throws -> String {
    guard position + 1 < bytes.count else { throw problem("a string does not end") }
    let kind = bytes[position + 1]
    position += 2
    switch kind {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): return try unicodeEscape()
    default: throw problem("unknown escape in a string", at: position - 1)
    }
  }

  private mutating func unicodeEscape() throws -> String {
    let start = position
    let first = try fourHexadecimalDigits()
    if let scalar = Unicode.Scalar(first) { return String(Character(scalar)) }
    // A high surrogate must be followed by an escaped low one.
    guard (0xD800..<0xDC00).contains(first), position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
      bytes[position + 1] == UInt8(ascii: "u")
    else { throw problem("half a surrogate pair", at: start) }
    position += 2
    let second = try fourHexadecimalDigits()
    guard (0xDC00..<0xE000).contains(second),
      let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    else { throw problem("half a surrogate pair", at: start) }
    return String(Character(scalar))
  }

  private mutating func fourHexadecimalDigits() throws -> UInt32 {
    guard position + 4 <= bytes.count else { throw problem("a string does not end") }
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = hexadecimalDigit(bytes[position]) else { throw problem("expected four hexadecimal digits") }
      value = value << 4 | digit
      position += 1
    }
    return value
  }

  private mutating func number() throws -> JSONNode {
    let start = position
    if bytes[position] == UInt8(ascii: "-") { position += 1 }
    let whole = digits()
    guard whole.count > 0, whole.count == 1 || bytes[whole.lowerBound] != UInt8(ascii: "0") else {
      throw problem("not a number", at: start)
    }
    var isWhole = true
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      position += 1
      isWhole = false
      guard digits().count > 0 else { throw problem("not a number", at: start) }
    }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      isWhole = false
      if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
        position += 1
      }
      guard digits().count > 0 else { throw problem("not a number", at: start) }
    }
    guard position - start <= 1024 else { throw problem("a number of more than 1024 digits", at: start) }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isWhole, let value = Int(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite else { throw problem("a number beyond a double", at: start) }
    return .double(value)
  }

  private mutating func digits() -> Range<Int> {
    let start = position
    while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) { position += 1 }
    return start..<position
  }
}

private func hexadecimalDigit(_ byte: UInt8) -> UInt32? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
  case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
  case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
  default: nil
  }
}
