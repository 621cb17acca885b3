import Base
import Corpus

/// Sentences with their labels as JSON lines.
public struct JSONTagLines: Sendable {
  private let reader: LabelReader

  /// Lines of what `reader` shows.
  public init(_ reader: LabelReader) { self.reader = reader }

  /// The line of a sentence that came as words: tokens, labels and scores word by word, and entities by the numbers of their
  /// words.
  /// - Parameter id: what named it in the input.
  public func line(words: [String], id: JSONNode?, _ labels: [WordLabel?]) -> [UInt8] {
    var fields = JSONFields()
    fields["id"] = id
    fields["tokens"] = .array(words.map { .string($0) })
    fields["labels"] = .array(labels.map { reader.name($0).map { .string($0) } ?? .null })
    fields["scores"] = .array(labels.map { $0.map { .double(rounded(Double($0.score))) } ?? .null })
    if reader.task == .entities {
      fields.add("entities", objects: reader.entities(labels)) { entity, found in
        entity.add("label", found.type)
        entity["words"] = [.integer(found.words.lowerBound), .integer(found.words.upperBound)]
        entity.add("text", words[found.words].joined(separator: " "))
        entity.add("score", rounded(found.score))
      }
    }
    return fields.line()
  }

  /// The line of a sentence of a text: its place and text, and its entities, or its words with their tags; offsets in code
  /// points of the text, ends exclusive.
  public func line(_ sentence: TextSentence, _ labels: [WordLabel?]) -> [UInt8] {
    var fields = JSONFields()
    fields.add("start", sentence.range.lowerBound)
    fields.add("end", sentence.range.upperBound)
    fields.add("text", sentence.text)
    let spans = SpanOfText.spans(sentence, labels, reader)
    fields.add(reader.task == .entities ? "entities" : "words", objects: spans) { fields, span in
      fields.add("label", span.label)
      fields.add("start", span.range.lowerBound)
      fields.add("end", span.range.upperBound)
      fields.add("text", span.text)
      fields.add("score", rounded(span.score))
    }
    return fields.line()
  }

  /// To six decimals: what a float32 probability has.
  private func rounded(_ score: Double) -> Double { (score * 1e6).rounded() / 1e6 }
}

/// Words and labels in two columns, a blank line after each sentence, as `fine_tuning.format: conll2` reads them.
public struct ConllTagLines: Sendable {
  private let reader: LabelReader

  /// Lines of what `reader` reads; all labels are shown.
  public init(_ reader: LabelReader) { self.reader = reader }

  /// The lines of a sentence; `_` for a word of no piece where labels are no entities'.
  public func lines(words: [String], _ labels: [WordLabel?]) -> [UInt8] {
    var text = ""
    for (word, label) in zip(words, labels) { text += word + "\t" + (reader.name(label) ?? "_") + "\n" }
    return Array((text + "\n").utf8)
  }

  /// The first word, from 1, that a line cannot hold; nil where all are well.
  public static func wordOfManyColumns(_ words: [String]) -> Int? {
    words.firstIndex { $0.isEmpty || $0.unicodeScalars.contains { $0.properties.isWhitespace } }.map { $0 + 1 }
  }
}

/// Text-bound annotations of BRAT: `T1<TAB>TYPE start end<TAB>text`, offsets in code points, end exclusive.
///
/// A span over a line break is one span; its text has a space in the break's place. https://brat.nlplab.org/standoff.html
public struct BratTagLines: Sendable {
  private let reader: LabelReader
  private var count = 0

  /// Annotations of one text, numbered from 1.
  public init(_ reader: LabelReader) { self.reader = reader }

  /// The lines of the text's next sentence.
  public mutating func lines(_ sentence: TextSentence, _ labels: [WordLabel?]) -> [UInt8] {
    var text = ""
    for span in SpanOfText.spans(sentence, labels, reader) {
      count += 1
      text += "T\(count)\t\(BratTagLines.oneWord(span.label)) \(span.range.lowerBound) \(span.range.upperBound)\t"
      text += BratTagLines.oneLine(span.text) + "\n"
    }
    return Array(text.utf8)
  }

  private static func oneWord(_ label: String) -> String {
    replacing(label, with: "_") { $0.properties.isWhitespace }
  }

  private static func oneLine(_ text: String) -> String {
    replacing(text, with: " ") { $0.value < 0x20 || [0x85, 0x2028, 0x2029].contains($0.value) }
  }

  private static func replacing(
    _ text: String, with mark: Unicode.Scalar, where isGone: (Unicode.Scalar) -> Bool
  ) -> String {
    var view = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { view.append(isGone(scalar) ? mark : scalar) }
    return String(view)
  }
}

/// An entity, or a word with its tag, where it stands in a text.
struct SpanOfText {
  let label: String
  let range: Range<Int>
  let text: String
  let score: Double

  static func spans(_ sentence: TextSentence, _ labels: [WordLabel?], _ reader: LabelReader) -> [SpanOfText] {
    guard reader.task == .entities else {
      return zip(sentence.words, labels).compactMap { range, label in
        guard let label, let name = reader.name(label), reader.isShown(name) else { return nil }
        return SpanOfText(label: name, range: range, text: sentence.text(of: range), score: Double(label.score))
      }
    }
    return reader.entities(labels).map { entity in
      let range =
        sentence.words[entity.words.lowerBound].lowerBound..<sentence.words[entity.words.upperBound - 1].upperBound
      return SpanOfText(label: entity.type, range: range, text: sentence.text(of: range), score: entity.score)
    }
  }
}
