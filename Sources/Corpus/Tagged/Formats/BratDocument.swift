/// One BRAT document: the tokens of its text and the spans of its annotations, both in code points.
package struct BratDocument {
  /// A word: a run of characters that are not white space, or a part of one (`WordTokenization`); `start..<end` in code
  /// points of the text.
  struct Token {
    let start: Int
    let end: Int
    let word: String
    /// Line of the text it stands on, from 1.
    let line: Int
  }

  /// One part of an entity. `order` is its place among all parts of the file: ties go to the earlier.
  struct Span {
    let start: Int
    let end: Int
    let type: String
    let order: Int
  }

  var tokens: [Token] = []
  var spans: [Span] = []
  /// Entities read, a discontinuous one counted once.
  var entityCount = 0
  var discontinuousCount = 0
  /// Entities that cover no token.
  var emptyCount = 0
  /// Spans that begin or end inside a token, all of which they are taken to cover.
  var insideCount = 0
}

extension BratDocument {
  /// The tags of the tokens, in IOB2.
  ///
  /// A span covers the tokens that it overlaps. Spans that share a token compete: the longest in code points stays; of
  /// equal ones the one that starts first, then the one that stands first in the file.
  mutating func tags() -> [String] {
    var tags = [String](repeating: "O", count: tokens.count)
    let byLength = spans.sorted { a, b in
      (b.end - b.start, a.start, a.order) < (a.end - a.start, b.start, b.order)
    }
    for span in byLength {
      let first = tokens.partitioningIndex { $0.end > span.start }
      let end = tokens.partitioningIndex { $0.start >= span.end }
      guard first < end else {
        emptyCount += 1
        continue
      }
      if tokens[first].start < span.start || tokens[end - 1].end > span.end { insideCount += 1 }
      // No shorter span can hold a kept one inside, so its two ends tell whether it meets any.
      guard tags[first] == "O", tags[end - 1] == "O" else { continue }
      for index in first..<end { tags[index] = (index == first ? "B-" : "I-") + span.type }
    }
    return tags
  }

  /// The ranges of tokens between cuts: after each `.` token whose preceding token is not numeric. The last range is
  /// the tail, empty when the text ends with a cut.
  func segments() -> (ranges: [Range<Int>], tail: Range<Int>) {
    var ranges: [Range<Int>] = []
    var start = 0
    for index in tokens.indices.dropFirst()
    where tokens[index].word == "." && !BratDocument.isNumeric(tokens[index - 1].word) {
      ranges.append(start..<index + 1)
      start = index + 1
    }
    return (ranges, start..<tokens.count)
  }

  /// Whether every character has a numeric value in Unicode (Python's `str.isnumeric`).
  private static func isNumeric(_ word: String) -> Bool {
    !word.isEmpty && word.unicodeScalars.allSatisfy { $0.properties.numericType != nil }
  }
}

extension Array {
  /// The first index whose element satisfies `predicate`, which must hold for all elements after it; `count` if none.
  fileprivate func partitioningIndex(where predicate: (Element) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if predicate(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
