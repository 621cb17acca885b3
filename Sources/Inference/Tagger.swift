import Base
import Compute
import Corpus
import Encoder
import Foundation
import Models
import Quantization

/// A checkpoint with a token classifier, opened to tag: words in, a label a word with its probability out.
///
/// A word's label and score follow from its sentence and the checkpoint alone, not from the sentences around it or the number of
/// threads. The encoder gives the bits of the training forward pass without dropout. Any thread may tag at any time: calls that
/// run at once share the weights, and each has memory of its own for what passes through them, kept for the calls to come.
/// Products run on `Threads.count` threads.
public final class Tagger: Sendable {
  /// What a tagger is opened with.
  public struct Options: Sendable {
    /// The longest window of a sentence, with `<s>` and `</s>`, and at most the model's longest sequence; nil: as the checkpoint
    /// notes it, else 512.
    public var maximumTokens: Int?
    /// Tokens that go through the model at once.
    public var batchTokens = 2048
    /// The folder of the tokenizer; nil: the checkpoint's own.
    public var tokenizer: URL?

    /// The defaults of `palier evaluate`.
    public init() {}
  }

  /// The labels, in the order of the classes.
  public let labels: LabelSet
  /// What the labels tag: as the checkpoint notes it, else entities where the labels are IOB2.
  public let task: TaggedTask
  /// Where running text is cut into words.
  public let tokenization: WordTokenization
  /// How the model's weights and activations are quantized.
  public let scheme: Scheme
  /// What this machine computes otherwise than training did, a line each; none where logits are the same bits.
  public let notes: [String]
  private let classifiers: ClassifierPool
  private let tokenizer: Tokenizer
  private let maximumTokens: Int
  private let batchTokens: Int

  /// Opens the checkpoint folder at `url`: no gradient and no optimizer is made room for.
  /// - Throws: `ModelError`, `CorpusError` and what reading the folder brings, each one line.
  public init(_ url: URL, options: Options = Options()) throws {
    let tokenizerFolder = options.tokenizer ?? url
    let reading = ConcurrentWork { try Tokenizer(folder: tokenizerFolder) }
    let model = Result { try InferenceArithmetic.open(url) }
    // It ends before this does, whatever was thrown.
    let tokenizer = reading.result()
    let (opened, notes) = try model.get()
    self.notes = notes
    self.tokenizer = try tokenizer.get()
    try self.tokenizer.requireVocabulary(
      of: opened.folder.config, tokenizerPath: tokenizerFolder.path, modelPath: url.path)
    (labels, scheme) = (opened.labels, opened.facts.scheme)
    task = opened.facts.task ?? (labels.names.allSatisfy(LabelSet.isIOB2) ? .entities : .pos)
    // Words of a corpus that brought them stand apart from punctuation, and nothing is noted of how they were cut.
    tokenization = opened.facts.tokenization.flatMap(WordTokenization.init(rawValue:)) ?? .punctuation
    classifiers = ClassifierPool(WordClassifier(opened.model))
    maximumTokens = min(
      options.maximumTokens ?? opened.facts.maximumTokens.map { max($0, 8) } ?? 512,
      opened.folder.config.longestSequence)
    batchTokens = max(options.batchTokens, 1)
  }

  /// Tokens that go through the model at once.
  public var tokensAtOnce: Int { batchTokens }

  // MARK: - Words

  /// A sentence in the windows that go through the model.
  public struct Encoded {
    let wordCount: Int
    let windows: [TaggedWindow]
    /// The tokens of all its windows.
    public let tokenCount: Int
  }

  /// Encodes a sentence, in windows where it is longer than one: those of training and of `palier evaluate`.
  /// - Parameter source: where it stands, for messages.
  public func encode(_ words: [String], source: String = "") throws -> Encoded {
    let tags = [String](repeating: labels.names[0], count: words.count)
    let split = try TaggedEncoding.windows(
      of: [TaggedSentence(words: words, tags: tags, source: source)], labels: labels, maximumTokens: maximumTokens
    ) { try tokenizer.encode(words: $0) }
    return Encoded(
      wordCount: words.count, windows: split.windows, tokenCount: split.windows.reduce(0) { $0 + $1.ids.count })
  }

  /// The label of each word of each sentence; nil for a word that gives no piece.
  public func tag(_ sentences: [Encoded]) throws -> [[WordLabel?]] {
    let windows = sentences.flatMap(\.windows)
    let sequences = windows.map { TokenSequence(ids: $0.ids, labels: $0.labels, number: 0) }
    let labels = try classifiers.withOne { classifier in
      try Slices.cut(sequences, largestTokenCount: batchTokens).flatMap { try classifier.labels($0) }
    }
    var next = 0
    return sentences.map { sentence in
      var words = [WordLabel?](repeating: nil, count: sentence.wordCount)
      for window in sentence.windows {
        for (word, token) in zip(window.words, window.firstTokenOfWord) where token != nil {
          words[word] = labels[next]
          next += 1
        }
      }
      return words
    }
  }

  /// The label of each word of each sentence; nil for a word that gives no piece.
  public func tag(words sentences: [[String]]) throws -> [[WordLabel?]] {
    try tag(try sentences.map { try encode($0) })
  }
}
