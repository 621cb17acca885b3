/// One synthetic clinical report, written sentence by sentence.
struct SyntheticReport {
  /// The phrases, as words, that each sex's reports may hold, by category.
  private static let phrases = (female: phrases(without: maleOnly), male: phrases(without: femaleOnly))
  private static let sections = SyntheticTemplates.sections.map { section in
    (sentences: section.sentences, templates: lines(section.templates).map(SyntheticGrammar.items))
  }
  /// Words that only one sex's reports may hold.
  private static let femaleOnly = ["utérus", "ovaire", "gestationnel", "césarienne", "gynécologue"]
  private static let maleOnly = ["prostate"]

  private var random: SyntheticRandom
  private let isFemale: Bool
  private let age: Int
  /// Phrases that stay the same through the report.
  private var lasting: [String: SyntheticPhrase] = [:]

  init(random: SyntheticRandom) {
    var random = random
    isFemale = random.below(2) == 0
    age = random.number(in: 18...94)
    self.random = random
  }

  private static func phrases(without barred: [String]) -> [String: [[String]]] {
    SyntheticLexicon.categories.mapValues { category in
      lines(category.phrases).filter { line in !barred.contains(where: line.contains) }
        .map { $0.split(separator: " ").map(String.init) }
    }
  }

  private static func lines(_ text: String) -> [String] { text.split(separator: "\n").map(String.init) }

  /// The sentences of the report, section by section.
  mutating func sections() -> [[[SyntheticToken]]] {
    SyntheticReport.sections.map { section in
      var templates = section.templates
      let count = section.sentences + (section.sentences > 1 && random.below(3) == 0 ? 1 : 0)
      return (0..<min(count, templates.count)).map { _ in sentence(templates.remove(at: random.below(templates.count)))
      }
    }
  }

  // MARK: Sentences

  private mutating func sentence(_ items: [SyntheticGrammar.Item]) -> [SyntheticToken] {
    var phrases: [String: SyntheticPhrase] = [:]
    // Phrases first: a word may agree with one that comes after it.
    for case .phrase(let determiner, let key) in items where phrases[key] == nil {
      phrases[key] = phrase(key, determiner: determiner, besides: Array(phrases.values))
    }
    var tokens: [SyntheticToken] = []
    for item in items {
      switch item {
      case .word(let written): tokens.append(word(written, phrases))
      case .phrase(let determiner, let key): tokens += phrases[key]?.with(determiner) ?? []
      case .number(let name): tokens += number(name)
      }
    }
    if let first = tokens.first { tokens[0] = first.capitalised }
    return tokens
  }

  /// A word of a template: `mot`, `mot~key` or `mot^key`, with `/POS` where it is not a function word.
  private func word(_ written: String, _ phrases: [String: SyntheticPhrase]) -> SyntheticToken {
    let slash = written.firstIndex(of: "/") ?? written.endIndex
    let tag = written[slash...]
    let marked = written[..<slash]
    guard let mark = marked.firstIndex(where: { $0 == "~" || $0 == "^" }) else { return known(written) }
    let stem = String(marked[..<mark])
    let key = String(marked[marked.index(after: mark)...])
    let (isFeminine, isPlural) = key == "patient" ? (isFemale, false) : agreement(key, phrases, written)
    let form =
      marked[mark] == "^"
      ? FrenchAgreement.agree(verb: stem, isPlural: isPlural)
      : FrenchAgreement.agree(stem, isFeminine: isFeminine, isPlural: isPlural)
    var token = known(stem + tag)
    token.form = form
    token.parts[0].form = form
    return token
  }

  private func agreement(_ key: String, _ phrases: [String: SyntheticPhrase], _ word: String) -> (Bool, Bool) {
    let subjects = key.split(separator: "+").map { name -> SyntheticPhrase in
      guard let phrase = phrases[String(name)] else {
        fatalError("synthetic corpus: \(word) agrees with no phrase of its template")
      }
      return phrase
    }
    return (subjects.allSatisfy(\.isFeminine), subjects.count > 1 || subjects.contains(where: \.isPlural))
  }

  private func known(_ written: String) -> SyntheticToken {
    guard let token = SyntheticGrammar.word(written) else {
      fatalError("synthetic corpus: no part of speech for \(written)")
    }
    return token
  }

  // MARK: Phrases

