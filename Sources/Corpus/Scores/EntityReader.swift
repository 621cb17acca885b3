/// A span of words with a type.
public struct Entity: Sendable, Equatable {
  /// The type, as in `DISO` of `B-DISO`.
  public let type: String
  /// Its words, numbered within the sentence.
  public let words: Range<Int>
}

/// The entities that a sentence's labels spell, by the rules of the scores (`EntityScores`).
public struct EntityReader: Sendable {
  private let rule: SpanRule

  /// - Parameter isStrict: only a `B-` opens a span, as in the strict scores; else an `I-` may too, as in the lenient ones.
  /// - Throws: `TaggedCorpusError.noStrictReading` for labels that are not IOB2 and a strict reading.
  public init(labels: LabelSet, isStrict: Bool) throws {
    guard isStrict else {
      rule = .lenient(labels)
      return
    }
    guard let strict = SpanRule.strictIOB2(labels) else {
      let name = labels.names.first { !LabelSet.isIOB2($0) } ?? ""
      throw TaggedCorpusError.noStrictReading(label: name)
    }
    rule = strict
  }

  /// The types that an entity can have, in byte order.
  public var types: [String] { rule.types.indices.filter(rule.spanTypes.contains).map { rule.types[$0] } }

  /// The entities of one sentence, in the order of their words. A nil class is `O`.
  public func entities(_ classes: [Int?]) -> [Entity] {
    rule.spans(classes).map { Entity(type: rule.types[$0.type], words: $0.first..<$0.last + 1) }
  }
}
