import Base
import Foundation

/// A SentencePiece model file (`ModelProto`), read and checked before the library sees it.
///
/// The library trusts its model: it aborts the process on some faults and reads outside its arrays on others. So every
/// part that it would use is checked here, and it is handed a message written anew from these parts
/// (`serialized()`): nothing unread reaches it, self-tests and denormaliser included.
/// Field numbers: `sentencepiece_model.proto`, version 0.1.97.
struct SentencePieceModel {
  enum Kind: UInt64 { case unigram = 1, bpe = 2 }
  enum PieceType: UInt64 { case normal = 1, unknown, control, userDefined, unused, byte }

  struct Piece {
    /// Where its UTF-8 lies in the file.
    var text: Range<Int>
    var score: Float
    var type: PieceType
  }

  /// Why a model is refused.
  struct Malformed: Error {
    let problem: String
  }

  /// Far above any vocabulary in use.
  static let largestPieceCount = 1_000_000
  /// Far above any piece in use; bounds the library's recursion into unused pieces.
  static let longestPieceByteCount = 1024
  /// The library's room for user-defined pieces that start one another (`PrefixMatcher::kResultSize`).
  static let largestNestingCount = 64

  let data: Data
  private(set) var pieces: [Piece] = []
  private(set) var kind = Kind.unigram
  private(set) var fallsBackToBytes = false
  private(set) var spaceIsSuffix = false
  private(set) var addsDummyPrefix = true
  private(set) var removesExtraSpaces = true
  private(set) var escapesSpaces = true
  private(set) var characterMap = CharacterMap()
  /// Where the normalisation rules lie in the file.
  private(set) var characterMapRange = 0..<0

  /// Reads and checks the model in `data`.
  init(_ data: Data) throws {
    self.data = data
    try data.withUnsafeBytes { buffer in
      do {
        try read(buffer)
        if !characterMapRange.isEmpty {
          characterMap = try CharacterMap(UnsafeRawBufferPointer(rebasing: buffer[characterMapRange]))
        }
      } catch let error as ProtobufFields.Malformed {
        throw Malformed(problem: error.problem)
      } catch let error as CharacterMap.Malformed {
        throw Malformed(problem: error.problem)
      }
      try check(buffer)
    }
  }

  /// The UTF-8 bytes of a piece.
  func text(_ piece: Int) -> Data {
    let range = pieces[piece].text
    return data[data.startIndex + range.lowerBound..<data.startIndex + range.upperBound]
  }
}

// MARK: - Reading

extension SentencePieceModel {
  private mutating func read(_ buffer: UnsafeRawBufferPointer) throws {
    var fields = ProtobufFields(buffer, in: 0..<buffer.count)
    while let (number, value) = try fields.next() {
      switch number {
      case 1: try readPiece(buffer, Self.message(value, "piece"))
      case 2: try readTrainerSpec(buffer, Self.message(value, "trainer_spec"))
      case 3: try readNormalizerSpec(buffer, Self.message(value, "normalizer_spec"))
      default: break  // self-test data, the denormaliser, extensions: not used
      }
    }
  }

  private mutating func readPiece(_ buffer: UnsafeRawBufferPointer, _ range: Range<Int>) throws {
    guard pieces.count < Self.largestPieceCount else { throw Malformed(problem: "more than \(pieces.count) pieces") }
    var piece = Piece(text: range.lowerBound..<range.lowerBound, score: 0, type: .normal)
    var fields = ProtobufFields(buffer, in: range)
    while let (number, value) = try fields.next() {
      switch (number, value) {
      case (1, .bytes(let text)): piece.text = text
      case (2, .fixed32(let bits)): piece.score = Float(bitPattern: bits)
      case (3, .varint(let raw)):
        guard let type = PieceType(rawValue: raw) else { throw wrong(pieces.count, "has type \(raw)") }
        piece.type = type
      case (1...3, _): throw wrong(pieces.count, "has a field \(number) of another type")
      default: break
      }
    }
    pieces.append(piece)
  }

  private mutating func readTrainerSpec(_ buffer: UnsafeRawBufferPointer, _ range: Range<Int>) throws {
    var fields = ProtobufFields(buffer, in: range)
    while let (number, value) = try fields.next() {
      switch number {
      case 3:
        guard case .varint(let raw) = value, let kind = Kind(rawValue: raw) else {
          throw Malformed(problem: "model type \(value) (only unigram and BPE are known)")
        }
        self.kind = kind
      case 24: spaceIsSuffix = try Self.flag(value, "treat_whitespace_as_suffix")
      case 35: fallsBackToBytes = try Self.flag(value, "byte_fallback")
      default: break  // how it was trained
      }
    }
  }

  private mutating func readNormalizerSpec(_ buffer: UnsafeRawBufferPointer, _ range: Range<Int>) throws {
    var fields = ProtobufFields(buffer, in: range)
    while let (number, value) = try fields.next() {
      switch number {
      case 2: characterMapRange = try Self.message(value, "precompiled_charsmap")
      case 3: addsDummyPrefix = try Self.flag(value, "add_dummy_prefix")
      case 4: removesExtraSpaces = try Self.flag(value, "remove_extra_whitespaces")
      case 5: escapesSpaces = try Self.flag(value, "escape_whitespaces")
      default: break
      }
    }
  }

