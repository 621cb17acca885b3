import Corpus
import Foundation
import XCTest

final class ScoresTests: XCTestCase {
  /// What `Fixtures/make_scores.py` wrote, from seqeval 1.2.2 and scikit-learn 1.9.1.
  private struct Fixture: Decodable {
    struct Entities: Decodable {
      let labels, reference, predicted: [String]
      let lenient: [Double]
      let lenientTypes: [String: [Double]]
      let strict: [Double]?
      let strictTypes: [String: [Double]]?
    }
    struct Tags: Decodable {
      let labels, reference, predicted: [String]
      let accuracy, weightedF1: Double
      let perLabel: [String: [Double]]
    }
    let entities: [Entities]
    let tags: [Tags]
  }

  private func fixture() throws -> Fixture {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let data = try Data(contentsOf: folder.appendingPathComponent("Fixtures/scores.json"))
    return try JSONDecoder().decode(Fixture.self, from: data)
  }

  private func classes(_ sentence: String, _ labels: LabelSet) -> [Int] {
    sentence.split(separator: " ").map { labels.index(of: String($0))! }
  }

  /// Sums of a few doubles in another order: a few ulps.
  private let accuracy = 1e-14

  private func compare(_ scores: SpanScores, _ micro: [Double], _ types: [String: [Double]], line: UInt = #line) {
    for (found, expected) in zip([scores.micro.precision, scores.micro.recall, scores.micro.f1], micro) {
      XCTAssertEqual(found, expected, accuracy: accuracy, line: line)
    }
    compare(scores.perType, types, line: line)
  }

  private func compare(_ scores: [LabelScore], _ expected: [String: [Double]], line: UInt = #line) {
    let occurring = scores.filter { $0.reference + $0.predicted > 0 }
    XCTAssertEqual(Set(occurring.map(\.label)), Set(expected.filter { $0.key != "" }.keys), line: line)
    for score in occurring {
      guard let numbers = expected[score.label] else { continue }
      XCTAssertEqual(score.precision, numbers[0], accuracy: accuracy, score.label, line: line)
      XCTAssertEqual(score.recall, numbers[1], accuracy: accuracy, score.label, line: line)
      XCTAssertEqual(score.f1, numbers[2], accuracy: accuracy, score.label, line: line)
      XCTAssertEqual(Double(score.reference), numbers[3], score.label, line: line)
    }
  }

  func testEntityScoresEqualSeqevals() throws {
    for entry in try fixture().entities {
      let labels = try LabelSet(names: entry.labels)
      var counts = EntityCounts(labels: labels)
      for (reference, predicted) in zip(entry.reference, entry.predicted) {
        counts.add(reference: classes(reference, labels), predicted: classes(predicted, labels))
      }
      let scores = counts.scores
      compare(scores.lenient, entry.lenient, entry.lenientTypes)
      XCTAssertEqual(scores.strict == nil, entry.strict == nil)
      if let strict = scores.strict, let micro = entry.strict, let types = entry.strictTypes {
        compare(strict, micro, types)
      }
    }
  }

  func testTagScoresEqualScikitLearns() throws {
    for entry in try fixture().tags {
      let labels = try LabelSet(names: entry.labels)
      var counts = TagCounts(labels: labels)
      for (reference, predicted) in zip(entry.reference, entry.predicted) {
        counts.add(reference: classes(reference, labels), predicted: classes(predicted, labels))
      }
      XCTAssertEqual(counts.scores.accuracy, entry.accuracy, accuracy: accuracy)
      XCTAssertEqual(counts.scores.weightedF1, entry.weightedF1, accuracy: accuracy)
      compare(counts.scores.perLabel, entry.perLabel)
    }
  }

