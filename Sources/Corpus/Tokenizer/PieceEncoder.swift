internal import CSentencePiece
import Foundation

/// SentencePiece's segmenter with a loaded model, giving CamemBERT's ids. Several threads may use it at once.
package final class PieceEncoder: @unchecked Sendable {
  /// The most bytes encoded in one go: the library needs some hundred times as much memory.
  static let longestText = 1 << 25

  private let segmenting: Processor
  /// For the words of a unigram model, which `UnigramSegmenter` segments; nil for BPE.
  private let normalizing: Processor?

  init(_ model: SentencePieceModel) throws {
    segmenting = try Processor(model.serialized())
    normalizing = model.kind == .unigram ? try Processor(model.serializedNormalizer()) : nil
    guard palier_spm_piece_count(segmenting.handle) == Int64(model.pieces.count) else {
      throw SentencePieceModel.Malformed(problem: "the library counts its pieces otherwise")
    }
  }

  /// Appends the ids of a text (well-formed UTF-8, no special tokens looked for). C function: `palier_spm_encode`.
  func encode(_ text: UTF8Text.Bytes, into ids: inout [Int32]) throws {
    let before = ids.count
    try Self.append(of: text, to: &ids, room: text.count + 8) { palier_spm_encode(segmenting.handle, $0, $1, $2, $3) }
    for i in before..<ids.count { ids[i] = TokenIDs.id(ofPiece: ids[i]) }
  }

  /// The text as the model normalises it, `▁` for spaces. C function: `palier_spm_normalize`.
  func normalized(_ text: UTF8Text.Bytes) throws -> [UInt8] {
    var bytes: [CChar] = []
    let handle = (normalizing ?? segmenting).handle
    try Self.append(of: text, to: &bytes, room: 2 * text.count + 8) { palier_spm_normalize(handle, $0, $1, $2, $3) }
    return bytes.map(UInt8.init(bitPattern:))
  }

  /// Appends what `write` makes of `text` to `output`: first with `room`, then with as much room as it asks for.
  /// - Throws: `CorpusError.textTooLong`; `.cannotEncode` where `write` gives a number below zero.
  package static func append<Element: FixedWidthInteger>(
    of text: UTF8Text.Bytes, to output: inout [Element], room: Int,
    _ write: (UnsafePointer<CChar>, Int, UnsafeMutablePointer<Element>, Int) -> Int64
  ) throws {
    guard let start = text.baseAddress, text.count > 0 else { return }
    guard text.count <= longestText else {
      throw CorpusError.textTooLong(byteCount: text.count, limit: longestText)
    }
    let before = output.count
    var room = room
    var count = 0
    repeat {
      room = max(room, count)
      output.append(contentsOf: repeatElement(0, count: before + room - output.count))
      count = output.withUnsafeMutableBufferPointer { output in
        start.withMemoryRebound(to: CChar.self, capacity: text.count) {
          Int(write($0, text.count, output.baseAddress! + before, room))
        }
      }
    } while count > room
    output.removeLast(room - max(count, 0))
    if count < 0 { throw CorpusError.cannotEncode(byteCount: text.count) }
  }
}

/// A model in the library's hands.
private final class Processor {
  let handle: OpaquePointer

  /// C function: `palier_spm_create`.
  init(_ model: Data) throws {
    var message = [CChar](repeating: 0, count: 200)
    let made = model.withUnsafeBytes { palier_spm_create($0.baseAddress, $0.count, &message, message.count) }
    guard let made else {
      let text = String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      throw SentencePieceModel.Malformed(problem: text.replacingOccurrences(of: "\n", with: " "))
    }
    handle = made
  }

  deinit { palier_spm_destroy(handle) }
}
