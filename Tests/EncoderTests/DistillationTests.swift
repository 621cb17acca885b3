import Compute
import Encoder
import Foundation
import Quantization
import TestSupport
import XCTest

/// Losses with a teacher against closed forms; the reference's cases have the rest.
final class DistillationTests: XCTestCase {
  private func parts(
    _ student: EncoderModel, _ teacher: EncoderModel, _ weights: DistillationWeights, _ input: SliceInput
  ) throws -> (task: Double, soft: Double, parts: DistillationParts, gradients: [Float]) {
    student.prepareStep()
    teacher.prepareStep()
    let store = GradientStore(kind: .float32, count: student.layout.elementCount)
    let counts = DistillationCounts(
      labelledTokens: input.labelledTokenCount, tokens: input.tokenCount,
      pairs: input.lengths.reduce(0) { $0 + $1 * $1 })
    let targets = try teacher.targets(for: input, weights: weights, counts: counts)
    let trace = try student.loss(
      try student.forward(input, toLearnFrom: targets), lossScale: 1 / Float(input.labelledTokenCount), into: store,
      targets: targets)
    let outcome = trace.outcome
    let parts = student.backward(trace, into: store)
    let count = Double(input.labelledTokenCount)
    return (outcome.lossSum / count, outcome.softLossSum / count, parts, store.all)
  }

  /// Against a plain mean of x·y/(|x||y|); of one's own states it is 1.
  func testTheCosineOfHiddenStates() throws {
    let (student, teacher) = (try Small.model("LSQ_E2W2A2"), try Small.model("fp32"))
    let input = Small.slice([9, 1, 14], student)
    let own = try student.forward(input, keepsHiddenStates: true)
    for cosine in own.hiddenCosines(with: own) { XCTAssertEqual(cosine, 1, accuracy: 1e-6) }
    let others = try teacher.forward(input, keepsHiddenStates: true)
    let found = own.hiddenCosines(with: others)
    XCTAssertEqual(found.count, 3)
    for (state, cosine) in found.enumerated() {
      let (x, y, h) = (own.hiddenStates[state], others.hiddenStates[state], student.dimensions.hiddenSize)
      let cosines = stride(from: 0, to: x.count, by: h).map { start -> Double in
        func dot(_ a: [Float], _ b: [Float]) -> Double {
          (start..<start + h).reduce(0) { $0 + Double(a[$1]) * Double(b[$1]) }
        }
        return dot(x, y) / (dot(x, x) * dot(y, y)).squareRoot()
      }
      XCTAssertEqual(cosine, cosines.reduce(0, +) / 24, accuracy: 1e-5)
      XCTAssertLessThan(cosine, 0.999)
    }
  }

  /// Who teaches itself differs in nothing: states and scores cost nothing, and what is left of the logits' part is the entropy of
  /// the softened distribution, whose gradient is zero.
  func testAStudentThatIsItsTeacher() throws {
    for head in [Small.maskedLanguageModel, Small.labels] {
      let (student, teacher) = (try Small.model("fp32", head), try Small.model("fp32", head))
      let input = Small.slice([9, 1, 14], student)
      var weights = DistillationWeights()
      (weights.task, weights.logits, weights.temperature, weights.hidden, weights.scores) = (0, 0.5, 2, 1, 1)
      let found = try parts(student, teacher, weights, input)
      XCTAssertEqual(found.parts, DistillationParts())
      XCTAssertEqual(found.soft, try softenedEntropy(student, input, temperature: 2), accuracy: 1e-4)
      XCTAssertLessThan(found.gradients.map(abs).max() ?? 1, 1e-6)
    }
  }

  /// T²·H(softmax(y/T)), the mean over the labelled tokens.
  private func softenedEntropy(_ model: EncoderModel, _ input: SliceInput, temperature: Double) throws -> Double {
    let tokens = input.labels.indices.filter { input.labels[$0] >= 0 }
    let logits = model.logits(ofTokens: tokens, try model.forward(input))
    let classes = logits.count / tokens.count
    let entropies = tokens.indices.map { r in
      let terms = logits[r * classes..<(r + 1) * classes].map { exp(Double($0) / temperature) }
      let sum = terms.reduce(0, +)
      return -terms.reduce(0) { $0 + $1 / sum * log($1 / sum) }
    }
    return temperature * temperature * entropies.reduce(0, +) / Double(tokens.count)
  }

  /// Without weights a teacher changes nothing, to the bit.
  func testATeacherWithoutWeightChangesNothing() throws {
    let student = try Small.model("LSQ_E4W4A4", Small.labels)
    let teacher = try Small.model("fp32", Small.labels, seed: 7)
    let input = Small.slice([9, 1, 14], student)
    let found = try parts(student, teacher, DistillationWeights(), input)
    let plain = GradientStore(kind: .float32, count: student.layout.elementCount)
    let trace = try student.loss(
      try student.forwardToLoss(input), lossScale: 1 / Float(input.labelledTokenCount), into: plain)
    XCTAssertEqual(trace.outcome.lossSum / Double(input.labelledTokenCount), found.task)
    student.backward(trace, into: plain)
    XCTAssertEqual(found.gradients, plain.all)
  }

  /// Parts and gradients are sums over slices of means over the batch: two slices give what one gives that holds both.
  func testSlicesAddUpToTheBatch() throws {
    let (student, teacher) = (try Small.model("fp32", Small.labels), try Small.model("fp32", Small.labels, seed: 9))
    let whole = Small.slice([12, 7, 20], student)
    var weights = DistillationWeights()
    (weights.logits, weights.temperature, weights.hidden, weights.scores) = (1, 1.5, 0.7, 0.3)
    let together = try parts(student, teacher, weights, whole)
    let store = GradientStore(kind: .float32, count: student.layout.elementCount)
    let counts = DistillationCounts(
      labelledTokens: whole.labelledTokenCount, tokens: whole.tokenCount, pairs: 12 * 12 + 7 * 7 + 20 * 20)
    var (hidden, scores, soft) = (0.0, 0.0, 0.0)
    for (tokens, lengths) in [(0..<19, [12, 7]), (19..<39, [20])] {
      let input = SliceInput(
        ids: Array(whole.ids[tokens]), lengths: lengths, labels: Array(whole.labels[tokens]),
        sequenceNumbers: nil)
      let targets = try teacher.targets(for: input, weights: weights, counts: counts)
      let trace = try student.loss(
        try student.forward(input, toLearnFrom: targets), lossScale: 1 / Float(whole.labelledTokenCount), into: store,
        targets: targets)
      soft += trace.outcome.softLossSum / Double(whole.labelledTokenCount)
      let parts = student.backward(trace, into: store)
      (hidden, scores) = (hidden + parts.hidden, scores + parts.scores)
    }
    XCTAssertEqual(hidden, together.parts.hidden, accuracy: 1e-6 * hidden)
    XCTAssertEqual(scores, together.parts.scores, accuracy: 1e-6 * scores)
    XCTAssertEqual(soft, together.soft, accuracy: 1e-6 * soft)
    student.finish(store)
    let scale = together.gradients.map(abs).max() ?? 1
    for (a, b) in zip(store.all, together.gradients) { XCTAssertEqual(a, b, accuracy: 1e-5 * scale) }
  }
}
