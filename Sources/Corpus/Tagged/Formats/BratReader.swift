import Base
import Foundation

/// How BRAT documents become examples.
public enum BratSegmentation: String, Sendable {
  /// One document, one example (QUAERO MEDLINE: a title a file).
  case wholeDocument
  /// Cut after each `.` token whose preceding token is not numeric (QUAERO EMEA: leaflets).
  case fullStops
}

/// Reads folders of BRAT documents: `NAME.txt` and `NAME.ann`.
///
/// Each document's text is split into words (`WordTokenization`) and tagged in IOB2 (`BratDocument.tags`). A span that crosses a cut
/// continues as a new one, so that every example is valid IOB2.
struct BratReader {
  let segmentation: BratSegmentation
  let keepsTails: Bool
  let tokenization: WordTokenization
  /// Every type annotated, those of spans inside others too: labels do not depend on which spans stay.
  private(set) var types: Set<String> = []
  private(set) var entityCount = 0
  private(set) var discontinuousCount = 0
  private var emptyCount = 0
  private var insideCount = 0
  private var crossingCount = 0

  init(segmentation: BratSegmentation, keepsTails: Bool, tokenization: WordTokenization) {
    self.segmentation = segmentation
    self.keepsTails = keepsTails
    self.tokenization = tokenization
  }

  /// What the labels of the corpus must hold.
  var labels: [String] { types.flatMap { ["B-" + $0, "I-" + $0] } }

  /// Printable facts about what was read.
  var notes: [String] {
    var notes = ["\(entityCount) entities annotated, \(discontinuousCount) of them discontinuous"]
    if emptyCount > 0 { notes.append("\(emptyCount) spans cover white space alone: left out") }
    if insideCount > 0 {
      let cure = tokenization == .whitespace ? " (fine_tuning.tokenization: punctuation cuts words there)" : ""
      notes.append("spans that begin or end inside a word, all of which is tagged: \(insideCount)\(cure)")
    }
    if crossingCount > 0 { notes.append("\(crossingCount) spans cross the end of a segment: cut there") }
    return notes
  }

  /// The examples of each document of `folder`, documents in byte order of their names.
  mutating func documents(in folder: URL, bad: inout BadLines) throws -> [[TaggedSentence]] {
    let names = try FolderListing(folder)
    let texts = Set(names.files(endingWith: ".txt").map { $0.dropLast(4) })
    for name in names.files(endingWith: ".ann") where !texts.contains(name.dropLast(4)) {
      throw TaggedCorpusError.missingCompanion(
        file: folder.appendingPathComponent(name).path, expected: String(name.dropLast(4)) + ".txt")
    }
    return try names.files(endingWith: ".txt").map { name in
      let annotations = String(name.dropLast(4)) + ".ann"
      let url = folder.appendingPathComponent(name)
      guard names.files.contains(annotations) else {
        throw TaggedCorpusError.missingCompanion(file: url.path, expected: annotations)
      }
      return try sentences(
        text: TaggedFile(url), annotations: TaggedFile(folder.appendingPathComponent(annotations)), bad: &bad)
    }
  }

  /// The examples of one document.
  mutating func sentences(text: TaggedFile, annotations: TaggedFile, bad: inout BadLines) throws -> [TaggedSentence] {
    var document = try BratParser.document(
      text: text, annotations: annotations, tokenization: tokenization, bad: &bad)
    let tags = document.tags()
    types.formUnion(document.spans.map(\.type))
    entityCount += document.entityCount
    discontinuousCount += document.discontinuousCount
    emptyCount += document.emptyCount
    insideCount += document.insideCount
    guard segmentation == .fullStops else {
      return [TaggedSentence(words: document.tokens.map(\.word), tags: tags, source: text.name)]
    }
    let (ranges, tail) = document.segments()
    return (ranges + (keepsTails ? [tail] : [])).map { range in
      let line = range.isEmpty ? document.tokens.last?.line ?? 1 : document.tokens[range.lowerBound].line
      return TaggedSentence(
        words: document.tokens[range].map(\.word), tags: cut(tags[range]), source: "\(text.name):\(line)")
    }
  }

  /// The tags of a segment, a span that was cut opened anew.
  private mutating func cut(_ tags: ArraySlice<String>) -> [String] {
    var tags = Array(tags)
    if let first = tags.first, first.utf8.starts(with: "I-".utf8) {
      tags[0] = "B-" + String(first.unicodeScalars.dropFirst(2))
      crossingCount += 1
    }
    return tags
  }
}

/// The names directly in a folder, in byte order.
struct FolderListing {
  let folder: URL
  let files: [String]
  let folders: [String]

  init(_ folder: URL) throws {
    self.folder = folder
    var files: [String] = []
    var folders: [String] = []
    for name in try namesInFolder(folder.path) where !name.hasPrefix(".") {
      switch PathKind(folder.appendingPathComponent(name)) {
      case .absent: break
      case .folder: folders.append(name)
      case .file, .other: files.append(name)
      }
    }
    self.files = files.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    self.folders = folders.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  func files(endingWith ending: String) -> [String] { files.filter { $0.hasSuffix(ending) } }
}
