import Corpus

/// Cuts a running text into sentences and words as its lines come; no more of it is kept than the lines of a block.
///
/// Offsets count the code points of the lines as they come and one for each line feed.
public struct TextReader {
  /// How a text becomes sentences.
  public enum Sentences: Sendable {
    /// By the rules of `SentenceSplitter` and `LineBreak`.
    case split
    /// A line is a sentence.
    case lines
  }

  /// A block beyond so many code points ends with the line, whatever its rules say.
  static let largestBlock = 1 << 16
  private static let byteOrderMark: Unicode.Scalar = "\u{FEFF}"

  private let tokenization: WordTokenization
  private let sentences: Sentences
  /// The lines of the block under way, each with its line feed, and where the last of them begins.
  private var block: [Unicode.Scalar] = []
  private var lastLine = 0
  /// Code points before the block.
  private var blockStart = 0

  /// - Parameter tokenization: where sentences are cut into words.
  public init(_ tokenization: WordTokenization, _ sentences: Sentences = .split) {
    (self.tokenization, self.sentences) = (tokenization, sentences)
  }

  /// Takes a line, without its line feed, and gives the sentences that are complete now.
  public mutating func add(line text: String) -> [TextSentence] {
    let line = Array(text.unicodeScalars)
    let isBlank = line.allSatisfy { TextMarks.isWhiteSpace($0) || $0 == TextReader.byteOrderMark }
    var complete: [TextSentence] = []
    if isBlank || block.isEmpty || cuts(before: line) { complete = finish() }
    if isBlank {
      blockStart += line.count + 1
    } else {
      lastLine = block.count
      block += line
      block.append("\n")
    }
    return complete
  }

  /// The sentences of the lines that are left: at the end of the text.
  public mutating func finish() -> [TextSentence] {
    defer {
      blockStart += block.count
      block.removeAll(keepingCapacity: true)
    }
    return TextReader.sentences(block, from: blockStart, tokenization, sentences)
  }

  private func cuts(before line: [Unicode.Scalar]) -> Bool {
    sentences == .lines || block.count + line.count > TextReader.largestBlock
      || LineBreak.cuts(block[lastLine...], line[...])
  }

  private static func sentences(
    _ block: [Unicode.Scalar], from start: Int, _ tokenization: WordTokenization, _ sentences: Sentences
  ) -> [TextSentence] {
    guard !block.isEmpty else { return [] }
    // A byte-order mark is no part of the first word.
    var scalars = block
    if start == 0, scalars[0] == byteOrderMark { scalars[0] = " " }
    let split = SentenceSplitter(scalars).sentences
    let parts = sentences == .split ? split : [ArraySlice(split.joined())].filter { !$0.isEmpty }
    return parts.map { stretches in
      let range = stretches[stretches.startIndex].lowerBound..<stretches[stretches.endIndex - 1].upperBound
      let words = stretches.flatMap { tokenization.words(of: $0, in: scalars) }
      return TextSentence(
        range: range.shifted(by: start), words: words.map { $0.shifted(by: start) }, scalars: Array(scalars[range]))
    }
  }
}

extension Range where Bound == Int {
  fileprivate func shifted(by distance: Int) -> Range { lowerBound + distance..<upperBound + distance }
}
