/// Whether a sentence may go on over the end of a line.
///
/// A line goes on in the next one where it ends with a comma, a hyphen or an opening mark, with a word that no sentence ends
/// with (`de`, `par`, `avec`) or an abbreviation, or where the next one begins with a small letter or a closing mark. It does
/// not where the next one is blank, or begins a list's item (`-`, `•`, `1.`, `a)`), after `:`, `;`, `!`, `?`, `…` or a full
/// stop before anything but a small letter, and after a line in capitals, which is a heading.
enum LineBreak {
  /// - Parameters:
  ///   - line: a line that is not blank, and `next` the one after it, which is not blank either.
  static func cuts(_ line: ArraySlice<Unicode.Scalar>, _ next: ArraySlice<Unicode.Scalar>) -> Bool {
    let next = next.drop(while: TextMarks.isWhiteSpace)
    let head = next.prefix { !TextMarks.isWhiteSpace($0) }
    var line = line
    while let last = line.last, TextMarks.isWhiteSpace(last) { line.removeLast() }
    guard let begin = head.first, let end = line.last else { return true }
    if beginsItem(head) || isHeading(line) { return true }
    let word = line.suffix(64).split(whereSeparator: TextMarks.isWhiteSpace).last ?? []
    var bare = word
    while let last = bare.last, TextMarks.closes(last), bare.count > 1 { bare.removeLast() }
    if ":;!?…".unicodeScalars.contains(bare.last ?? end) { return true }
    if bare.last == "." {
      let name = bare.dropLast().drop { TextMarks.opens($0) }.text.lowercased()
      return !Abbreviations.joining.contains(name) && !begin.properties.isLowercase
    }
    if ",-–—/=+('’«“[".unicodeScalars.contains(end) { return false }
    if Abbreviations.continuing.contains(word.bare.text.lowercased()) { return false }
    return !(begin.properties.isLowercase || ")]}»”,.;%".unicodeScalars.contains(begin))
  }

  private static func beginsItem(_ head: ArraySlice<Unicode.Scalar>) -> Bool {
    guard let first = head.first else { return false }
    return TextMarks.isLineBullet(first) || head.isEnumerator
  }

  /// Four capitals or more, and no small letter.
  private static func isHeading(_ line: ArraySlice<Unicode.Scalar>) -> Bool {
    !line.contains { $0.properties.isLowercase } && line.reduce(0) { $0 + ($1.properties.isUppercase ? 1 : 0) } >= 4
  }
}
