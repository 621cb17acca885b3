import Base
import Corpus

extension Tagger {
  /// The sentences of a whole text in UTF-8, with the labels of their words.
  ///
  /// - Parameters:
  ///   - source: what names the text in messages.
  ///   - tokenization: where it is cut into words; nil: `tokenization` of the tagger.
  /// - Throws: `InferenceError.notUTF8`, and what encoding and the model bring.
  public func tag(
    text: UnsafeBufferPointer<UInt8>, source: String, tokenization: WordTokenization? = nil,
    sentences: TextReader.Sentences = .split
  ) throws -> [(sentence: TextSentence, labels: [WordLabel?])] {
    var tagged: [(sentence: TextSentence, labels: [WordLabel?])] = []
    let stream = TagStream<TextSentence>(self) { tagged.append(($0, $1)) }
    var reader = TextReader(tokenization ?? self.tokenization, sentences)
    func add(_ sentences: [TextSentence], _ line: Int) throws {
      for sentence in sentences {
        try stream.add(
          sentence, words: sentence.words.map { sentence.text(of: $0) }, source: "\(source), line \(line)")
      }
    }
    var lines = text.split(separator: 0x0A, omittingEmptySubsequences: false)
    // A line feed at the end begins no line.
    if lines.last?.isEmpty == true { lines.removeLast() }
    for (number, line) in lines.enumerated() {
      guard let line = String(validating: UnsafeBufferPointer(rebasing: line), as: UTF8.self) else {
        throw InferenceError.notUTF8(source: source, line: number + 1)
      }
      try add(reader.add(line: line), number + 1)
    }
    try add(reader.finish(), lines.count)
    try stream.flush()
    return tagged
  }

  /// The labels of each word of sentences that are cut into words, in batches.
  public func tag(inBatches sentences: [[String]], source: (Int) -> String) throws -> [[WordLabel?]] {
    var tagged: [[WordLabel?]] = []
    let stream = TagStream<Void>(self) { tagged.append($1) }
    for (number, words) in sentences.enumerated() { try stream.add((), words: words, source: source(number)) }
    try stream.flush()
    return tagged
  }
}
