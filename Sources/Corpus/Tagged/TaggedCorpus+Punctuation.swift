extension TaggedCorpus {
  /// Of a text as people write it, about one word in eight has a mark at its end; where words stand apart, abbreviations alone do.
  private static let largestShare = 0.03
  private static let marks: Set<Character> = [",", ".", ";", ":", "!", "?", ")"]

  /// Whether its words stand apart from punctuation: hardly one has a mark at its end that is not all of it.
  package var partsPunctuation: Bool {
    var (count, marked) = (0, 0)
    for sentence in train + validation + test {
      for word in sentence.words {
        count += 1
        guard word.count > 1, let last = word.last, TaggedCorpus.marks.contains(last) else { continue }
        if word.contains(where: { $0.isLetter || $0.isNumber }) { marked += 1 }
      }
    }
    return Double(marked) <= TaggedCorpus.largestShare * Double(count)
  }
}
