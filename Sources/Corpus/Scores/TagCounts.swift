/// What part-of-speech scores are made of: per label the words that are right, predicted, and in the reference.
///
/// Counts of disjoint sentences add, so ranks count their own and sum `values`.
public struct TagCounts: Sendable {
  /// One number after another: words, words without a prediction, then right, predicted and reference words, each
  /// `[labels]`.
  public private(set) var values: [Int64]
  private let labels: [String]

  /// No sentence counted yet, for the classes of `labels`.
  public init(labels: LabelSet) {
    self.labels = labels.names
    values = [Int64](repeating: 0, count: 2 + 3 * labels.count)
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
  /// wrong.
  public mutating func add(reference: [Int], predicted: [Int?]) {
    precondition(
      reference.count == predicted.count, "TagCounts: \(reference.count) words, \(predicted.count) predictions")
    values[0] += Int64(reference.count)
    for (expected, found) in zip(reference, predicted) {
      values[2 + 2 * labels.count + expected] += 1
      guard let found else {
        values[1] += 1
        continue
      }
      values[2 + labels.count + found] += 1
      if found == expected { values[2 + expected] += 1 }
    }
  }

  /// Adds the counts of other sentences under the same labels.
  public static func += (counts: inout TagCounts, other: TagCounts) {
    precondition(counts.values.count == other.values.count, "TagCounts: counts of different labels")
    for index in counts.values.indices { counts.values[index] += other.values[index] }
  }

  /// The scores of what was counted.
  public var scores: TagScores {
    let perLabel = labels.indices.map { label in
      LabelScore(
        label: labels[label], truePositives: values[2 + label], predicted: values[2 + labels.count + label],
        reference: values[2 + 2 * labels.count + label])
    }
    let words = Double(max(values[0], 1))
    return TagScores(
      accuracy: Double(perLabel.reduce(0) { $0 + $1.truePositives }) / words,
      weightedF1: perLabel.reduce(0) { $0 + $1.f1 * Double($1.reference) } / words, perLabel: perLabel,
      wordCount: Int(values[0]), wordsWithoutPrediction: Int(values[1]))
  }
}
