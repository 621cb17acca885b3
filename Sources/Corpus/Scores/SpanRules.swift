/// A span of words with a type, as a scorer sees it.
struct EntitySpan: Equatable {
  /// Index into the rule's types.
  let type: Int
  /// First and last word, both inclusive.
  let first: Int
  let last: Int
}

/// How one scheme reads the labels of a set: the prefix and the type of each.
///
/// Built once a label set, so that scoring compares small numbers and no strings.
struct SpanRule: Sendable {
  /// Whether an `I-` may open a span (seqeval's default), or only a `B-` (its strict IOB2).
  let isLenient: Bool
  /// Types, in byte order; `_` for none.
  let types: [String]
  /// First character of each label, by class.
  private let prefixes: [Unicode.Scalar]
  /// Index into `types`, by class.
  private let typeOfClass: [Int]
  /// The type of the label `O`.
  private let outsideType: Int

  /// Types that a span can have: those of labels other than `O…`.
  let spanTypes: Set<Int>

  /// seqeval's default reading: `get_entities`, `type_ = chunk[1:].split('-', maxsplit=1)[-1] or '_'`.
  static func lenient(_ labels: LabelSet) -> SpanRule {
    SpanRule(isLenient: true, labels) { label in
      let rest = Array(label.unicodeScalars.dropFirst())
      return rest.firstIndex(of: "-").map { Array(rest[($0 + 1)...]) } ?? rest
    }
  }

  /// seqeval's `mode="strict", scheme=IOB2`: `tag = token[1:].strip('-') or '_'`; nil where a label does not start
  /// with O, B or I, which seqeval refuses.
  static func strictIOB2(_ labels: LabelSet) -> SpanRule? {
    guard labels.names.allSatisfy({ $0.unicodeScalars.first.map { "OBI".unicodeScalars.contains($0) } ?? false }) else {
      return nil
    }
    return SpanRule(isLenient: false, labels) { label in
      let rest = label.unicodeScalars.dropFirst().drop { $0 == "-" }
      return Array(rest.reversed().drop { $0 == "-" }.reversed())
    }
  }

  private init(isLenient: Bool, _ labels: LabelSet, type: (String) -> [Unicode.Scalar]) {
    func name(_ label: String) -> String {
      var view = String.UnicodeScalarView()
      view.append(contentsOf: type(label))
      return view.isEmpty ? "_" : String(view)
    }
    let names = labels.names.map(name)
    let unique = Set(names + ["_"]).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let numbers = Dictionary(uniqueKeysWithValues: zip(unique, unique.indices))
    self.isLenient = isLenient
    types = unique
    prefixes = labels.names.map { $0.unicodeScalars.first ?? "O" }
    typeOfClass = names.map { numbers[$0] ?? 0 }
    outsideType = numbers["_"] ?? 0
    spanTypes = Set(zip(prefixes, typeOfClass).filter { $0.0 != "O" }.map(\.1))
  }

  /// The spans of one sentence, by ascending last word. A nil class is `O`.
  ///
  /// seqeval's default joins all sentences into one sequence, which shows in one case: a label of a single letter
  /// other than B, I, E, S and O opens no span there, and the one that ends with it starts where an earlier sentence
  /// left off. Here it starts within the sentence.
  func spans(_ classes: some Sequence<Int?>) -> [EntitySpan] {
    var spans: [EntitySpan] = []
    var previous: Unicode.Scalar = "O"
    var previousType = outsideType
    var first = 0
    var isOpen = false  // of the strict rule; the lenient one tells from the previous tag alone
    func step(_ index: Int, _ prefix: Unicode.Scalar, _ type: Int) {
      let isSameType = previousType == type
      let doesEnd =
        isLenient ? SpanRule.ends(previous, prefix, isSameType) : isOpen && !(prefix == "I" && isSameType)
      let doesStart = isLenient ? SpanRule.starts(previous, prefix, isSameType) : prefix == "B"
      if doesEnd { spans.append(EntitySpan(type: previousType, first: first, last: index - 1)) }
      if doesStart { first = index }
      isOpen = doesStart || isOpen && !doesEnd
      previous = prefix
      previousType = type
    }
    var count = 0
    for label in classes {
      step(count, label.map { prefixes[$0] } ?? "O", label.map { typeOfClass[$0] } ?? outsideType)
      count += 1
    }
    step(count, "O", outsideType)
    return spans
  }

  /// seqeval's `end_of_chunk`.
  private static func ends(_ previous: Unicode.Scalar, _ next: Unicode.Scalar, _ sameType: Bool) -> Bool {
    switch previous {
    case "E", "S": return true
    case "B", "I": return next == "B" || next == "S" || next == "O" || !sameType
    case "O", ".": return false
    default: return !sameType
    }
  }

  /// seqeval's `start_of_chunk`.
  private static func starts(_ previous: Unicode.Scalar, _ next: Unicode.Scalar, _ sameType: Bool) -> Bool {
    switch next {
    case "B", "S": return true
    case "E", "I": return previous == "E" || previous == "S" || previous == "O" || !sameType
    case "O", ".": return false
    default: return !sameType
    }
  }
}
