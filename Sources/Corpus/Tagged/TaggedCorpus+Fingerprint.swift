import Base
import Crypto
import Foundation

extension TaggedCorpus {
  /// SHA-256 of a part's sentences, words and tags, in order, in hexadecimal: equal where as many examples are equal, whatever
  /// files they come from. That of the training part covers the corpus' labels too.
  public func fingerprint(of name: TaggedSplitName) -> String {
    var hash = SHA256()
    func add(_ texts: [String]) {
      // Lengths first, so that no text can pass for another division of the same characters.
      hash.update(data: Data("\(texts.count)\n".utf8))
      for text in texts {
        hash.update(data: Data("\(text.utf8.count) ".utf8))
        hash.update(data: Data(text.utf8))
      }
    }
    if name == .train { add(labels) }
    for sentence in self[name] {
      add(sentence.words)
      add(sentence.tags)
    }
    return hash.finalize().hexadecimal
  }
}
