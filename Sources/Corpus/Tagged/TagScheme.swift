/// How the tags of an entities corpus mark spans of words.
public enum TagScheme: String, Sendable, CaseIterable {
  /// `B-` opens a span, `I-` continues it, `O` is outside.
  case iob2
  /// As IOB2, with `E-` for a span's last word and `S-` for a span of one word.
  case bioes
}

extension TagScheme {
  /// `tag` in IOB2; nil for one that the scheme does not have.
  func iob2(_ tag: String) -> String? {
    if LabelSet.isIOB2(tag) { return tag }
    guard self == .bioes, tag.utf8.count > 2 else { return nil }
    let type = tag.unicodeScalars.dropFirst(2)
    if tag.utf8.starts(with: "S-".utf8) { return "B-" + String(type) }
    if tag.utf8.starts(with: "E-".utf8) { return "I-" + String(type) }
    return nil
  }

  /// Whether `tag` is a span's in this or another scheme of its kind (BIOES, BILOU): no part of speech is written so.
  static func marksSpan(_ tag: String) -> Bool {
    let bytes = Array(tag.utf8.prefix(3))
    return bytes.count == 3 && bytes[1] == UInt8(ascii: "-") && Array("BIESLU".utf8).contains(bytes[0])
  }
}

extension TaggedSentence {
  /// The sentence with its tags in IOB2.
  /// - Parameter place: where the word at a position stands, for the message.
  /// - Throws: `TaggedCorpusError.foreignTag` for a tag that `scheme` does not have.
  func inIOB2(from scheme: TagScheme, place: (Int) -> String) throws -> TaggedSentence {
    var sentence = self
    for (position, tag) in tags.enumerated() {
      guard let mapped = scheme.iob2(tag) else {
        throw TaggedCorpusError.foreignTag(tag: tag, word: words[position], place: place(position), scheme: scheme)
      }
      sentence.tags[position] = mapped
    }
    return sentence
  }
}
