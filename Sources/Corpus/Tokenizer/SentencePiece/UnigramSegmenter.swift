import Base
import Foundation

/// The best segmentation of one normalised word under a unigram model, with its scores added in float64.
///
/// Kudo 2018, arXiv:1804.10959, section 3.1: the pieces of the highest sum of log-probabilities, by Viterbi.
///
/// The library adds in float32 from the start of the text, so that between segmentations that tie (the orders of the
/// pieces of a long row of dots, in one document in four of a corpus of leaflets) its choice follows from rounding, and
/// word by word it would choose otherwise than in the whole text. In float64 ties are ties, and the first one found wins, as
/// in transformers' fast tokenizer, which works word by word in float64 too.
struct UnigramSegmenter {
  private struct Entry {
    var hash: UInt64
    /// Into `text`.
    var start: Int32
    var count: Int32
    /// The library's number of the piece; -1: an empty slot.
    var piece: Int32
    var score: Double
  }

  private let text: [UInt8]
  /// Open addressing, a power of two of slots, at most half of them used.
  private let slots: [Entry]
  private let longestPiece: Int
  private let unknownScore: Double

  /// The segmenter of a unigram model without byte fallback and without user-defined pieces.
  init(_ model: SentencePieceModel) {
    let inUse = model.pieces.indices.filter { model.pieces[$0].type == .normal }
    var text: [UInt8] = []
    var slotCount = 2
    while slotCount < 2 * inUse.count { slotCount *= 2 }
    var slots = [Entry](repeating: Entry(hash: 0, start: 0, count: 0, piece: -1, score: 0), count: slotCount)
    var longest = 0
    model.data.withUnsafeBytes { file in
      for piece in inUse {
        let bytes = UnsafeRawBufferPointer(rebasing: file[model.pieces[piece].text])
        let hash = FNV1a.hash(bytes)
        var at = Self.slot(hash, slotCount)
        while slots[at].piece >= 0 { at = (at + 1) & (slotCount - 1) }
        slots[at] = Entry(
          hash: hash, start: Int32(text.count), count: Int32(bytes.count), piece: Int32(piece),
          score: Double(model.pieces[piece].score))
        text += bytes
        longest = max(longest, bytes.count)
      }
    }
    (self.text, self.slots, longestPiece) = (text, slots, longest)
    // The library's penalty for an unknown character.
    unknownScore = Double(inUse.map { model.pieces[$0].score }.min() ?? 0) - 10
  }

  /// Appends the ids of a word (well-formed UTF-8); a run of unknown characters is one token.
  func encode(_ word: UTF8Text.Bytes, into ids: inout [Int32]) {
    let best = bestPaths(word)
    let before = ids.count
    var end = word.count
    while end > 0 {
      let id = TokenIDs.id(ofPiece: best[end].piece)
      if id != TokenIDs.unk || ids.count == before || ids.last != TokenIDs.unk { ids.append(id) }
      end = best[end].start
    }
    ids[before...].reverse()
  }

  /// The last piece of the best segmentation of the word's first `index` bytes.
  private struct Path {
    var score = 0.0
    var start = -1
    var piece: Int32 = 0
  }

  private func bestPaths(_ word: UTF8Text.Bytes) -> [Path] {
    var best = [Path](repeating: Path(), count: word.count + 1)
    func offer(_ end: Int, _ path: Path) {
      if best[end].start < 0 || path.score > best[end].score { best[end] = path }
    }
    var start = 0
    while start < word.count {
      let reached = best[start].score
      let character = characterEnd(word, start)
      var characterIsPiece = false
      var hash = FNV1a.empty
      for end in start + 1..<min(start + longestPiece, word.count) + 1 {
        hash = FNV1a.extend(hash, word[end - 1])
        guard let entry = find(hash, word, start, end) else { continue }
        offer(end, Path(score: reached + entry.score, start: start, piece: entry.piece))
        if end == character { characterIsPiece = true }
      }
      if !characterIsPiece { offer(character, Path(score: reached + unknownScore, start: start, piece: 0)) }
      start = character
    }
    return best
  }

  private func characterEnd(_ word: UTF8Text.Bytes, _ start: Int) -> Int {
    var end = start + 1
    while end < word.count && word[end] & 0xC0 == 0x80 { end += 1 }
    return end
  }

  @inline(__always)
  private func find(_ hash: UInt64, _ word: UTF8Text.Bytes, _ start: Int, _ end: Int) -> Entry? {
    var at = Self.slot(hash, slots.count)
    while slots[at].piece >= 0 {
      let entry = slots[at]
      if entry.hash == hash && Int(entry.count) == end - start
        && text[Int(entry.start)..<Int(entry.start + entry.count)].elementsEqual(word[start..<end])
      {
        return entry
      }
      at = (at + 1) & (slots.count - 1)
    }
    return nil
  }

  private static func slot(_ hash: UInt64, _ slotCount: Int) -> Int {
    Int(truncatingIfNeeded: hash ^ hash >> 32) & (slotCount - 1)
  }
}
