/// Words of French clinical texts that end with a full stop and no sentence.
enum Abbreviations {
  /// After these no sentence ends, whatever follows. In small letters, without the last full stop.
  static let joining = Set(titles + references + months + numbers + phrases)

  private static let titles = [
    "m", "mm", "mr", "mme", "mmes", "mlle", "mlles", "dr", "drs", "dre", "pr", "prs", "pre", "prof", "me", "mgr", "st",
    "ste", "vve",
  ]
  private static let references = [
    "cf", "p", "pp", "fig", "figs", "art", "chap", "tab", "vol", "éd", "ed", "coll", "réf", "ref", "al", "ann", "obs",
  ]
  private static let months = [
    "janv", "jan", "févr", "fév", "fev", "avr", "juil", "sept", "oct", "nov", "déc", "dec",
  ]
  private static let numbers = ["no", "nos", "n", "env", "min", "max", "approx", "moy", "tél", "tel", "ext"]
  private static let phrases = [
    "ex", "p.ex", "c.-à-d", "càd", "c.à.d", "i.e", "e.g", "n.b", "nb", "vs", "resp", "av", "apr", "bd", "boul",
    "rte", "suppl", "dg", "gche", "dte", "atcd", "hosp", "sp", "spp", "inf", "sup", "cond", "dép",
  ]

  /// After these words a capital and a full stop are a name's: `par J. Martin`.
  static let beforeNames: Set<String> = [
    "par", "docteur", "docteure", "professeur", "professeure", "monsieur", "madame", "mademoiselle", "dr", "dr.", "pr",
    "pr.", "m.", "mme", "mme.", "mlle", "mlle.", "et",
  ]

  /// Words that a sentence does not end with: where a line does, it goes on in the next one.
  static let continuing: Set<String> = [
    "de", "du", "des", "d", "la", "le", "les", "l", "un", "une", "et", "ou", "à", "au", "aux", "en", "par", "pour",
    "avec",
    "sans", "sur", "sous", "dans", "entre", "vers", "chez", "son", "sa", "ses", "ce", "cet", "cette", "ces", "qui",
    "que",
    "dont", "est", "sont", "a", "ont", "très", "plus", "puis", "soit", "contre", "depuis", "selon",
  ]
}
