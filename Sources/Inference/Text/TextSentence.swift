import Corpus

/// A sentence of a running text with its words; offsets are in Unicode code points from the beginning of the text.
public struct TextSentence: Sendable, Equatable {
  /// Where it stands in the text, without white space at its ends.
  public let range: Range<Int>
  /// Where its words stand.
  public let words: [Range<Int>]
  private let scalars: [Unicode.Scalar]

  init(range: Range<Int>, words: [Range<Int>], scalars: [Unicode.Scalar]) {
    (self.range, self.words, self.scalars) = (range, words, scalars)
  }

  /// The text itself.
  public var text: String { text(of: range) }

  /// A part of it.
  public func text(of part: Range<Int>) -> String {
    scalars[part.lowerBound - range.lowerBound..<part.upperBound - range.lowerBound].text
  }
}
