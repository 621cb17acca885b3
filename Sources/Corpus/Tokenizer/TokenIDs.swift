/// CamemBERT's id table: where the special tokens lie in a vocabulary of SentencePiece's pieces + 5.
///
/// | token | id |
/// |---|---|
/// | `<s>NOTUSED`, `<pad>`, `</s>NOTUSED`, `<unk>`, `<unk>NOTUSED` | 0, 1, 2, 3, 4 |
/// | `<s>`, `</s>` (pieces 1 and 2) | 5, 6 |
/// | piece i ≥ 1 | i + 4 |
/// | `<mask>` | the last |
///
/// Source: transformers' `CamembertTokenizer`.
public struct TokenIDs: Sendable, Equatable {
  /// Changes whenever the table does; a part of a tokenizer's fingerprint.
  static let version = "camembert-1"
  /// Ids beyond SentencePiece's own: four before piece 1 moves to 5, and `<mask>`.
  package static let extraCount = 5
  /// The distance between a piece's number and its id, for all but the unknown piece.
  static let offset: Int32 = 4

  /// `<pad>`.
  public static let pad: Int32 = 1
  /// The unknown token.
  public static let unk: Int32 = 3
  /// `<s>`, the start of a text.
  public static let bos: Int32 = 5
  /// `</s>`, the end of a text.
  public static let eos: Int32 = 6

  /// The number of ids.
  public let vocabularySize: Int

  /// The table of a vocabulary of `vocabularySize` ids, special ones included.
  public init(vocabularySize: Int) {
    precondition(vocabularySize > 8 && vocabularySize <= Int(Int32.max), "TokenIDs: vocabulary \(vocabularySize)")
    self.vocabularySize = vocabularySize
  }

  /// `<mask>`, the last id.
  public var mask: Int32 { Int32(vocabularySize - 1) }
  /// The ids of ordinary text: all but the special ones and `<unk>`, as masking in transformers has it.
  public var ordinary: Range<Int32> { Self.eos + 1..<mask }

  /// The id of SentencePiece's piece number `piece`.
  @inline(__always)
  static func id(ofPiece piece: Int32) -> Int32 { piece == 0 ? unk : piece + offset }
}
