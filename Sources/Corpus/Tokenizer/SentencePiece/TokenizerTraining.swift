import Base
internal import CSentencePiece
import Foundation

/// Makes a tokenizer from text: for models that start from nothing.
public enum TokenizerTraining {
  /// The fewest pieces that make sense: three special ones and the text's characters.
  public static let fewestPieces = 100
  /// Beyond this the text is read in part: the trainer needs some ten times the text in memory.
  public static let largestTextByteCount = 1 << 28

  /// Trains a SentencePiece unigram model on text files and gives it as the bytes of a model file.
  ///
  /// It follows from the text and `pieceCount` alone. Malformed UTF-8 is replaced; lines of more than 4,192 bytes are left out
  /// (the library's limit). Kudo 2018, arXiv:1804.10959. C function: `palier_sentencepiece_train`.
  /// - Parameters:
  ///   - files: UTF-8 text; of more than `largestTextByteCount` bytes together, the first ones.
  ///   - pieceCount: how many pieces, `<unk>`, `<s>` and `</s>` among them; there are fewer where the text does not give so
  ///     many. The vocabulary has five ids more (`TokenIDs`).
  public static func unigram(on files: [URL], pieceCount: Int) throws -> Data {
    precondition(
      pieceCount >= fewestPieces && pieceCount <= SentencePieceModel.largestPieceCount, "\(pieceCount) pieces")
    let text = try text(of: files)
    guard !text.withUnsafeBufferPointer(UTF8Text.isBlank) else {
      throw CorpusError.emptyCorpus(files: files.map(\.path))
    }
    var byteCount = 0
    var message = [CChar](repeating: 0, count: 512)
    let model = text.withUnsafeBufferPointer { text in
      text.withMemoryRebound(to: CChar.self) {
        palier_sentencepiece_train($0.baseAddress, $0.count, Int32(pieceCount), &byteCount, &message, message.count)
      }
    }
    guard let model else {
      let reason = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw CorpusError.cannotTrain(files: files.map(\.path), reason: lastSentence(of: reason))
    }
    defer { palier_sentencepiece_free(model) }
    return Data(bytes: model, count: byteCount)
  }

  /// The text of all files, one after the other, well formed.
  private static func text(of files: [URL]) throws -> [UInt8] {
    var text: [UInt8] = []
    for url in files {
      let file = try MappedFile(url)
      let part = UnsafeBufferPointer(rebasing: file.text.prefix(max(largestTextByteCount - text.count, 0)))
      text.append(contentsOf: UTF8Text.mended(part)?.bytes ?? Array(part))
      if text.last != 0x0A { text.append(0x0A) }
    }
    // A NUL is a character like any other to the library, and none of a text.
    for i in text.indices where text[i] == 0 { text[i] = 0x20 }
    return text
  }

  /// The library's errors begin with its source file and the condition: what follows is for people.
  private static func lastSentence(of reason: String) -> String {
    guard let end = reason.range(of: "] ", options: .backwards), end.upperBound < reason.endIndex else {
      return reason.isEmpty ? "SentencePiece gave no reason" : reason
    }
    return String(reason[end.upperBound...])
  }
}
