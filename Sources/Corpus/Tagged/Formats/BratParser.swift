/// Parses a BRAT pair: a text and its stand-off annotations.
///
/// Offsets are Unicode code points, end exclusive. Entity lines: `T1<TAB>TYPE start end[;start end…]<TAB>text`. Other
/// kinds of annotation (notes, relations, events, attributes) are passed over. An entity line that does not parse or
/// lies outside the text throws: one bad offset usually means that all are of another text. A text that is not what
/// stands at the offsets, and a line of no known kind, are reported and passed over.
///
/// Editors add byte-order marks and carriage returns that the annotation may or may not have counted: of the ways to
/// count them, the one under which most entities find their own text is taken. https://brat.nlplab.org/standoff.html
struct BratParser {
  private struct Entity {
    let line: Int
    let type: String
    let parts: [(start: Int, end: Int)]
    /// The annotation's copy of its text; nil when it has none.
    let text: String?
  }

  private let text: TaggedFile
  private let scalars: [Unicode.Scalar]

  static func document(
    text: TaggedFile, annotations: TaggedFile, tokenization: WordTokenization, bad: inout BadLines
  ) throws -> BratDocument {
    bad.begin(annotations)
    let parser = try BratParser(text)
    let entities = try parser.entities(in: annotations, &bad)
    var document = BratDocument()
    document.tokens = parser.tokens(tokenization)
    document.entityCount = entities.count
    document.discontinuousCount = entities.reduce(0) { $0 + ($1.parts.count > 1 ? 1 : 0) }
    try parser.place(entities, from: annotations, into: &document, &bad)
    return document
  }

  private init(_ file: TaggedFile) throws {
    text = file
    if let line = file.firstLineNotUTF8 { throw TaggedCorpusError.notUTF8(file: file.name, line: line) }
    scalars = Array(String(decoding: file.bytes, as: UTF8.self).unicodeScalars)
  }

  /// The words of the text: split on white space, and by `tokenization` inside what is between.
  private func tokens(_ tokenization: WordTokenization) -> [BratDocument.Token] {
    var tokens: [BratDocument.Token] = []
    var line = 1
    var start = scalars.first == BratParser.byteOrderMark ? 1 : 0
    var index = start
    func close(_ end: Int) {
      guard start < end else { return }
      for range in tokenization.words(of: start..<end, in: scalars) {
        var word = String.UnicodeScalarView()
        word.append(contentsOf: scalars[range])
        tokens.append(
          BratDocument.Token(start: range.lowerBound, end: range.upperBound, word: String(word), line: line))
      }
    }
    while index < scalars.count {
      if scalars[index].properties.isWhitespace {
        close(index)
        if scalars[index] == "\n" { line += 1 }
        start = index + 1
      }
      index += 1
    }
    close(scalars.count)
    return tokens
  }

  // MARK: Entity lines

  private func entities(in file: TaggedFile, _ bad: inout BadLines) throws -> [Entity] {
    var entities: [Entity] = []
    try file.forEachLine { number, line in
      guard let kind = line.first, !line.isBlankLine else { return }
      switch kind {
      case UInt8(ascii: "T"): entities.append(try entity(line, file, number))
      case UInt8(ascii: "#"), UInt8(ascii: "R"), UInt8(ascii: "E"), UInt8(ascii: "A"), UInt8(ascii: "M"),
        UInt8(ascii: "N"), UInt8(ascii: "*"):
        break
      default:
        try bad.add(
          file, number,
          "no BRAT annotation starts with \(line.prefix(8).excerpt)")
      }
    }
    return entities
  }

  private func entity(_ line: ArraySlice<UInt8>, _ file: TaggedFile, _ number: Int) throws -> Entity {
    func problem(_ reason: String) -> TaggedCorpusError { .badEntity(file: file.name, line: number, reason: reason) }
    let columns = line.split(separator: 0x09, maxSplits: 2, omittingEmptySubsequences: false)
    guard columns.count >= 2 else { throw problem("no tab after its name; expected T1<TAB>TYPE start end<TAB>text") }
    let head = columns[1].split(separator: 0x20, maxSplits: 1, omittingEmptySubsequences: false)
    guard head.count == 2, let type = head[0].utf8Text, !type.isEmpty else {
      throw problem("expected TYPE start end in its second column")
    }
    let parts = try head[1].fields(separator: UInt8(ascii: ";")).map { part in
      let ends = part.split(separator: 0x20, omittingEmptySubsequences: false)
      guard ends.count == 2, let start = ends[0].decimalNumber, let end = ends[1].decimalNumber else {
        throw problem("offsets \(part.excerpt) are not two numbers")
      }
      guard start < end else { throw problem("span \(start) \(end) is empty or reversed") }
      guard end <= scalars.count else {
        throw TaggedCorpusError.spanOutsideText(
          file: file.name, line: number, start: start, end: end, characterCount: scalars.count)
      }
      return (start: start, end: end)
    }
    guard columns.count == 3 else { return Entity(line: number, type: type, parts: parts, text: nil) }
    guard let copy = columns[2].utf8Text else { throw problem("its text is not UTF-8") }
    return Entity(line: number, type: type, parts: parts, text: copy)
  }

