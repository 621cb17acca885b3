import Corpus
import Encoder
import Foundation
import Ranks

/// Measuring a model on validation or test data, shared out over the ranks; every rank ends with the same numbers.
package struct Evaluation {
  let world: World
  let model: EncoderModel
  private let paces: [RankPace]

  /// - Parameter paces: by which the work is dealt, one a rank; nil: evenly.
  package init(world: World, model: EncoderModel, paces: [RankPace]? = nil) {
    (self.world, self.model) = (world, model)
    self.paces = paces ?? [RankPace](repeating: .same, count: world.count)
  }

  /// Masked-LM loss and accuracy on held-out blocks.
  package func maskedLanguageModel(_ slices: [Slice]) throws -> (loss: Double, accuracy: Double) {
    var sums = LossSums()
    try world.agree {
      prepare()
      for index in Slices.deal(costs: slices.map(\.cost), paces: paces)[world.rank] {
        sums.add(try model.loss(try model.forwardToLoss(SliceInput(slices[index]))))
      }
    }
    let total = try sums.overRanks(world)
    let count = Double(max(total.labelledTokenCount, 1))
    return (total.lossSum / count, Double(total.correctCount) / count)
  }

  /// The predicted class of every word of a split's sentences that fell to this rank.
  struct TaggedResult {
    var loss: Double
    var entities: EntityScores?
    var tags: TagScores?
    /// `[sentence: classes]` of this rank's sentences.
    var predictions: [Int: [Int?]]
  }

  /// Loss and scores on a split of a tagged corpus.
  func tagged(_ data: FineTuningData, _ split: TaggedSplitName, tokens: Int) throws -> TaggedResult {
    let groups = data.groups(split, tokens: tokens)
    var sums = LossSums()
    var predictions: [Int: [Int?]] = [:]
    let isEntities = data.corpus.task == .entities
    var entityCounts = EntityCounts(labels: data.labels)
    var tagCounts = TagCounts(labels: data.labels)
    try world.agree {
      prepare()
      let mine = Slices.deal(costs: groups.map(\.cost), paces: paces)[world.rank]
      for index in mine {
        let group = groups[index]
        var labelled: [Int32] = []
        for slice in group.slices {
          let outcome = try model.loss(try model.forwardToLoss(SliceInput(slice)), predicts: true)
          sums.add(outcome)
          labelled += outcome.predictions
        }
        let words = data.wordPredictions(split, group, labelled: labelled)
        for (sentence, predicted) in zip(group.sentences, words) {
          let reference = try data.reference(split, sentence)
          if isEntities {
            entityCounts.add(reference: reference, predicted: predicted)
          } else {
            tagCounts.add(reference: reference, predicted: predicted)
          }
          predictions[sentence] = predicted
        }
      }
    }
    let total = try sums.overRanks(world)
    let loss = total.lossSum / Double(max(total.labelledTokenCount, 1))
    if isEntities {
      let scores = try EntityCounts(labels: data.labels, values: summed(entityCounts.values)).scores
      return TaggedResult(loss: loss, entities: scores, tags: nil, predictions: predictions)
    }
    let scores = try TagCounts(labels: data.labels, values: summed(tagCounts.values)).scores
    return TaggedResult(loss: loss, entities: nil, tags: scores, predictions: predictions)
  }

  private func prepare() {
    model.dropout = .off
    model.prepareStep()
  }

  private func summed(_ values: [Int64]) throws -> [Int64] {
    var values = values
    try values.withUnsafeMutableBufferPointer { try world.sum($0) }
    return values
  }

  /// All ranks' predictions, in sentence order, on the leader; nil elsewhere.
  func gathered(_ predictions: [Int: [Int?]]) throws -> [[Int?]]? {
    let encoded = try JSONEncoder().encode(predictions)
    guard let parts = try world.gather(bytes: Array(encoded)) else { return nil }
    var all: [Int: [Int?]] = [:]
    for part in parts { all.merge(try JSONDecoder().decode([Int: [Int?]].self, from: Data(part))) { a, _ in a } }
    return all.keys.sorted().map { all[$0]! }
  }
}
