import Base

/// Encodes the words of a sentence: ids with `<s>` first and `</s>` last, and beside each id the number of its word,
/// nil for those two. Word numbers ascend; a word may give no piece.
public typealias WordEncoder = (_ words: [String]) throws -> (ids: [Int32], wordIDs: [Int?])

/// A sentence, or a part of a long one, as the model reads it.
public struct TaggedWindow: Sendable, Equatable {
  /// `<s>`, the pieces of the window's words, `</s>`.
  public var ids: [Int32]
  /// `[ids.count]`: a word's label at its first piece, `TokenLabel.ignored` elsewhere.
  public var labels: [Int32]
  /// The number of its sentence in the split.
  public var sentence: Int
  /// The words of the sentence that it holds.
  public var words: Range<Int>
  /// `[words.count]`: the index in `ids` of the first piece of each of `words`; nil for a word without a piece.
  public var firstTokenOfWord: [Int?]

  /// How many tokens carry a label.
  public var labelledTokenCount: Int { firstTokenOfWord.reduce(0) { $0 + ($1 == nil ? 0 : 1) } }
}

/// The windows of a split, and what the audit says about them.
public struct EncodedSplit: Sendable {
  /// In sentence order; the windows of one sentence in word order.
  public internal(set) var windows: [TaggedWindow] = []
  /// `[sentences]`: which of `windows` are a sentence's. Empty for a sentence without a piece.
  public internal(set) var windowsOfSentence: [Range<Int>] = []
  /// Words that give no piece: nothing to learn from, wrong (or O) in the scores.
  public internal(set) var wordsWithoutPiece = 0
  /// Words with more pieces than a window holds: their first pieces stay.
  public internal(set) var truncatedWords = 0
  /// Sentences in more than one window.
  public internal(set) var cutSentences = 0
  /// Sentences (empty ones too) that give no window.
  public internal(set) var sentencesWithoutPiece = 0
}

/// From tagged sentences to model input and back.
public enum TaggedEncoding {
  /// The windows of `sentences`, each of at most `maximumTokens` tokens with `<s>` and `</s>`.
  ///
  /// A sentence that fits is one window. A longer one is cut at word boundaries, each window filled as far as it goes:
  /// every word with a piece is labelled in exactly one window. A word with more pieces than a window holds gets one
  /// of its own, with its first pieces.
  /// - Throws: `TaggedCorpusError` for a tag that is not in `labels`, `maximumTokens` below 3, or an answer of
  ///   `encode` that breaks its contract; whatever `encode` throws.
  public static func windows(
    of sentences: [TaggedSentence], labels: LabelSet, maximumTokens: Int, encode: WordEncoder
  ) throws -> EncodedSplit {
    guard maximumTokens >= 3 else { throw TaggedCorpusError.windowTooSmall(maximumTokens) }
    var split = EncodedSplit()
    for (number, sentence) in sentences.enumerated() {
      let classes = try labels.indices(of: sentence)
      let pieces = try SentencePieces(sentence, encode)
      let before = split.windows.count
      split.append(pieces, classes, sentence: number, capacity: maximumTokens - 2)
      split.windowsOfSentence.append(before..<split.windows.count)
    }
    return split
  }

  /// The predicted class of each word of each sentence, nil for a word without a piece.
  ///
  /// - Parameters:
  ///   - split: the windows of whole sentences. Where ranks share the work, they share it by sentence
  ///     (`EncodedSplit.windowsOfSentence`): a span may cross the windows of its sentence.
  ///   - tokenPredictions: `[windows][tokens]`: the class of highest score at each token.
  ///   - sentences: the numbers of the sentences wanted.
  ///   - wordCounts: `[sentences of the split]`: words a sentence.
  public static func wordPredictions(
    _ split: EncodedSplit, tokenPredictions: (_ window: Int) -> [Int32], sentences: some Sequence<Int>,
    wordCounts: [Int]
  ) -> [[Int?]] {
    sentences.map { sentence in
      var words = [Int?](repeating: nil, count: wordCounts[sentence])
      for number in split.windowsOfSentence[sentence] {
        let window = split.windows[number]
        let predictions = tokenPredictions(number)
        for (word, token) in zip(window.words, window.firstTokenOfWord) {
          if let token { words[word] = Int(predictions[token]) }
        }
      }
      return words
    }
  }
}

/// The pieces of one sentence, grouped by word.
private struct SentencePieces {
  let ids: [Int32]
  /// `[words]`: where each word's pieces lie in `ids`; empty for a word without one.
  let ranges: [Range<Int>]

  /// Encodes `sentence` and checks the answer: a tokenizer that answers otherwise would put labels on wrong words.
  init(_ sentence: TaggedSentence, _ encode: WordEncoder) throws {
    let (ids, wordIDs) = try encode(sentence.words)
    func problem(_ reason: String) -> TaggedCorpusError { .badEncoding(source: sentence.source, reason: reason) }
    guard ids.count == wordIDs.count else { throw problem("\(ids.count) ids, \(wordIDs.count) word ids") }
    guard ids.count >= 2, wordIDs[0] == nil, wordIDs[ids.count - 1] == nil else {
      throw problem("no special token at both ends")
    }
    var ranges = [Range<Int>](repeating: 1..<1, count: sentence.words.count)
    var last = -1
    for token in 1..<ids.count - 1 {
      guard let word = wordIDs[token], ranges.indices.contains(word), word >= last else {
        throw problem("word id \(wordIDs[token].map(String.init) ?? "null") at token \(token)")
      }
      ranges[word] = (word == last ? ranges[word].lowerBound : token)..<token + 1
      last = word
    }
    self.ids = ids
    self.ranges = ranges
  }
}

extension EncodedSplit {
  /// Cuts one sentence into windows of at most `capacity` pieces.
  fileprivate mutating func append(_ pieces: SentencePieces, _ classes: [Int], sentence: Int, capacity: Int) {
    wordsWithoutPiece += pieces.ranges.reduce(0) { $0 + ($1.isEmpty ? 1 : 0) }
    truncatedWords += pieces.ranges.reduce(0) { $0 + ($1.count > capacity ? 1 : 0) }
    guard pieces.ranges.contains(where: { !$0.isEmpty }) else {
      sentencesWithoutPiece += 1
      return
    }
    var first = 0
    var windowCount = 0
    while first < pieces.ranges.count {
      var end = first
      var used = 0
      while end < pieces.ranges.count, used == 0 || used + pieces.ranges[end].count <= capacity {
        used += min(pieces.ranges[end].count, capacity)
        end += 1
      }
      if used > 0 {
        windows.append(
          TaggedWindow(pieces, classes, sentence: sentence, words: first..<end, capacity: capacity))
        windowCount += 1
      }
      first = end
    }
    if windowCount > 1 { cutSentences += 1 }
  }
}

extension TaggedWindow {
  fileprivate init(_ pieces: SentencePieces, _ classes: [Int], sentence: Int, words: Range<Int>, capacity: Int) {
    ids = [pieces.ids[0]]
    labels = [TokenLabel.ignored]
    firstTokenOfWord = []
    self.sentence = sentence
    self.words = words
    for word in words {
      let kept = pieces.ranges[word].prefix(capacity)
      firstTokenOfWord.append(kept.isEmpty ? nil : ids.count)
      ids += pieces.ids[kept]
      labels += kept.indices.map { $0 == kept.startIndex ? Int32(classes[word]) : TokenLabel.ignored }
    }
    ids.append(pieces.ids[pieces.ids.count - 1])
    labels.append(TokenLabel.ignored)
  }
}
