import Foundation

/// The files of a corpus, found by name in its folder.
enum SplitPaths {
  /// Files of train, validation and test.
  case parts([[URL]])
  /// Files to be split by seed.
  case pooled([URL])

  /// Words in names that tell each part.
  private static let names: [(part: TaggedSplitName, words: [String])] = [
    (.train, ["train"]), (.validation, ["dev", "valid", "validation", "val"]), (.test, ["test"]),
  ]

  private static let endings: [TaggedCorpusFormat: [String]] = [
    .conllu: [".conllu", ".conll"], .conll2: [".conll", ".txt", ".tsv", ".bio", ".iob2"], .jsonl: [".jsonl", ".json"],
  ]

  /// The parts of the corpus in `folder`.
  static func resolve(_ folder: URL, format: TaggedCorpusFormat, options: TaggedCorpusOptions) throws -> SplitPaths {
    let listing = try FolderListing(folder)
    switch format {
    case .brat:
      if let folder = bratFolderWithoutParts(listing, options) { return .pooled([folder]) }
      return .parts(try names.map { [try bratFolder($0.words, in: listing, options)] })
    case .cas:
      let files = listing.files(endingWith: ".txt")
      guard !files.isEmpty else { throw TaggedCorpusError.noSentences(path: folder.path) }
      return .pooled(files.map(folder.appendingPathComponent))
    case .conllu, .conll2, .jsonl:
      let wanted = endings[format] ?? []
      return .parts(try names.map { [try file($0.part, $0.words, in: listing, endings: wanted)] })
    }
  }

  /// The folder that holds all documents, where none inside `listing` is named after a part; nil where one is, or where
  /// there is no document.
  private static func bratFolderWithoutParts(_ listing: FolderListing, _ options: TaggedCorpusOptions) -> URL? {
    guard !names.contains(where: { $0.words.contains(where: listing.folders.contains) }) else { return nil }
    guard let subset = options.bratSubset else {
      return listing.files(endingWith: ".txt").isEmpty ? nil : listing.folder
    }
    return listing.folders.contains(subset) ? listing.folder.appendingPathComponent(subset) : nil
  }

  /// The folder of a part, and inside it the subset where there are several.
  private static func bratFolder(_ words: [String], in listing: FolderListing, _ options: TaggedCorpusOptions) throws
    -> URL
  {
    guard let name = words.first(where: listing.folders.contains) else {
      throw TaggedCorpusError.missingSplit(
        folder: listing.folder.path, split: words[0],
        expected: "a folder named \(words.joined(separator: " or ")), or .txt and .ann files of a corpus without parts")
    }
    let part = listing.folder.appendingPathComponent(name)
    if let subset = options.bratSubset { return part.appendingPathComponent(subset) }
    let inside = try FolderListing(part)
    if !inside.files(endingWith: ".txt").isEmpty || inside.folders.isEmpty { return part }
    guard inside.folders.count == 1 else {
      throw TaggedCorpusError.ambiguous(
        folder: part.path, what: "the corpus", found: inside.folders, cure: "name one (fine_tuning.part, or --part), or the parts' own folders (fine_tuning.train, validation, test)")
    }
    return part.appendingPathComponent(inside.folders[0])
  }

  /// The one file of a part: its name holds one of `words` as a word of its own and ends with one of `endings`.
  private static func file(
    _ part: TaggedSplitName, _ words: [String], in listing: FolderListing, endings: [String]
  ) throws -> URL {
    let named = listing.files.filter { name in
      endings.contains(where: name.hasSuffix)
        && name.lowercased().split(whereSeparator: { !$0.isLetter }).contains { words.contains(String($0)) }
    }
    guard let found = named.first else {
      let ending = endings.joined(separator: ", ")
      throw TaggedCorpusError.missingSplit(
        folder: listing.folder.path, split: part.rawValue,
        expected: "a file with \(words.joined(separator: " or ")) in its name that ends with \(ending)")
    }
    guard named.count == 1 else {
      throw TaggedCorpusError.ambiguous(
        folder: listing.folder.path, what: "the \(part.rawValue) part", found: named,
        cure: "name the files of each part")
    }
    return listing.folder.appendingPathComponent(found)
  }
}
