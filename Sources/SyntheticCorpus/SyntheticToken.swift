/// One word of the synthetic corpus with its tags.
struct SyntheticToken: Equatable {
  /// A syntactic word and its part of speech.
  struct Part: Equatable {
    var form: String
    let tag: String
  }

  /// As it is written: `du`, `l'`, `patiente`.
  var form: String
  /// The syntactic words it stands for: two for a contraction (`du`: de, le).
  var parts: [Part]
  /// IOB2 tag.
  var entity = "O"

  /// A word of one part.
  init(_ form: String, _ tag: String, entity: String = "O") {
    self.form = form
    parts = [Part(form: form, tag: tag)]
    self.entity = entity
  }

  /// A contraction of a preposition and an article.
  init(_ form: String, contracting preposition: String, _ article: String) {
    self.form = form
    parts = [Part(form: preposition, tag: "ADP"), Part(form: article, tag: "DET")]
  }

  /// The word with a capital, if it starts a sentence.
  var capitalised: SyntheticToken {
    var token = self
    token.form = SyntheticToken.capitalise(form)
    token.parts[0].form = SyntheticToken.capitalise(parts[0].form)
    return token
  }

  private static func capitalise(_ word: String) -> String { word.prefix(1).uppercased() + word.dropFirst() }
}

extension Array where Element == SyntheticToken {
  /// The running text, spaced as in French print.
  var runningText: String {
    var text = ""
    var isGlued = true
    for token in self {
      if !isGlued, !token.isBoundToPrevious { text += " " }
      text += token.form
      isGlued = token.isBoundToNext
    }
    return text
  }
}

extension SyntheticToken {
  /// No space before it.
  var isBoundToPrevious: Bool { [".", ",", ")"].contains(form) }
  /// No space after it.
  var isBoundToNext: Bool { form.utf8.last == UInt8(ascii: "'") || form == "(" }
}
