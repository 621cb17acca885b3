extension Tokenizer {
  /// `<s>`, the ids of the words one after the other, `</s>`; each id with the number of its word, nil for the two tokens.
  ///
  /// Each word is encoded as a text of its own, as transformers does with `is_split_into_words`; a word may give no id.
  public func encode(words: [String]) throws -> (ids: [Int32], wordIDs: [Int?]) {
    let plain = try encodePlain(words: words)
    return ([bos] + plain.ids + [eos], [nil] + plain.wordIDs + [nil])
  }

  /// The ids of the words one after the other, each with the number of its word.
  public func encodePlain(words: [String]) throws -> (ids: [Int32], wordIDs: [Int?]) {
    var ids: [Int32] = []
    var wordIDs: [Int?] = []
    for (number, word) in words.enumerated() {
      ids += try encodePlain(word)
      wordIDs.append(contentsOf: repeatElement(Int?.some(number), count: ids.count - wordIDs.count))
    }
    return (ids, wordIDs)
  }
}
