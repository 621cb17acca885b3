import Compute
import Foundation

/// The file formats of tagged corpora.
public enum TaggedCorpusFormat: String, Sendable, CaseIterable {
  /// BRAT stand-off, entities (QUAERO).
  case brat
  /// CoNLL-U, its UPOS column.
  case conllu
  /// The text files of CAS and ESSAI, parts of speech.
  case cas
  /// CoNLL with two columns, word and tag.
  case conll2
  /// JSON lines with `tokens` and `ner_tags` or `pos_tags`.
  case jsonl
}

/// Where a tagged corpus lies.
public enum TaggedCorpusPaths: Sendable {
  /// A folder whose names tell the parts: `train`, `dev` (or `valid`, `validation`) and `test`, as folders for BRAT
  /// and as parts of file names otherwise. For CAS and ESSAI all its text files, split by seed; so for BRAT where the
  /// folder holds `.txt` and `.ann` files and no folder of a part.
  case folder(URL)
  /// The files (folders for BRAT) of each part; a part may have none.
  case splits(train: [URL], validation: [URL], test: [URL])
  /// Files (folders for BRAT) to be shuffled and split 70/10/20 by seed: whole documents in BRAT, examples otherwise.
  case pooled([URL])
}

/// Choices in reading a tagged corpus.
public struct TaggedCorpusOptions: Sendable {
  /// What the tags say; nil: what the format or the tags themselves tell.
  public var task: TaggedTask?
  /// Seed of the 70/10/20 split.
  public var seed: UInt64
  /// The folder inside each part of a BRAT corpus (QUAERO: `EMEA` or `MEDLINE`).
  public var bratSubset: String?
  /// How BRAT documents are cut; nil: at full stops where the folder's name holds `EMEA`, else not.
  public var bratSegmentation: BratSegmentation?
  /// Whether the words after the last cut of a BRAT file are an example too (empty where the file ends with a cut):
  /// with them QUAERO EMEA has 440/401/363 examples, without them 429/389/348.
  public var keepsTails: Bool
  /// Where the texts of a BRAT corpus are cut into words.
  public var tokenization: WordTokenization
  /// How the tags of an entities corpus mark spans; the corpus that is read has IOB2.
  public var tags: TagScheme
  /// Names of tags that are numbers in JSON lines; else `labels.txt` beside the file is read where there is one.
  public var tagNames: [String]
  /// Bad lines to report and pass over, one in a hundred lines on top; 0: the first one is an error.
  public var badLineLimit: Int

  /// The choices above, each with its default.
  public init(
    task: TaggedTask? = nil, seed: UInt64 = 0, bratSubset: String? = nil, bratSegmentation: BratSegmentation? = nil,
    keepsTails: Bool = true, tokenization: WordTokenization = .whitespace, tags: TagScheme = .iob2,
    tagNames: [String] = [], badLineLimit: Int = 20
  ) {
    self.task = task
    self.seed = seed
    self.bratSubset = bratSubset
    self.bratSegmentation = bratSegmentation
    self.keepsTails = keepsTails
    self.tokenization = tokenization
    self.tags = tags
    self.tagNames = tagNames
    self.badLineLimit = badLineLimit
  }
}

/// Reads tagged corpora of every format.
///
/// Damage that puts the rest in doubt is thrown at once: a missing half of a BRAT pair, an entity line that does not
/// parse or lies outside its text, a text that is not UTF-8 under offsets, numbers without names. A single bad line is
/// reported in `TaggedCorpus.notes` with its file and line, and reading goes on, until there are too many
/// (`badLineLimit`): CoNLL formats leave out the sentence, JSON lines the example, CAS the line, BRAT the entity. Text
/// is never normalised. A byte-order mark and CR LF line ends are accepted everywhere.
public struct TaggedCorpusReader {
  private let format: TaggedCorpusFormat
  private let options: TaggedCorpusOptions
  private var bad: BadLines
  private var notes: [String] = []
  private var declaredLabels: Set<String> = []
  private var task: TaggedTask?

  /// Examples that must not be parted by a random split: the sentences of a document, or one example.
  private typealias Unit = [TaggedSentence]

  /// The corpus at `paths`. Throws `TaggedCorpusError`.
  public static func read(
    format: TaggedCorpusFormat, paths: TaggedCorpusPaths, options: TaggedCorpusOptions = TaggedCorpusOptions()
  ) throws -> TaggedCorpus {
    var reader = try TaggedCorpusReader(format, options)
    switch paths {
    case .folder(let folder): return try reader.read(SplitPaths.resolve(folder, format: format, options: options))
    case .splits(let train, let validation, let test):
      return try reader.read(.parts([train, validation, test]))
    case .pooled(let files): return try reader.read(.pooled(files))
    }
  }

  private init(_ format: TaggedCorpusFormat, _ options: TaggedCorpusOptions) throws {
    self.format = format
    self.options = options
    bad = BadLines(limit: options.badLineLimit)
    task = options.task
    let held: TaggedTask? = [.brat: .entities, .conllu: .pos, .cas: .pos][format]
    if let held {
      guard (task ?? held) == held else {
        throw TaggedCorpusError.taskMismatch(format: format.rawValue, task: task?.rawValue ?? "")
      }
      task = held
    }
  }