  func testCountsOfRanksAdd() throws {
    let entry = try fixture().entities[0]
    let labels = try LabelSet(names: entry.labels)
    var whole = EntityCounts(labels: labels)
    var ranks = [EntityCounts](repeating: EntityCounts(labels: labels), count: 3)
    var tags = TagCounts(labels: labels)
    var tagRanks = [TagCounts](repeating: TagCounts(labels: labels), count: 3)
    for (number, (reference, predicted)) in zip(entry.reference, entry.predicted).enumerated() {
      let (expected, found) = (classes(reference, labels), classes(predicted, labels))
      whole.add(reference: expected, predicted: found)
      ranks[number % 3].add(reference: expected, predicted: found)
      tags.add(reference: expected, predicted: found)
      tagRanks[number % 3].add(reference: expected, predicted: found)
    }
    let summed = whole.values.indices.map { index in ranks.reduce(0) { $0 + $1.values[index] } }
    XCTAssertEqual(try EntityCounts(labels: labels, values: summed).scores, whole.scores)
    ranks[0] += ranks[1]
    ranks[0] += ranks[2]
    XCTAssertEqual(ranks[0].scores, whole.scores)
    let summedTags = tags.values.indices.map { index in tagRanks.reduce(0) { $0 + $1.values[index] } }
    XCTAssertEqual(try TagCounts(labels: labels, values: summedTags).scores, tags.scores)
    assertThrows("score counts") { _ = try EntityCounts(labels: labels, values: [1, 2]) }
    assertThrows("score counts") { _ = try TagCounts(labels: labels, values: [1, 2]) }
  }

  func testWordsWithoutPredictionCountAsOutside() throws {
    let labels = try LabelSet(names: ["O", "B-X", "I-X"])
    var counts = EntityCounts(labels: labels)
    counts.add(reference: [1, 2, 0, 1], predicted: [1, nil, nil, 1])
    let scores = counts.scores
    XCTAssertEqual(scores.wordsWithoutPrediction, 2)
    XCTAssertEqual(scores.lenient.micro, LabelScore(label: "micro", truePositives: 1, predicted: 2, reference: 2))
    XCTAssertEqual(scores.strict?.micro, scores.lenient.micro)
  }

  func testWordsWithoutPredictionCountAsWrongTags() throws {
    var counts = TagCounts(labels: try LabelSet(names: ["A", "B"]))
    counts.add(reference: [0, 0, 1, 1], predicted: [0, nil, 1, 1])
    XCTAssertEqual(counts.scores.accuracy, 0.75)
    XCTAssertEqual(counts.scores.wordsWithoutPrediction, 1)
    XCTAssertEqual(counts.scores.weightedF1, (2.0 / 3 * 2 + 1.0 * 2) / 4, accuracy: accuracy)
  }

  func testAnInsideTagOpensASpanForTheLenientRuleOnly() throws {
    let labels = try LabelSet(names: ["O", "B-X", "I-X", "B-Y", "I-Y"])
    var counts = EntityCounts(labels: labels)
    counts.add(reference: [1, 2, 0, 3], predicted: [2, 2, 0, 4])
    XCTAssertEqual(counts.scores.lenient.micro.f1, 1)
    XCTAssertEqual(counts.scores.strict?.micro.predicted, 0)
  }

  func testEmptyCorporaScoreZero() throws {
    let labels = try LabelSet(names: ["O", "B-X", "I-X"])
    XCTAssertEqual(EntityCounts(labels: labels).scores.lenient.micro.f1, 0)
    XCTAssertEqual(TagCounts(labels: labels).scores.accuracy, 0)
    XCTAssertEqual(TagCounts(labels: labels).scores.weightedF1, 0)
  }

  func testBaselines() throws {
    let labels = try LabelSet(names: ["O", "B-X", "I-X"])
    let reference = (0..<400).map { [0, 1, 2, 0, $0 % 3] }
    XCTAssertEqual(Baselines.allOutside(reference: reference, labels: labels).lenient.micro.f1, 0)
    let random = Baselines.random(reference: reference, labels: labels, labelCounts: [3, 1, 1], seed: 4)
    XCTAssertEqual(random, Baselines.random(reference: reference, labels: labels, labelCounts: [3, 1, 1], seed: 4))
    // A span of two words needs two draws of one in five and one that ends it: a few in a hundred.
    let f1 = random.lenient.micro.f1
    XCTAssertGreaterThan(f1, 0.01)
    XCTAssertLessThan(f1, 0.25)
    let always = Baselines.random(reference: [[0, 0]], labels: labels, labelCounts: [0, 7, 0], seed: 4)
    XCTAssertEqual(always.lenient.micro.predicted, 2)
    XCTAssertEqual(
      Baselines.mostFrequent(reference: [[0, 1, 1]], labels: labels, labelCounts: [1, 2, 2]).accuracy, 2.0 / 3)
  }
}
