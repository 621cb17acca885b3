import Corpus
import Foundation
import Inference

/// Tags running text.
struct TextTagging {
  private let tagger: Tagger
  private let reader: LabelReader
  private let form: Tag.Form
  private let text: TextReader

  init(
    _ tagger: Tagger, _ reader: LabelReader, _ form: Tag.Form, _ tokenization: WordTokenization,
    _ sentences: TextReader.Sentences
  ) {
    (self.tagger, self.reader, self.form) = (tagger, reader, form)
    text = TextReader(tokenization, sentences)
  }

  /// Tags one source to its end; returns how many sentences it had.
  func run(_ source: TagSource, into output: TagOutput) throws -> Int {
    var text = text
    var brat = BratTagLines(reader)
    var count = 0
    let stream = TagStream<TextSentence>(tagger) { sentence, labels in
      switch form {
      case .jsonl: try output.append(JSONTagLines(reader).line(sentence, labels))
      case .conll:
        try output.append(ConllTagLines(reader).lines(words: sentence.words.map { sentence.text(of: $0) }, labels))
      case .brat: try output.append(brat.lines(sentence, labels))
      }
    }
    func add(_ sentences: [TextSentence], _ line: Int) throws {
      for sentence in sentences {
        count += 1
        try stream.add(
          sentence, words: sentence.words.map { sentence.text(of: $0) }, source: "\(source.name), line \(line)")
      }
    }
    func handOn() throws {
      try stream.flush()
      try output.flush()
    }
    try handingOn(handOn) {
      try source.forEachLine(flushing: handOn) { number, bytes in
        guard let line = String(validating: bytes, as: UTF8.self) else {
          throw InferenceError.notUTF8(source: source.name, line: number)
        }
        try add(text.add(line: line), number)
      }
      try add(text.finish(), 0)
    }
    return count
  }
}

/// Tags sentences that come as words.
struct WordTagging {
  private let tagger: Tagger
  private let reader: LabelReader
  private let form: Tag.Form

  init(_ tagger: Tagger, _ reader: LabelReader, _ form: Tag.Form) {
    (self.tagger, self.reader, self.form) = (tagger, reader, form)
  }

  /// Tags one source to its end; returns how many sentences it had.
  func run(_ source: TagSource, into output: TagOutput) throws -> Int {
    var count = 0
    let stream = TagStream<WordsLine>(tagger) { sentence, labels in
      try output.append(
        form == .conll
          ? ConllTagLines(reader).lines(words: sentence.words, labels)
          : JSONTagLines(reader).line(words: sentence.words, id: sentence.id, labels))
    }
    func handOn() throws {
      try stream.flush()
      try output.flush()
    }
    try handingOn(handOn) {
      try source.forEachLine(flushing: handOn) { number, bytes in
        if bytes.allSatisfy({ [0x20, 0x09, 0x0D].contains($0) }) { return }
        let sentence = try read(bytes, source, number)
        count += 1
        try stream.add(sentence, words: sentence.words, source: "\(source.name), line \(number)")
      }
    }
    return count
  }

  private func read(_ bytes: UnsafeBufferPointer<UInt8>, _ source: TagSource, _ number: Int) throws -> WordsLine {
    let sentence: WordsLine
    do { sentence = try WordsLine(bytes) } catch let problem as WordsLine.Malformed {
      throw InferenceError.badLine(source: source.name, line: number, reason: problem.reason)
    }
    if form == .conll, let word = ConllTagLines.wordOfManyColumns(sentence.words) {
      throw InferenceError.wordOfManyColumns(source: source.name, line: number, word: word)
    }
    return sentence
  }
}

/// Runs `body`, and hands on what is complete, before an error too: what came before a bad line is good.
private func handingOn(_ handOn: () throws -> Void, _ body: () throws -> Void) throws {
  do { try body() } catch {
    try? handOn()
    throw error
  }
  try handOn()
}
