import Base
import Foundation

/// A small French clinical corpus that the project writes itself, from templates: to try a whole run without any data.
///
/// Nothing in it is a real patient or a real text, and the medicine is not to be trusted. The same seed and size give
/// the same bytes anywhere. Entities carry QUAERO's types (ANAT, CHEM, DEVI, DISO, GEOG, LIVB, PHYS, PROC), parts of
/// speech are UPOS.
public struct SyntheticClinicalCorpus: Sendable {
  /// The tagged parts, by the names of their files.
  enum Part: String, CaseIterable {
    case train, validation, test
  }

  /// Reports that give about 300 kB of running text.
  public static let defaultDocuments = 260

  /// What every draw follows from.
  public let seed: UInt64
  /// Reports of running text.
  public let documents: Int

  /// The corpus of `seed` with this many reports, at least one.
  public init(seed: UInt64, documents: Int = defaultDocuments) {
    self.seed = seed
    self.documents = max(documents, 1)
  }

  /// The running text: a blank line between reports, one line a section.
  public func text() -> String {
    let reports = (0..<documents).map { number -> String in
      sections(part: 0, report: number).map { $0.map(\.runningText).joined(separator: " ") }.joined(separator: "\n")
    }
    return reports.joined(separator: "\n\n") + "\n"
  }

  /// The tagged parts, from other reports than the text; no sentence stands twice, in one part or in two.
  ///
  /// Examples: three a report for train, one for every two reports for validation and test.
  func taggedSentences() -> [Part: [[SyntheticToken]]] {
    let wanted: [Part: Int] = [
      .train: documents * 3, .validation: (documents + 1) / 2, .test: (documents + 1) / 2,
    ]
    var seen: Set<String> = []
    var parts: [Part: [[SyntheticToken]]] = [:]
    for (number, name) in Part.allCases.enumerated() {
      let count = wanted[name] ?? 0
      var sentences: [[SyntheticToken]] = []
      // A report has a dozen sentences or more, few of them seen before: the bound is never met but by a mistake here.
      for report in 0..<max(count, 8) where sentences.count < count {
        for sentence in sections(part: number + 1, report: report).joined() {
          let isNew = seen.insert(sentence.map(\.form).joined(separator: " ")).inserted
          if isNew, sentences.count < count { sentences.append(sentence) }
        }
      }
      parts[name] = sentences
    }
    return parts
  }

  private func sections(part: Int, report: Int) -> [[[SyntheticToken]]] {
    var report = SyntheticReport(random: SyntheticRandom(seed: seed, part: part, report: report))
    return report.sections()
  }
}

extension SyntheticClinicalCorpus {
  /// Where `write` put things.
  public struct Files: Sendable {
    /// Running text for the masked-language-model stream.
    public let text: URL
    /// Folder with `train.conll`, `validation.conll`, `test.conll`: two columns, words and IOB2 tags.
    public let entities: URL
    /// Folder with `train.conllu`, `validation.conllu`, `test.conllu`.
    public let partsOfSpeech: URL
    /// What these files are.
    public let readme: URL
  }

  /// Writes the corpus of `seed` into `folder`, which is made if need be: `corpus.txt`, `entities/`, `pos/`,
  /// `README.txt`.
  @discardableResult
  public static func write(
    to folder: URL, seed: UInt64, documents: Int = SyntheticClinicalCorpus.defaultDocuments
  ) throws -> Files {
    let corpus = SyntheticClinicalCorpus(seed: seed, documents: documents)
    let files = Files(
      text: folder.appendingPathComponent("corpus.txt"), entities: folder.appendingPathComponent("entities"),
      partsOfSpeech: folder.appendingPathComponent("pos"), readme: folder.appendingPathComponent("README.txt"))
    for made in [files.entities, files.partsOfSpeech] { try createFolders(made.standardizedFileURL.path) }
    try replaceFile(at: files.readme, with: Array(corpus.readme.utf8))
    try replaceFile(at: files.text, with: Array(corpus.text().utf8))
    for (name, sentences) in corpus.taggedSentences() {
      try replaceFile(
        at: files.entities.appendingPathComponent("\(name.rawValue).conll"), with: Array(corpus.conll(sentences).utf8))
      try replaceFile(
        at: files.partsOfSpeech.appendingPathComponent("\(name.rawValue).conllu"),
        with: Array(corpus.conllu(sentences).utf8))
    }
    return files
  }

  private var readme: String {
    """
    SYNTHETIC DATA. Written by palier from its own templates (seed \(seed), \(documents) reports).
    No sentence describes a real patient; nothing here is medical advice. For trying the program, not for results.

    corpus.txt           French clinical reports, a blank line between them
    entities/*.conll     word TAB tag, IOB2, a blank line between sentences; types as in QUAERO
    pos/*.conllu         CoNLL-U, FORM and UPOS; contractions as range lines

    The three parts share no sentence.

    """
  }

  /// Two columns, a blank line after each sentence.
  private func conll(_ sentences: [[SyntheticToken]]) -> String {
    sentences.map { $0.map { "\($0.form)\t\($0.entity)\n" }.joined() + "\n" }.joined()
  }

  /// CoNLL-U without heads: a contraction is a range line over its two words.
  private func conllu(_ sentences: [[SyntheticToken]]) -> String {
    var text = "# synthetic = yes, palier, seed \(seed)\n"
    for sentence in sentences {
      text += "# text = \(sentence.runningText)\n"
      var number = 1
      for (index, token) in sentence.enumerated() {
        let isGlued = token.isBoundToNext || index + 1 < sentence.count && sentence[index + 1].isBoundToPrevious
        let misc = isGlued ? "SpaceAfter=No" : "_"
        let isRange = token.parts.count > 1
        if isRange {
          text += "\(number)-\(number + token.parts.count - 1)\t\(token.form)\t_\t_\t_\t_\t_\t_\t_\t\(misc)\n"
        }
        for part in token.parts {
          text += "\(number)\t\(part.form)\t_\t\(part.tag)\t_\t_\t_\t_\t_\t\(isRange ? "_" : misc)\n"
          number += 1
        }
      }
      text += "\n"
    }
    return text
  }
}
