import Corpus

/// Sentences on their way through a tagger: gathered until they fill a batch, handed on in order with their labels.
public final class TagStream<Item> {
  private let tagger: Tagger
  private let emit: (Item, [WordLabel?]) throws -> Void
  private var waiting: [(item: Item, sentence: Tagger.Encoded)] = []
  private var tokenCount = 0

  /// - Parameter emit: takes each item with the labels of its words.
  public init(_ tagger: Tagger, emit: @escaping (Item, [WordLabel?]) throws -> Void) {
    (self.tagger, self.emit) = (tagger, emit)
  }

  /// Takes a sentence; those before it go on where it no longer fits into their batch.
  public func add(_ item: Item, words: [String], source: String) throws {
    let sentence = try tagger.encode(words, source: source)
    if tokenCount + sentence.tokenCount > tagger.tokensAtOnce { try flush() }
    waiting.append((item, sentence))
    tokenCount += sentence.tokenCount
  }

  /// Hands on all that wait.
  public func flush() throws {
    let batch = waiting
    (waiting, tokenCount) = ([], 0)
    guard !batch.isEmpty else { return }
    let labels = try tagger.tag(batch.map(\.sentence))
    for (waiting, labels) in zip(batch, labels) { try emit(waiting.item, labels) }
  }
}
