/// The parsers on bytes in memory, for tests that feed them many inputs.
package enum TaggedParsing {
  /// The examples of one file of a format with one file an input.
  package static func sentences(
    _ bytes: [UInt8], format: TaggedCorpusFormat, tagNames: [String] = [], badLineLimit: Int = 20
  ) throws -> [TaggedSentence] {
    let file = TaggedFile(name: "input", bytes: bytes)
    var bad = BadLines(limit: badLineLimit)
    var notes: [String] = []
    switch format {
    case .brat: throw TaggedCorpusError.missingCompanion(file: file.name, expected: "its annotations")
    case .conllu: return try ConlluReader.sentences(in: file, bad: &bad)
    case .conll2: return try TwoColumnReader.sentences(in: file, bad: &bad)
    case .cas: return try CasReader.documents(in: [file], bad: &bad, notes: &notes)
    case .jsonl:
      var reader = JSONLinesReader(tagNames: tagNames)
      return try reader.sentences(in: file, bad: &bad)
    }
  }

  /// The examples of one BRAT pair.
  package static func brat(
    text: [UInt8], annotations: [UInt8], segmentation: BratSegmentation,
    tokenization: WordTokenization = .whitespace, badLineLimit: Int = 20
  ) throws -> [TaggedSentence] {
    var reader = BratReader(segmentation: segmentation, keepsTails: true, tokenization: tokenization)
    var bad = BadLines(limit: badLineLimit)
    return try reader.sentences(
      text: TaggedFile(name: "input.txt", bytes: text), annotations: TaggedFile(name: "input.ann", bytes: annotations),
      bad: &bad)
  }
}