  private mutating func read(_ paths: SplitPaths) throws -> TaggedCorpus {
    var units: [[Unit]]
    var pooled: [URL]?
    switch paths {
    case .parts(let urls):
      notes += RepeatedFiles.lines(urls.flatMap { $0 })
      units = try zip(TaggedSplitName.allCases, urls).map { name, urls in
        let units = try self.units(urls, of: name.rawValue)
        if units.allSatisfy(\.isEmpty), let first = urls.first { throw TaggedCorpusError.noSentences(path: first.path) }
        return units
      }
    case .pooled(let urls):
      notes += RepeatedFiles.lines(urls)
      units = [try self.units(urls, of: "whole corpus")]
      pooled = urls
    }
    let task = settledTask(units)
    if task == .entities { units = try units.map { try $0.map { try $0.map(inIOB2) } } }
    let parts = try pooled.map { try shuffled(units[0], from: $0) } ?? units.map { $0.flatMap { $0 } }
    guard parts.contains(where: { !$0.isEmpty }) else { throw TaggedCorpusError.noSentences(path: "(no file named)") }
    var corpus = TaggedCorpus(
      task: task, train: parts[0], validation: parts[1], test: parts[2],
      declaredLabels: Array(declaredLabels), notes: bad.notes + notes)
    corpus.complaints = bad.notes
    return corpus
  }

  /// The task: asked for, told by the format, or by the tags: entities when every tag is IOB2, or when `O` stands among
  /// them and a tag that marks a span.
  private func settledTask(_ units: [[Unit]]) -> TaggedTask {
    if let task { return task }
    let tags = units.joined().joined().reduce(into: Set<String>()) { $0.formUnion($1.tags) }
    let marksSpans = tags.contains("O") && tags.contains(where: TagScheme.marksSpan)
    return marksSpans || tags.allSatisfy(LabelSet.isIOB2) ? .entities : .pos
  }

  private func inIOB2(_ sentence: TaggedSentence) throws -> TaggedSentence {
    try sentence.inIOB2(from: options.tags) { position in
      // Two columns: a word a line, one after the other from the line of the sentence's source on.
      guard format == .conll2, let colon = sentence.source.lastIndex(of: ":"),
        let first = Int(sentence.source[sentence.source.index(after: colon)...])
      else { return sentence.source }
      return "\(sentence.source[..<colon]):\(first + position)"
    }
  }

  /// Shuffles whole units and cuts them at 70 % and 80 %, both rounded down.
  private mutating func shuffled(_ units: [Unit], from urls: [URL]) throws -> [[TaggedSentence]] {
    guard !units.isEmpty else { throw TaggedCorpusError.noSentences(path: urls.first?.path ?? "(no file named)") }
    guard units.count >= 10 else { throw TaggedCorpusError.tooFewToSplit(count: units.count) }
    if format == .brat {
      notes.append("\(units.count) documents without parts: split 70/10/20 by seed \(options.seed)")
    }
    let bounds = [0, units.count * 70 / 100, units.count * 80 / 100, units.count]
    let order = Philox(seed: options.seed, purpose: .corpusSplit).permutation(of: units.count, salt: 0)
    return zip(bounds, bounds.dropFirst()).map { start, end in order[start..<end].flatMap { units[Int($0)] } }
  }

  private mutating func units(_ urls: [URL], of part: String) throws -> [Unit] {
    switch format {
    case .brat: return try urls.flatMap { try bratUnits($0, of: part) }
    case .conllu: return try urls.flatMap { try ConlluReader.sentences(in: TaggedFile($0), bad: &bad).map { [$0] } }
    case .conll2: return try urls.flatMap { try TwoColumnReader.sentences(in: TaggedFile($0), bad: &bad).map { [$0] } }
    case .cas: return try CasReader.documents(in: urls.map(TaggedFile.init), bad: &bad, notes: &notes).map { [$0] }
    case .jsonl: return try urls.flatMap { try jsonUnits($0) }
    }
  }

  private mutating func bratUnits(_ folder: URL, of part: String) throws -> [Unit] {
    let cutsAtStops = folder.lastPathComponent.uppercased().contains("EMEA")
    let segmentation = options.bratSegmentation ?? (cutsAtStops ? .fullStops : .wholeDocument)
    var reader = BratReader(
      segmentation: segmentation, keepsTails: options.keepsTails, tokenization: options.tokenization)
    let units = try reader.documents(in: folder, bad: &bad)
    guard !units.isEmpty else { throw TaggedCorpusError.noSentences(path: folder.path) }
    declaredLabels.formUnion(reader.labels)
    notes += reader.notes.map { "\(part): \($0)" }
    return units
  }

  private mutating func jsonUnits(_ url: URL) throws -> [Unit] {
    var reader = JSONLinesReader(tagNames: try tagNames(beside: url), task: task)
    let sentences = try reader.sentences(in: TaggedFile(url), bad: &bad)
    task = reader.task
    return sentences.map { [$0] }
  }

  private func tagNames(beside url: URL) throws -> [String] {
    let file = url.deletingLastPathComponent().appendingPathComponent("labels.txt")
    guard options.tagNames.isEmpty, FileManager.default.fileExists(atPath: file.path) else { return options.tagNames }
    var names: [String] = []
    let listing = try TaggedFile(file)
    try listing.forEachLine { number, line in
      guard let name = line.utf8Text else { throw TaggedCorpusError.notUTF8(file: file.path, line: number) }
      if !name.isEmpty { names.append(name) }
    }
    return names
  }
}
