import Corpus

/// An entity with its score.
public struct ScoredEntity: Sendable, Equatable {
  /// Its type.
  public let type: String
  /// Its words, numbered within the sentence.
  public let words: Range<Int>
  /// The mean probability of its words' labels.
  public let score: Double
}

/// From words' labels to what is shown: entities by the rule of the scores, or a tag a word.
public struct LabelReader: Sendable {
  /// What the labels tag.
  public let task: TaggedTask
  private let labels: LabelSet
  private let entities: EntityReader
  /// The types that are shown; nil: all.
  private let types: Set<String>?

  /// - Parameters:
  ///   - isStrict: entities begin with a `B-` alone.
  ///   - types: the types of entities, or the tags, that are shown; nil: all.
  /// - Throws: `TaggedCorpusError.noStrictReading`, `InferenceError.unknownTypes`.
  public init(task: TaggedTask, labels: LabelSet, isStrict: Bool, types: [String]?) throws {
    (self.task, self.labels) = (task, labels)
    entities = try EntityReader(labels: labels, isStrict: isStrict)
    self.types = types.map(Set.init)
    let known = task == .entities ? entities.types : labels.names
    let unknown = (types ?? []).filter { !known.contains($0) }
    guard unknown.isEmpty else { throw InferenceError.unknownTypes(unknown, known: known) }
  }

  /// The entities of a sentence that are shown, in order.
  public func entities(_ words: [WordLabel?]) -> [ScoredEntity] {
    guard task == .entities else { return [] }
    return entities.entities(words.map { $0?.label }).filter { isShown($0.type) }.map { entity in
      let sum = words[entity.words].reduce(0.0) { $0 + Double($1?.score ?? 0) }
      return ScoredEntity(type: entity.type, words: entity.words, score: sum / Double(entity.words.count))
    }
  }

  /// The name of a word's label: of a word without a piece `O`, or nil where there are no entities.
  public func name(_ word: WordLabel?) -> String? {
    word.map { labels.names[$0.label] } ?? (task == .entities ? "O" : nil)
  }

  /// Whether a type of entity, or a tag, is among those that are shown.
  public func isShown(_ type: String) -> Bool { types?.contains(type) ?? true }
}