  private static func message(_ value: ProtobufFields.Value, _ name: String) throws -> Range<Int> {
    guard case .bytes(let range) = value else { throw Malformed(problem: "\(name) is not a string of bytes") }
    return range
  }

  private static func flag(_ value: ProtobufFields.Value, _ name: String) throws -> Bool {
    guard case .varint(let raw) = value else { throw Malformed(problem: "\(name) is not true or false") }
    return raw != 0
  }

  private func wrong(_ piece: Int, _ problem: String) -> Malformed { Malformed(problem: "piece \(piece) \(problem)") }
}

// MARK: - Checking

extension SentencePieceModel {
  private func check(_ buffer: UnsafeRawBufferPointer) throws {
    func bytes(_ piece: Piece) -> UTF8Text.Bytes {
      UnsafeRawBufferPointer(rebasing: buffer[piece.text]).bindMemory(to: UInt8.self)
    }
    for (index, piece) in pieces.enumerated() { try check(piece, bytes(piece), index) }
    try checkFirstPieces(pieces.prefix(3).map { String(decoding: bytes($0), as: UTF8.self) })
    try checkBytePieces(pieces.filter { $0.type == .byte }.map { String(decoding: bytes($0), as: UTF8.self) })
    try checkOrder(bytes)
  }

  private func check(_ piece: Piece, _ text: UTF8Text.Bytes, _ index: Int) throws {
    if text.isEmpty { throw wrong(index, "is empty") }
    if text.count > Self.longestPieceByteCount { throw wrong(index, "has \(text.count) bytes") }
    if text.contains(0) { throw wrong(index, "holds a NUL") }
    if UTF8Text.wellFormedPrefix(of: text) < text.count { throw wrong(index, "is not UTF-8") }
    if !piece.score.isFinite { throw wrong(index, "has score \(piece.score)") }
    if piece.type == .unknown && index > 0 { throw wrong(index, "is a second unknown piece or not the first piece") }
    // The library's BPE takes the character for the piece, which stands for no text, and then misses it in the text.
    if kind == .bpe && piece.type == .control && String(decoding: text, as: UTF8.self).unicodeScalars.count == 1 {
      throw wrong(index, "is a control piece of one character in a BPE model")
    }
  }

  /// CamemBERT's id table rests on these three.
  private func checkFirstPieces(_ texts: [String]) throws {
    guard pieces.count > 3, pieces[0].type == .unknown else {
      throw Malformed(problem: "its first piece is not the unknown piece")
    }
    guard pieces[1].type == .control, pieces[2].type == .control, texts[1] == "<s>", texts[2] == "</s>" else {
      let found = texts.dropFirst().map(\.debugDescription).joined(separator: " and ")
      throw Malformed(problem: "pieces 1 and 2 are \(found), not <s>, </s>")
    }
    guard pieces.contains(where: { $0.type == .normal }) else { throw Malformed(problem: "no ordinary piece") }
  }

  private func checkBytePieces(_ texts: [String]) throws {
    guard fallsBackToBytes || texts.isEmpty else { throw Malformed(problem: "byte pieces without byte_fallback") }
    guard fallsBackToBytes else { return }
    let expected = (0..<256).map { "<0x\($0 < 16 ? "0" : "")\(String($0, radix: 16, uppercase: true))>" }
    guard Set(texts) == Set(expected) else { throw Malformed(problem: "byte_fallback without all 256 byte pieces") }
  }

  /// No piece twice, and no user-defined piece inside too many others: seen in sorted order, where a piece follows the
  /// pieces that start it.
  private func checkOrder(_ bytes: (Piece) -> UTF8Text.Bytes) throws {
    let sorted = pieces.sorted { compare(bytes($0), bytes($1)) < 0 }
    var starts: [Piece] = []
    var previous: Piece?
    for piece in sorted {
      let text = bytes(piece)
      if let previous, compare(bytes(previous), text) == 0 {
        throw Malformed(problem: "piece \(String(decoding: text, as: UTF8.self).debugDescription) stands there twice")
      }
      previous = piece
      guard piece.type == .userDefined else { continue }
      while let last = starts.last, !text.starts(with: bytes(last)) { starts.removeLast() }
      starts.append(piece)
      guard starts.count < Self.largestNestingCount else {
        throw Malformed(problem: "\(starts.count) user-defined pieces that start one another")
      }
    }
  }

  private func compare(_ a: UTF8Text.Bytes, _ b: UTF8Text.Bytes) -> Int {
    guard let first = a.baseAddress, let second = b.baseAddress else { return a.count - b.count }
    let order = Int(memcmp(first, second, min(a.count, b.count)))
    return order != 0 ? order : a.count - b.count
  }
}
