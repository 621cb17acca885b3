import Foundation

extension SentencePieceModel {
  /// Which bytes cut a text into words that can be encoded one by one; none where that might change the ids.
  ///
  /// A text cut at these bytes has the same pieces as the whole, because
  /// - each of them is normalised to one space, and no rule reaches over it: it is no part of a longer key;
  /// - the normaliser puts one `▁` before every word, the first included, and drops empty words and outer spaces;
  /// - no piece holds a `▁` after its start, so that no piece (and no merge) reaches over a word's start, and `▁` is a piece
  ///   itself, so that no run of unknown characters does;
  /// - a text that holds `▁` itself is not cut (the caller's part).
  ///
  /// A BPE model's ids are then the library's for the whole text. A unigram model's are so but for ties, which
  /// `UnigramSegmenter` decides as transformers does.
  func wordSeparators() -> [Bool]? {
    guard addsDummyPrefix, removesExtraSpaces, escapesSpaces, !spaceIsSuffix else { return nil }
    guard !characterMap.writesSpaceMark, !pieces.contains(where: { $0.type == .userDefined }) else { return nil }
    guard piecesCutAtSpaceMarks(), kind == .bpe || !fallsBackToBytes else { return nil }
    var isSeparator = [Bool](repeating: false, count: 256)
    for byte in [0x20, 0x09, 0x0A, 0x0D] where !characterMap.isInsideKey[byte] {
      let staysSpace = byte == 0x20 && !characterMap.startsKey[byte]
      isSeparator[byte] = staysSpace || characterMap.becomesSpace[byte]
    }
    return isSeparator[0x20] ? isSeparator : nil
  }

  /// Whether `▁` is an ordinary piece, and stands in others at the start only.
  private func piecesCutAtSpaceMarks() -> Bool {
    var isPiece = false
    return data.withUnsafeBytes { buffer in
      for piece in pieces {
        let text = UnsafeRawBufferPointer(rebasing: buffer[piece.text]).bindMemory(to: UInt8.self)
        let startsWithMark = text.starts(with: [0xE2, 0x96, 0x81])
        if startsWithMark && text.count == 3 && piece.type == .normal { isPiece = true }
        let rest = UnsafeBufferPointer(rebasing: text[(startsWithMark ? 3 : 0)...])
        if UTF8Text.firstSpaceMark(in: rest) != nil { return false }
      }
      return isPiece
    }
  }
}
