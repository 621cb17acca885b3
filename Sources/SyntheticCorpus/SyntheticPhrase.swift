/// A noun phrase without its determiner.
struct SyntheticPhrase: Equatable {
  var tokens: [SyntheticToken]
  let isFeminine: Bool
  let isPlural: Bool
  /// Whether `le` and `de` lose their vowel before it.
  let elides: Bool

  init(_ tokens: [SyntheticToken], isFeminine: Bool, isPlural: Bool = false, isAspirated: Bool = false) {
    self.tokens = tokens
    self.isFeminine = isFeminine
    self.isPlural = isPlural
    let start = tokens.first?.form.first.map { $0.lowercased() } ?? ""
    elides = !isAspirated && "aeiouyhâàéèêëîïôœæù".contains(start)
  }

  /// The phrase as an entity of type `type`.
  func tagged(_ type: String) -> SyntheticPhrase {
    var phrase = self
    for index in tokens.indices { phrase.tokens[index].entity = (index == 0 ? "B-" : "I-") + type }
    return phrase
  }

  /// The phrase with a determiner, or a preposition and one: elided, contracted and agreeing.
  func with(_ determiner: String) -> [SyntheticToken] {
    switch determiner {
    case "-": return tokens
    case "le": return [definite] + tokens
    case "un": return [indefinite] + tokens
    case "son": return [SyntheticToken(isPlural ? "ses" : isFeminine && !elides ? "sa" : "son", "DET")] + tokens
    case "de": return [SyntheticToken(elides ? "d'" : "de", "ADP")] + tokens
    case "d'un": return (isPlural ? [] : [SyntheticToken("d'", "ADP"), indefinite]) + (isPlural ? with("de") : tokens)
    case "du": return prefixed("de", contracted: "du", plural: "des")
    case "au": return prefixed("à", contracted: "au", plural: "aux")
    case "de_lieu": return with(isFeminine || elides ? "de" : "du")
    default: fatalError("synthetic corpus: determiner \(determiner)")
    }
  }

  private var definite: SyntheticToken {
    SyntheticToken(isPlural ? "les" : elides ? "l'" : isFeminine ? "la" : "le", "DET")
  }

  private var indefinite: SyntheticToken { SyntheticToken(isPlural ? "des" : isFeminine ? "une" : "un", "DET") }

  private func prefixed(_ preposition: String, contracted: String, plural: String) -> [SyntheticToken] {
    if isPlural { return [SyntheticToken(plural, contracting: preposition, "les")] + tokens }
    if elides || isFeminine { return [SyntheticToken(preposition, "ADP"), definite] + tokens }
    return [SyntheticToken(contracted, contracting: preposition, "le")] + tokens
  }
}

/// Agreement of French words, as far as the templates need it.
enum FrenchAgreement {
  private static let irregular = ["il": "elle", "Il": "Elle"]
  private static let feminineEndings = [("eux", "euse"), ("if", "ive"), ("eur", "euse"), ("en", "enne"), ("er", "ère")]
  private static let plurals = ["a": "ont", "est": "sont"]

  /// An adjective, participle or pronoun given in the masculine singular.
  static func agree(_ word: String, isFeminine: Bool, isPlural: Bool) -> String {
    let word = isFeminine ? feminine(word) : word
    return isPlural && !word.hasSuffix("s") && !word.hasSuffix("x") ? word + "s" : word
  }

  private static func feminine(_ word: String) -> String {
    if let form = irregular[word] { return form }
    for (ending, form) in feminineEndings where word.hasSuffix(ending) { return word.dropLast(ending.count) + form }
    return word.hasSuffix("e") ? word : word + "e"
  }

  /// A verb given in the third person singular of the present.
  static func agree(verb: String, isPlural: Bool) -> String {
    guard isPlural else { return verb }
    return plurals[verb] ?? verb + "nt"
  }
}
