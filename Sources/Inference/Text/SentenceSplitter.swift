/// Where sentences end inside a block of text: lines that belong together.
///
/// A sentence ends at white space alone. It ends after `.`, `!`, `?` or `…`, closing quotes and brackets behind them
/// included, where what follows does not begin with a small letter; and before a bullet that stands alone. It does not end
/// after a full stop
/// - of an abbreviation (`Dr.`, `cf.`, `p. ex.`, `n.`, `oct.`: `Abbreviations.joining`);
/// - of a name's initial: a capital alone, unless a word in small letters stands before it (`hépatite B. Il`) that is none
///   before names (`par J. Martin`);
/// - of a number or letter at the sentence's beginning, which numbers it (`2. Quelles sont…`);
/// - between two numbers, or between at most two letters and a number (`cp. 3`).
/// Full stops and commas inside numbers (`0,5`, `38.2`) have no white space behind them, and end nothing.
struct SentenceSplitter {
  private let scalars: [Unicode.Scalar]
  /// The stretches without white space.
  private let stretches: [Range<Int>]

  init(_ scalars: [Unicode.Scalar]) {
    self.scalars = scalars
    var stretches: [Range<Int>] = []
    var start: Int?
    for (i, scalar) in scalars.enumerated() {
      if TextMarks.isWhiteSpace(scalar) {
        if let first = start { stretches.append(first..<i) }
        start = nil
      } else if start == nil {
        start = i
      }
    }
    if let first = start { stretches.append(first..<scalars.count) }
    self.stretches = stretches
  }

  /// The stretches of each sentence, in order: together all of them.
  var sentences: [ArraySlice<Range<Int>>] {
    var sentences: [ArraySlice<Range<Int>>] = []
    var first = 0
    for i in stretches.indices where i + 1 == stretches.count || ends(after: i, first: first) {
      sentences.append(stretches[first...i])
      first = i + 1
    }
    return sentences
  }

  private func ends(after i: Int, first: Int) -> Bool {
    let next = scalars[stretches[i + 1]]
    if next.count == 1, TextMarks.isBullet(next[next.startIndex]) { return true }
    // A closing quote that stands apart goes with what it closes.
    if isClosing(i + 1) { return false }
    var end = i
    while end > first, isClosing(end) { end -= 1 }
    var body = scalars[stretches[end]]
    while let last = body.last, TextMarks.closes(last) { body.removeLast() }
    guard let mark = body.last, TextMarks.endsSentence(mark) else { return false }
    guard let begin = firstLetter(after: i), !begin.properties.isLowercase else { return false }
    guard mark == ".", body.dropLast().last != "." else { return true }
    return endsAtFullStop(body.dropLast().drop { TextMarks.opens($0) }, end, first, begin)
  }

  private func isClosing(_ i: Int) -> Bool { scalars[stretches[i]].allSatisfy { "»”’)]}".unicodeScalars.contains($0) } }

  /// The first code point after a stretch that is no opening mark; nil where nothing follows.
  private func firstLetter(after i: Int) -> Unicode.Scalar? {
    for stretch in stretches[(i + 1)...].prefix(3) {
      if let found = scalars[stretch].first(where: { !TextMarks.opens($0) }) { return found }
    }
    return nil
  }

  /// - Parameters:
  ///   - word: what stands before the full stop.
  ///   - begin: what the next sentence would begin with.
  private func endsAtFullStop(
    _ word: ArraySlice<Unicode.Scalar>, _ i: Int, _ first: Int, _ begin: Unicode.Scalar
  ) -> Bool {
    let before = i > first ? scalars[stretches[i - 1]] : []
    let isNumber = !word.isEmpty && word.allSatisfy(TextMarks.isDigit)
    if word.isEmpty { return !(TextMarks.isDigit(begin) && before.last.map(TextMarks.isDigit) ?? false) }
    if i == first, scalars[stretches[i]].isEnumerator { return false }
    if TextMarks.isDigit(begin), isNumber || word.count <= 2 { return false }
    if isNumber { return true }
    let name = word.text.lowercased()
    if Abbreviations.joining.contains(name) { return false }
    return !isInitial(word) || isAfterSmallLetters(before)
  }

  /// `J`, `J.-P`, `A.B`: capitals alone, or one.
  private func isInitial(_ word: ArraySlice<Unicode.Scalar>) -> Bool {
    guard word.count == 1 || word.contains(".") else { return false }
    return word.split(whereSeparator: { $0 == "." || $0 == "-" }).allSatisfy {
      $0.count == 1 && $0[$0.startIndex].properties.isUppercase
    }
  }

  private func isAfterSmallLetters(_ before: ArraySlice<Unicode.Scalar>) -> Bool {
    guard let letter = before.bare.first, letter.properties.isLowercase else { return false }
    return !Abbreviations.beforeNames.contains(before.text.lowercased())
  }
}