  // MARK: Offsets

  private static let byteOrderMark: Unicode.Scalar = "\u{FEFF}"

  /// Adds the parts of `entities` as spans, and reports those whose text is another.
  private func place(
    _ entities: [Entity], from file: TaggedFile, into document: inout BratDocument, _ bad: inout BadLines
  ) throws {
    let offsets = bestOffsets(for: entities)
    var order = 0
    for entity in entities {
      let parts = entity.parts.compactMap { offsets.range($0.start, $0.end) }
      guard parts.count == entity.parts.count else {
        let last = entity.parts.map(\.end).max() ?? 0
        throw TaggedCorpusError.spanOutsideText(
          file: file.name, line: entity.line, start: entity.parts[0].start, end: last, characterCount: scalars.count)
      }
      guard matches(entity, parts) else {
        let found = parts.map { string(scalars[$0]) }.joined(separator: " ")
        try bad.add(
          file, entity.line, "entity text \((entity.text ?? "").excerpt), but its offsets hold \(found.excerpt)")
        continue
      }
      for part in parts {
        document.spans.append(
          BratDocument.Span(start: part.lowerBound, end: part.upperBound, type: entity.type, order: order))
        order += 1
      }
    }
  }

  /// How annotation offsets map to indices of `scalars`.
  private struct Offsets {
    /// Index of each counted character and the end; nil when every character was counted.
    var indices: [Int]?

    func range(_ start: Int, _ end: Int) -> Range<Int>? {
      guard let indices else { return start..<end }
      return end < indices.count ? indices[start]..<indices[end] : nil
    }
  }

  private func bestOffsets(for entities: [Entity]) -> Offsets {
    var candidates = [Offsets()]
    let hasMark = scalars.first == BratParser.byteOrderMark
    let hasReturns = scalars.contains("\r")
    if hasMark { candidates.append(Offsets(indices: counted(mark: false, returns: true))) }
    if hasReturns { candidates.append(Offsets(indices: counted(mark: true, returns: false))) }
    if hasMark, hasReturns { candidates.append(Offsets(indices: counted(mark: false, returns: false))) }
    guard candidates.count > 1 else { return candidates[0] }
    let mismatches = candidates.map { offsets in
      entities.reduce(0) { sum, entity in
        let parts = entity.parts.compactMap { offsets.range($0.start, $0.end) }
        return sum + (parts.count == entity.parts.count && matches(entity, parts) ? 0 : 1)
      }
    }
    let best = mismatches.indices.min { mismatches[$0] < mismatches[$1] } ?? 0
    return candidates[best]
  }

  /// The indices of the characters that count when a leading mark, or the CR of a CR LF, does not; then the end.
  private func counted(mark: Bool, returns: Bool) -> [Int] {
    let kept = scalars.indices.filter { index in
      if !mark, index == 0 { return false }
      return returns || scalars[index] != "\r" || index + 1 == scalars.count || scalars[index + 1] != "\n"
    }
    return kept + [scalars.count]
  }

  /// Whether the entity's copy of its text is what stands at `parts`, white space apart (BRAT joins lines with spaces).
  private func matches(_ entity: Entity, _ parts: [Range<Int>]) -> Bool {
    guard let copy = entity.text else { return true }
    var expected = copy.unicodeScalars.lazy.filter { !$0.properties.isWhitespace }.makeIterator()
    for part in parts {
      for scalar in scalars[part] where !scalar.properties.isWhitespace {
        guard expected.next() == scalar else { return false }
      }
    }
    return expected.next() == nil
  }

  private func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars.prefix(41))
    return String(view)
  }
}