  /// A phrase for `key`, unlike those that the sentence has already; `$` keys last through the report.
  private mutating func phrase(_ key: String, determiner: String, besides others: [SyntheticPhrase]) -> SyntheticPhrase
  {
    if key == "patient" { return patient(determiner) }
    if let phrase = lasting[key] { return phrase }
    let name = key.drop { $0 == "$" }.prefix { $0 != "#" }.split(separator: ":").map(String.init)
    var drawn = draw(name[0], startingWith: name.count > 1 ? name[1] : "")
    var attempts = 0
    while others.contains(drawn) || lasting.values.contains(drawn), attempts < 20 {
      drawn = draw(name[0], startingWith: name.count > 1 ? name[1] : "")
      attempts += 1
    }
    if key.hasPrefix("$") { lasting[key] = drawn }
    return drawn
  }

  /// `[un …]` brings the patient in by one of several nouns; afterwards it is the patient.
  private mutating func patient(_ determiner: String) -> SyntheticPhrase {
    let nouns = isFemale ? ["patiente", "femme"] : ["patient", "homme"]
    let noun = ["un", "d'un"].contains(determiner) ? random.pick(nouns) : nouns[0]
    return SyntheticPhrase([SyntheticToken(noun, "NOUN")], isFeminine: isFemale).tagged("LIVB")
  }

  private mutating func draw(_ category: String, startingWith start: String) -> SyntheticPhrase {
    let phrases = isFemale ? SyntheticReport.phrases.female : SyntheticReport.phrases.male
    guard let entity = SyntheticLexicon.categories[category]?.entity, let all = phrases[category] else {
      fatalError("synthetic corpus: no category \(category)")
    }
    let fitting = start.isEmpty ? all : all.filter { $0[1].hasPrefix(start) }
    return phrase(of: random.pick(fitting)).tagged(entity)
  }

  private mutating func phrase(of words: [String]) -> SyntheticPhrase {
    var tokens: [SyntheticToken] = []
    for written in words.dropFirst() {
      if written.hasPrefix("@") {
        tokens += draw(String(written.dropFirst()), startingWith: "").with("du")
      } else if let token = SyntheticGrammar.word(written) {
        tokens.append(token)
      } else {
        let governed = tokens.last.map { ["ADP", "DET"].contains($0.parts.last?.tag) } ?? true
        tokens.append(SyntheticToken(written, governed ? "NOUN" : "ADJ"))
      }
    }
    return SyntheticPhrase(
      tokens, isFeminine: words[0].contains("f"), isPlural: words[0].contains("p"), isAspirated: words[0].contains("*"))
  }

  // MARK: Numbers

  private mutating func number(_ name: String) -> [SyntheticToken] {
    switch name {
    case "ans": return quantity("\(age)", "ans")
    case "durée": return quantity("\(random.number(in: 2...11))", random.pick(["jours", "semaines", "mois", "ans"]))
    case "nombre": return [SyntheticToken("\(random.number(in: 2...30))", "NUM")]
    case "heures": return quantity("\(random.pick([2, 3, 4, 6, 8, 12]))", "heures")
    case "tension": return quantity("\(random.number(in: 9...19))0/\(random.number(in: 5...10))0", "mmHg")
    case "pouls":
      let count = quantity("\(random.number(in: 48...140))", "battements")
      return count + [SyntheticToken("par", "ADP"), SyntheticToken("minute", "NOUN")]
    case "température": return quantity(decimal(355...404), "°C")
    case "pourcentage": return [SyntheticToken("\(random.number(in: 82...99))", "NUM"), SyntheticToken("%", "SYM")]
    case "poids": return quantity("\(random.number(in: 42...118))", "kg")
    case "centimètres": return quantity("\(random.number(in: 148...195))", "cm")
    case "taille": return quantity("\(random.number(in: 3...60))", random.pick(["mm", "cm"]))
    case "valeur": return quantity(decimal(11...180), random.pick(["mmol/l", "g/l", "mg/l", "µmol/l"]))
    case "dose":
      return quantity(
        "\(random.pick([1, 2, 5, 10, 20, 25, 40, 50, 75, 100, 250, 500]))", random.pick(["mg", "µg", "UI"]))
    default: fatalError("synthetic corpus: no number \(name)")
    }
  }

  private func quantity(_ number: String, _ unit: String) -> [SyntheticToken] {
    [SyntheticToken(number, "NUM"), SyntheticToken(unit, "NOUN")]
  }

  /// Tenths, with the French comma.
  private mutating func decimal(_ tenths: ClosedRange<Int>) -> String {
    let value = random.number(in: tenths)
    return "\(value / 10),\(value % 10)"
  }
}
