/// What entity scores are made of: spans found, predicted and in the reference, per type, lenient and strict.
///
/// Counts of disjoint sentences add, so ranks count their own and sum `values`. A sentence must be counted whole.
public struct EntityCounts: Sendable {
  /// One number after another: words, words without a prediction, then for the lenient and the strict rule the true
  /// positives, predicted and reference spans, each `[types]`.
  public private(set) var values: [Int64]
  private let lenient: SpanRule
  private let strict: SpanRule?

  /// No sentence counted yet, for the classes of `labels`.
  public init(labels: LabelSet) {
    lenient = .lenient(labels)
    strict = .strictIOB2(labels)
    values = [Int64](repeating: 0, count: 2 + 3 * (lenient.types.count + (strict?.types.count ?? 0)))
  }

  /// The counts that `values` of another rank hold. Throws when they belong to another set of labels.
  public init(labels: LabelSet, values: [Int64]) throws {
    self.init(labels: labels)
    guard values.count == self.values.count else {
      throw TaggedCorpusError.countsMismatch(expected: self.values.count, found: values.count)
    }
    self.values = values
  }

  /// Counts one sentence: the class of each word, and the predicted class or nil (no piece, cut off), which counts as
  /// `O`.
  public mutating func add(reference: [Int], predicted: [Int?]) {
    precondition(
      reference.count == predicted.count, "EntityCounts: \(reference.count) words, \(predicted.count) predictions")
    values[0] += Int64(reference.count)
    values[1] += predicted.reduce(0) { $0 + ($1 == nil ? 1 : 0) }
    add(lenient, at: 2, reference, predicted)
    if let strict { add(strict, at: 2 + 3 * lenient.types.count, reference, predicted) }
  }

  private mutating func add(_ rule: SpanRule, at base: Int, _ reference: [Int], _ predicted: [Int?]) {
    let typeCount = rule.types.count
    let expected = rule.spans(reference.lazy.map { $0 })
    let found = rule.spans(predicted)
    for span in found { values[base + typeCount + span.type] += 1 }
    var next = 0  // both lists have one span a last word, in ascending order
    for span in expected {
      values[base + 2 * typeCount + span.type] += 1
      while next < found.count, found[next].last < span.last { next += 1 }
      if next < found.count, found[next] == span { values[base + span.type] += 1 }
    }
  }

  /// Adds the counts of other sentences under the same labels.
  public static func += (counts: inout EntityCounts, other: EntityCounts) {
    precondition(counts.values.count == other.values.count, "EntityCounts: counts of different labels")
    for index in counts.values.indices { counts.values[index] += other.values[index] }
  }

  /// The scores of what was counted.
  public var scores: EntityScores {
    EntityScores(
      lenient: spanScores(lenient, at: 2), strict: strict.map { spanScores($0, at: 2 + 3 * lenient.types.count) },
      wordCount: Int(values[0]), wordsWithoutPrediction: Int(values[1]))
  }

  private func spanScores(_ rule: SpanRule, at base: Int) -> SpanScores {
    let typeCount = rule.types.count
    let perType = rule.types.indices.filter(rule.spanTypes.contains).map { type in
      LabelScore(
        label: rule.types[type], truePositives: values[base + type], predicted: values[base + typeCount + type],
        reference: values[base + 2 * typeCount + type])
    }
    return SpanScores(perType: perType)
  }
}
