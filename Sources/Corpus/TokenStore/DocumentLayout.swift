import Base
import Foundation

/// How documents lie in a text file. Lines end with a line feed (a carriage return before it is white space).
public enum DocumentLayout: String, Sendable, CaseIterable {
  /// `blankLine` where the file holds a blank line, else `onePerLine`.
  case automatic
  /// Documents are one or more lines, with blank lines (nothing but white space) between them, as NACHOS is distributed.
  case blankLine = "blank-line"
  /// Every line that is not blank is a document.
  case onePerLine = "one-per-line"
}

extension DocumentLayout: Codable {
  /// The word of a token store's manifest, and of the fingerprint of its text: older than the configuration's.
  var storedName: String {
    switch self {
    case .automatic: "automatic"
    case .blankLine: "blankLine"
    case .onePerLine: "onePerLine"
    }
  }

  /// Reads the word of a manifest.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let name = try container.decode(String.self)
    guard let layout = Self.allCases.first(where: { $0.storedName == name }) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(name) is no layout of documents")
    }
    self = layout
  }

  /// Writes the word of a manifest.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(storedName)
  }
}

/// The documents of a text, as ranges of its bytes.
struct Documents {
  let text: UTF8Text.Bytes
  /// Not `.automatic`.
  let layout: DocumentLayout

  /// The layout that `layout` means for this text.
  static func resolve(_ layout: DocumentLayout, for text: UTF8Text.Bytes) -> DocumentLayout {
    guard layout == .automatic else { return layout }
    let documents = Documents(text: text, layout: layout)
    for line in documents.lines(of: 0..<text.count) { if documents.isBlank(line) { return .blankLine } }
    return .onePerLine
  }

  /// Calls `body` with each document in `range`, from its first line's start to its last line's end.
  ///
  /// `range` must start and end at boundaries.
  func forEach(in range: Range<Int>, _ body: (Range<Int>) throws -> Void) rethrows {
    var document: Range<Int>?
    for line in lines(of: range) {
      if isBlank(line) {
        if let whole = document { try body(whole) }
        document = nil
      } else if layout == .onePerLine {
        try body(line)
      } else {
        document = (document?.lowerBound ?? line.lowerBound)..<line.upperBound
      }
    }
    if let whole = document { try body(whole) }
  }

  /// The first place at or after `offset` where the text can be cut without cutting a document; the end if there is none.
  func boundary(atOrAfter offset: Int) -> Int {
    guard offset > 0 else { return 0 }
    // From the end of the line that holds the byte before `offset`, so that a boundary at `offset` itself is found.
    var lines = lines(of: offset - 1..<text.count)
    guard lines.next() != nil else { return text.count }
    if layout == .onePerLine { return lines.position }
    while let line = lines.next() { if isBlank(line) { return lines.position } }
    return text.count
  }

  private func lines(of range: Range<Int>) -> ByteLines { ByteLines(UnsafeRawBufferPointer(text), in: range) }

  private func isBlank(_ line: Range<Int>) -> Bool { UTF8Text.isBlank(UnsafeBufferPointer(rebasing: text[line])) }
}
