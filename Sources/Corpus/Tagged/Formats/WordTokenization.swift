/// Where a running text is cut into words (BRAT; the other formats bring their words).
public enum WordTokenization: String, Sendable, CaseIterable {
  /// At white space alone, as QUAERO is published: its texts stand with spaces around punctuation.
  case whitespace
  /// At white space, at punctuation and after French elisions, for texts as they are written: `l'asthme,` is `l'`,
  /// `asthme`, `,`.
  ///
  /// A punctuation mark or symbol is a word of its own, a run of one mark (`...`) one word. An apostrophe (`'`, `’`,
  /// `ʼ`) after an elided word (`l'`, `qu'`, `jusqu'`) ends that word; between other letters it belongs to the word
  /// (`aujourd'hui`, `prud'homme`). A comma or full stop between digits belongs to the number.
  case punctuation
}

extension WordTokenization {
  /// The words of one stretch of `scalars` without white space, as ranges of their indices; they cover the stretch.
  package func words(of stretch: Range<Int>, in scalars: [Unicode.Scalar]) -> [Range<Int>] {
    guard self == .punctuation else { return [stretch] }
    var cut = PunctuationCut(scalars: scalars, end: stretch.upperBound, position: stretch.lowerBound)
    var words: [Range<Int>] = []
    while let word = cut.next() { words.append(word) }
    return words
  }
}

/// The words of a stretch without white space, one after the other.
private struct PunctuationCut {
  let scalars: [Unicode.Scalar]
  let end: Int
  /// Where the next word starts.
  var position: Int

  /// Forms that lose their last vowel before another: the apostrophe after them ends a word.
  private static let elided: Set<String> = [
    "c", "d", "j", "l", "m", "n", "s", "t", "ç", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu", "presqu", "quelqu",
  ]
  /// Words that hold an elided form and are one all the same.
  private static let whole: Set<String> = ["quelqu'un", "quelqu'une", "presqu'île", "presqu'îles"]

  mutating func next() -> Range<Int>? {
    guard position < end else { return nil }
    let start = position
    position = isMark(start) ? endOfMarks(from: start) : endOfWord(from: start)
    return start..<position
  }

  /// The end of a run of the mark at `start`, with what combines with it.
  private func endOfMarks(from start: Int) -> Int {
    var at = start + 1
    while at < end, scalars[at] == scalars[start] || joins(at) { at += 1 }
    return at
  }

  private func endOfWord(from start: Int) -> Int {
    var at = start + 1
    while at < end {
      if isApostrophe(at), isLetter(at - 1) {
        if endsElision(start, at) { return at + 1 }
        guard at + 1 < end, !isMark(at + 1) else { return at }
      } else if isMark(at), !isInsideNumber(at) {
        return at
      }
      at += 1
    }
    return at
  }

  /// Whether the apostrophe at `at` ends the elided word that starts at `start`.
  private func endsElision(_ start: Int, _ at: Int) -> Bool {
    guard PunctuationCut.elided.contains(text(start..<at)) else { return false }
    var after = at + 1
    while after < end, !isMark(after) { after += 1 }
    return !PunctuationCut.whole.contains(text(start..<at) + "'" + text(at + 1..<after))
  }

  private func text(_ range: Range<Int>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars[range])
    return String(view).lowercased()
  }

  private func isApostrophe(_ at: Int) -> Bool { ["'", "\u{2019}", "\u{2BC}"].contains(scalars[at]) }

  private func isLetter(_ at: Int) -> Bool { scalars[at].properties.isAlphabetic || joins(at) }

  private func isInsideNumber(_ at: Int) -> Bool {
    (scalars[at] == "," || scalars[at] == ".") && at + 1 < end && isDigit(at - 1) && isDigit(at + 1)
  }

  private func isDigit(_ at: Int) -> Bool { scalars[at].properties.generalCategory == .decimalNumber }

  /// An accent or joiner, which belongs to what stands before it.
  private func joins(_ at: Int) -> Bool {
    switch scalars[at].properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .format: true
    default: false
    }
  }

  /// Whether a mark stands at `at`: punctuation or a symbol.
  private func isMark(_ at: Int) -> Bool {
    // U+02BC is a letter by its category, and an apostrophe by use.
    if isApostrophe(at) { return true }
    switch scalars[at].properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation, .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol:
      return true
    default: return false
    }
  }
}
