import CPalier
import Foundation
import Inference

/// Sentences on their way into the one block of memory that a `palier_result` is.
struct ResultBlock {
  private struct Span {
    var label: Int?
    var text: Int
    var range: Range<Int>
    var score: Double
  }

  private struct Sentence {
    var range: Range<Int>
    var text: Int?
    var words: Range<Int>
    var entities: Range<Int>
  }

  private var sentences: [Sentence] = []
  private var spans: [Span] = []
  /// All texts, a NUL behind each, and where those of labels begin.
  private var bytes: [UInt8] = []
  private var labelPlaces: [String: Int] = [:]
  private var wordCount = 0

  /// Adds a sentence of a text.
  mutating func add(_ sentence: TextSentence, _ labels: [WordLabel?], _ reader: LabelReader) {
    let words = zip(sentence.words, labels).map { range, label in
      span(reader.name(label), sentence.text(of: range), range, label.map { Double($0.score) } ?? 0)
    }
    let entities = reader.entities(labels).map { entity in
      let range =
        sentence.words[entity.words.lowerBound].lowerBound..<sentence.words[entity.words.upperBound - 1].upperBound
      return span(entity.type, sentence.text(of: range), range, entity.score)
    }
    add(range: sentence.range, text: place(of: sentence.text), words, entities)
  }

  /// Adds a sentence that came as words.
  mutating func add(words: [String], _ labels: [WordLabel?], _ reader: LabelReader) {
    let spans = words.indices.map { i in
      span(reader.name(labels[i]), words[i], i..<i + 1, labels[i].map { Double($0.score) } ?? 0)
    }
    let entities = reader.entities(labels).map {
      span($0.type, words[$0.words].joined(separator: " "), $0.words, $0.score)
    }
    add(range: wordCount..<wordCount + words.count, text: nil, spans, entities)
    wordCount += words.count
  }

  private mutating func add(range: Range<Int>, text: Int?, _ words: [Span], _ entities: [Span]) {
    let first = spans.count
    spans += words
    spans += entities
    sentences.append(
      Sentence(
        range: range, text: text, words: first..<first + words.count, entities: first + words.count..<spans.count))
  }

  private mutating func span(_ label: String?, _ text: String, _ range: Range<Int>, _ score: Double) -> Span {
    Span(label: label.map { place(ofLabel: $0) }, text: place(of: text), range: range, score: score)
  }

  private mutating func place(of text: String) -> Int {
    let place = bytes.count
    bytes += text.utf8
    bytes.append(0)
    return place
  }

  private mutating func place(ofLabel label: String) -> Int {
    if let known = labelPlaces[label] { return known }
    let place = place(of: label)
    labelPlaces[label] = place
    return place
  }

  /// The block: the result, its sentences, spans and texts. C function: `malloc`.
  /// - Throws: `LibraryError.noMemory`.
  func made() throws -> UnsafeMutablePointer<palier_result> {
    let sentencesAt = MemoryLayout<palier_result>.stride
    let spansAt = sentencesAt + sentences.count * MemoryLayout<palier_sentence>.stride
    let bytesAt = spansAt + spans.count * MemoryLayout<palier_span>.stride
    guard let block = malloc(bytesAt + bytes.count) else { throw LibraryError.noMemory(bytes: bytesAt + bytes.count) }
    let texts = (block + bytesAt).bindMemory(to: CChar.self, capacity: bytes.count)
    let ownSpans = (block + spansAt).bindMemory(to: palier_span.self, capacity: spans.count)
    let ownSentences = (block + sentencesAt).bindMemory(to: palier_sentence.self, capacity: sentences.count)
    for i in bytes.indices { texts[i] = CChar(bitPattern: bytes[i]) }
    for (i, span) in spans.enumerated() {
      ownSpans[i] = palier_span(
        label: span.label.map { UnsafePointer(texts + $0) }, text: texts + span.text,
        start: Int64(span.range.lowerBound), end: Int64(span.range.upperBound), score: span.score)
    }
    for (i, sentence) in sentences.enumerated() {
      ownSentences[i] = palier_sentence(
        start: Int64(sentence.range.lowerBound), end: Int64(sentence.range.upperBound),
        text: sentence.text.map { UnsafePointer(texts + $0) }, word_count: sentence.words.count,
        words: ownSpans + sentence.words.lowerBound, entity_count: sentence.entities.count,
        entities: ownSpans + sentence.entities.lowerBound)
    }
    let result = block.bindMemory(to: palier_result.self, capacity: 1)
    result.pointee = palier_result(sentence_count: sentences.count, sentences: ownSentences)
    return result
  }
}
