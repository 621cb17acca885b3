/// Parses phrases and templates into tagged words.
enum SyntheticGrammar {
  /// Part of speech of the words that templates and phrases leave unmarked.
  static let functionWords: [String: String] = {
    let byTag = [
      "ADP": "à de d' en par pour avec sans chez devant sous dans pendant après depuis",
      "DET": "le la les l' un une ses ces ce cet cette son sa aucun aucune",
      "PRON": "il y on nous se s' qui", "ADV": "ne n' pas plus aussi", "CCONJ": "et ni", "SCONJ": "que",
      "AUX": "est a sont ont", "PUNCT": ". , : ( )",
    ]
    var tags: [String: String] = [:]
    for (tag, words) in byTag { for word in words.split(separator: " ") { tags[String(word)] = tag } }
    return tags
  }()

  /// Contractions as syntactic words.
  static let contractions = ["du": ("de", "le"), "des": ("de", "les"), "au": ("à", "le"), "aux": ("à", "les")]

  /// A word that is written out in a template or phrase: `mot` or `mot/POS`; nil where its part of speech is not known.
  static func word(_ written: String) -> SyntheticToken? {
    if let slash = written.lastIndex(of: "/"), slash != written.startIndex {
      return SyntheticToken(String(written[..<slash]), String(written[written.index(after: slash)...]))
    }
    let plain = written.lowercased()
    if let (preposition, article) = contractions[plain] {
      return SyntheticToken(written, contracting: preposition, article)
    }
    return functionWords[plain].map { SyntheticToken(written, $0) }
  }

  /// One item of a template.
  enum Item {
    case word(String)
    /// `<determiner category:start#n>`; the category may start with `$`.
    case phrase(determiner: String, key: String)
    /// `{name}`
    case number(String)
  }

  /// The items of a template line.
  static func items(_ template: String) -> [Item] {
    var items: [Item] = []
    var rest = template[...]
    while let first = rest.first {
      let closing: Character? = ["<": ">", "[": "]", "{": "}"][first]
      let end = rest.firstIndex(of: closing ?? " ") ?? rest.endIndex
      let item = closing == nil ? rest[..<end] : rest[rest.index(after: rest.startIndex)..<end]
      rest = end == rest.endIndex ? "" : rest[rest.index(after: end)...]
      if item.isEmpty { continue }
      guard let closing else {
        items.append(.word(String(item)))
        continue
      }
      let words = item.split(separator: " ").map(String.init)
      items.append(
        closing == "}" ? .number(words[0]) : .phrase(determiner: words[0].lowercased(), key: words[1]))
    }
    return items
  }
}
