import Base
import Crypto
import Foundation

/// A CamemBERT-style tokenizer: SentencePiece's pieces (unigram or BPE) under CamemBERT's ids (`TokenIDs`).
///
/// The ids are those of transformers' `CamembertTokenizer` and `CamembertTokenizerFast`: literal `<mask>`, `<s>`, `</s>`,
/// `<pad>` and `<unk>` in a text are the special tokens; `<s>NOTUSED` and its kin are not (as in transformers 5).
/// Malformed UTF-8 is replaced by U+FFFD. Any thread may encode at any time.
public final class Tokenizer: @unchecked Sendable {
  /// What CamemBERT and DrBERT call their SentencePiece model.
  public static let modelFileName = "sentencepiece.bpe.model"

  /// The table of special ids.
  public let tokenIDs: TokenIDs
  /// SHA-256 of the model file and the id table's version, in hexadecimal: equal where every text has equal ids.
  public let fingerprint: String
  /// Where the model came from.
  public let modelFile: URL
  /// Whether texts are cut into words that are encoded once and remembered (`SentencePieceModel.wordSeparators`).
  public var encodesWordByWord: Bool { separators != nil }

  private let model: SentencePieceModel
  private let encoder: PieceEncoder
  private let separators: [Bool]?
  /// For the words of a unigram model; nil for BPE.
  private let segmenter: UnigramSegmenter?
  private let lock = NSLock()
  private var idleCaches: [WordCache] = []

  /// Loads `sentencepiece.bpe.model` from a Hugging Face folder.
  public convenience init(folder: URL) throws {
    let file = folder.appendingPathComponent(Self.modelFileName)
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw CorpusError.noTokenizerModel(folder: folder.path)
    }
    try self.init(modelFile: file)
  }

  /// Loads a model file. With `wordByWord` false texts are never cut into words (slower; for comparison).
  package convenience init(modelFile: URL, wordByWord: Bool = true) throws {
    try self.init(model: MappedFile(modelFile).copied(), file: modelFile, wordByWord: wordByWord)
  }

  /// The tokenizer of a model file's bytes; `file` only names it in errors.
  package init(model data: Data, file: URL, wordByWord: Bool = true) throws {
    modelFile = file
    do {
      model = try SentencePieceModel(data)
      encoder = try PieceEncoder(model)
    } catch let error as SentencePieceModel.Malformed {
      throw CorpusError.badTokenizerModel(path: file.path, problem: error.problem)
    }
    tokenIDs = TokenIDs(vocabularySize: model.pieces.count + TokenIDs.extraCount)
    separators = wordByWord ? model.wordSeparators() : nil
    segmenter = model.kind == .unigram && separators != nil ? UnigramSegmenter(model) : nil
    var hash = SHA256()
    hash.update(data: data)
    hash.update(data: Data(TokenIDs.version.utf8))
    fingerprint = hash.finalize().hexadecimal
  }

  /// The number of ids: pieces + 5.
  public var vocabularySize: Int { tokenIDs.vocabularySize }
  /// `<s>`.
  public var bos: Int32 { TokenIDs.bos }
  /// `</s>`.
  public var eos: Int32 { TokenIDs.eos }
  /// `<pad>`.
  public var pad: Int32 { TokenIDs.pad }
  /// The unknown token.
  public var unk: Int32 { TokenIDs.unk }
  /// `<mask>`, the last id.
  public var mask: Int32 { tokenIDs.mask }

  /// The text of an id, special tokens by their names and a space as `▁`; nil outside the vocabulary.
  public func piece(of id: Int32) -> String? {
    switch id {
    case 0: return "<s>NOTUSED"
    case TokenIDs.pad: return "<pad>"
    case 2: return "</s>NOTUSED"
    case TokenIDs.unk: return "<unk>"
    case 4: return "<unk>NOTUSED"
    case mask: return "<mask>"
    case 5..<mask: return String(decoding: model.text(Int(id - TokenIDs.offset)), as: UTF8.self)
    default: return nil
    }
  }
}

// MARK: - Texts

