/// What single code points are to the rules that cut text.
enum TextMarks {
  /// Marks that end a sentence.
  static func endsSentence(_ scalar: Unicode.Scalar) -> Bool { ".!?…‽".unicodeScalars.contains(scalar) }

  /// What may stand between an end mark and the white space after it.
  static func closes(_ scalar: Unicode.Scalar) -> Bool { "\"'»”’)]}".unicodeScalars.contains(scalar) }

  /// What may stand before a sentence's first word.
  static func opens(_ scalar: Unicode.Scalar) -> Bool { "\"'«“‘([{-–—¿¡".unicodeScalars.contains(scalar) }

  /// Signs of a list's items inside a line.
  static func isBullet(_ scalar: Unicode.Scalar) -> Bool { "•·▪◦●■□‣∙►➢✓".unicodeScalars.contains(scalar) }

  /// Signs of a list's items where a line begins.
  static func isLineBullet(_ scalar: Unicode.Scalar) -> Bool {
    isBullet(scalar) || "-–—*>".unicodeScalars.contains(scalar)
  }

  static func isWhiteSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x80 ? scalar.value == 0x20 || (0x09...0x0D).contains(scalar.value) : scalar.properties.isWhitespace
  }

  static func isDigit(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.generalCategory == .decimalNumber }
}

extension ArraySlice where Element == Unicode.Scalar {
  /// The code points as a text.
  var text: String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: self)
    return String(view)
  }

  /// Without opening marks before and closing marks after.
  var bare: ArraySlice {
    var bare = drop { TextMarks.opens($0) }
    while let last = bare.last, TextMarks.closes(last) { bare.removeLast() }
    return bare
  }

  /// Whether it numbers an item: `1.`, `2)`, `1.2.`, `a)`, `IV.`; a capital with a full stop may be a name's.
  var isEnumerator: Bool {
    guard let last, last == "." || last == ")", count <= 8 else { return false }
    let body = dropLast()
    if body.isEmpty { return false }
    if body.count == 1, last == ")", body[startIndex].properties.isAlphabetic { return true }
    if body.allSatisfy({ TextMarks.isDigit($0) || $0 == "." }) { return body.prefix { $0 != "." }.count <= 3 }
    return body.allSatisfy { "IVX".unicodeScalars.contains($0) }
  }
}