extension Tokenizer {
  /// `<s>`, the ids of `text`, `</s>`.
  public func encode(_ text: String) throws -> [Int32] {
    var ids = [bos]
    try encodePlain(text, into: &ids)
    ids.append(eos)
    return ids
  }

  /// The ids of `text` alone.
  public func encodePlain(_ text: String) throws -> [Int32] {
    var ids: [Int32] = []
    try encodePlain(text, into: &ids)
    return ids
  }

  /// `<s>`, the ids of a text in UTF-8, `</s>`.
  public func encode(utf8 text: UnsafeBufferPointer<UInt8>) throws -> [Int32] {
    var ids = [bos]
    _ = try encodePlain(utf8: text, into: &ids)
    ids.append(eos)
    return ids
  }

  /// Appends the ids of a text in UTF-8 and returns how many malformed stretches were replaced by U+FFFD.
  @discardableResult
  public func encodePlain(utf8 text: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) throws -> Int {
    if let mended = UTF8Text.mended(text) {
      try mended.bytes.withUnsafeBufferPointer { try encodeWellFormed($0, into: &ids) }
      return mended.replacementCount
    }
    try encodeWellFormed(text, into: &ids)
    return 0
  }

  private func encodePlain(_ text: String, into ids: inout [Int32]) throws {
    var text = text
    try text.withUTF8 { try encodeWellFormed($0, into: &ids) }
  }

  private func encodeWellFormed(_ text: UTF8Text.Bytes, into ids: inout [Int32]) throws {
    // One closure at a time may hold `ids`: collect here, hand back at the end.
    var found: [Int32] = []
    swap(&found, &ids)
    defer { swap(&found, &ids) }
    let cache = takeCache()
    defer { giveBack(cache) }
    try SpecialTokens.split(text, mask: mask) {
      try encodeStretch($0, cache, into: &found)
    } special: {
      found.append($0)
    }
  }

  /// Text between special tokens.
  private func encodeStretch(_ text: UTF8Text.Bytes, _ cache: WordCache, into ids: inout [Int32]) throws {
    guard text.count > 0 else { return }
    // The text's own `▁` are no word starts: such a text is encoded in one go, unless that would take all memory.
    let mayCut = text.count > PieceEncoder.longestText || UTF8Text.firstSpaceMark(in: text) == nil
    if let separators, mayCut {
      try separators.withUnsafeBufferPointer { try encodeWords(of: text, cutAt: $0, cache, into: &ids) }
    } else {
      try encoder.encode(text, into: &ids)
    }
  }

  private func encodeWords(
    of text: UTF8Text.Bytes, cutAt isSeparator: UnsafeBufferPointer<Bool>, _ cache: WordCache, into ids: inout [Int32]
  ) throws {
    guard let bytes = text.baseAddress else { return }
    var at = 0
    while true {
      while at < text.count && isSeparator[Int(bytes[at])] { at += 1 }
      guard at < text.count else { return }
      let start = at
      while at < text.count && !isSeparator[Int(bytes[at])] { at += 1 }
      try encodeWord(bytes + start, at - start, cache, into: &ids)
    }
  }

  @inline(__always)
  private func encodeWord(
    _ word: UnsafePointer<UInt8>, _ count: Int, _ cache: WordCache, into ids: inout [Int32]
  ) throws {
    guard count <= WordCache.longestWord else {
      return try segment(UnsafeBufferPointer(start: word, count: count), into: &ids)
    }
    let hash = WordCache.hash(word, count)
    if let known = cache.find(word, count, hash) {
      ids.append(contentsOf: known)
      return
    }
    let before = ids.count
    try segment(UnsafeBufferPointer(start: word, count: count), into: &ids)
    cache.insert(word, count, hash, ids: ids[before...])
  }

  private func segment(_ word: UTF8Text.Bytes, into ids: inout [Int32]) throws {
    guard let segmenter else { return try encoder.encode(word, into: &ids) }
    try encoder.normalized(word).withUnsafeBufferPointer { segmenter.encode($0, into: &ids) }
  }

  private func takeCache() -> WordCache {
    lock.withLock { idleCaches.popLast() } ?? WordCache()
  }

  private func giveBack(_ cache: WordCache) {
    lock.withLock { idleCaches.append(cache) }
  }
}
