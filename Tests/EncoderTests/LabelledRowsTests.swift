import Base
import Encoder
import Quantization
import TestSupport
import XCTest

/// The last layer on labelled rows alone gives what it gives on all: its other rows reach no loss, so that they have no gradient.
final class LabelledRowsTests: XCTestCase {
  private let precisions: [(Precision, accuracy: Double)] = [
    (.float32, 1e-5), (Precision(forward: .integer, backward: .float), 1e-5),
    (Precision(forward: .integer, backward: .int16), 1e-3),
  ]

  private func dimensions(layers: Int) -> EncoderDimensions {
    EncoderDimensions(
      vocabularySize: 40, hiddenSize: 24, layerCount: layers, headCount: 3, intermediateSize: 40, positionCount: 150)
  }

  /// Which tokens of the slice are labelled: some, one, none of a sequence, more than a block of queries, none, all.
  private func slices(_ model: EncoderModel) -> [(String, SliceInput)] {
    let lengths = [9, 140, 1, 33]
    let some = Small.slice(lengths, model)
    func labelled(_ isLabelled: (Int) -> Bool) -> SliceInput {
      var slice = some
      for i in slice.labels.indices {
        slice.labels[i] = isLabelled(i) ? Int32(i % model.classCount) : TokenLabel.ignored
      }
      return slice
    }
    return [
      ("some", some), ("one", labelled { $0 == 100 }), ("the second sequence's", labelled { (9..<149).contains($0) }),
      ("all but one", labelled { $0 != 40 }), ("none", labelled { _ in false }), ("all", labelled { _ in true }),
    ]
  }

  private func gradients(
    _ model: EncoderModel, _ slice: SliceInput, _ forward: (SliceInput) throws -> ForwardTrace
  ) throws -> StepResult {
    let store = GradientStore(kind: .float32, count: model.layout.elementCount)
    let trace = try model.loss(try forward(slice), lossScale: 0.01, into: store)
    let loss = trace.outcome.lossSum
    model.backward(trace, into: store)
    model.finish(store)
    return StepResult(loss: loss, gradients: store.all)
  }

  func testLossAndGradientsAreThoseOfAllRows() throws {
    for name in ["fp32", "LSQ_E8W8A8", "LSQplus_E4W4A4", "BitNet_E6W1.58A6", "LSQ_E8W8A32"] {
      for (precision, accuracy) in precisions {
        for (layers, head) in [(1, Small.labels), (3, Small.maskedLanguageModel)] {
          let model = try Small.model(
            Small.scheme(name), head, precision, dimensions: dimensions(layers: layers), seed: 3)
          model.dropout = Small.dropout
          for (which, slice) in slices(model) {
            let all = try gradients(model, slice) { try model.forward($0) }
            let labelled = try gradients(model, slice) { try model.forwardToLoss($0) }
            let what = "\(name) \(precision), \(layers) layers, labelled: \(which)"
            XCTAssertEqual(labelled.loss, all.loss, accuracy: 1e-6 * max(1, all.loss), what)
            assertClose(labelled, all, model, accuracy, what)
          }
        }
      }
    }
  }

  /// Each parameter's gradient, of its own largest.
  private func assertClose(
    _ found: StepResult, _ wanted: StepResult, _ model: EncoderModel, _ accuracy: Double, _ what: String
  ) {
    for parameter in model.layout.parameters {
      let scale = parameter.range.reduce(0) { max($0, abs(Double(wanted.gradients[$1]))) }
      let worst = parameter.range.reduce(0) {
        max($0, abs(Double(found.gradients[$1]) - Double(wanted.gradients[$1])))
      }
      // A step's gradient is a sum in which much cancels; a key's bias has none, but for rounding.
      let floor = parameter.kind == .stepSize || parameter.kind == .offset || parameter.name.hasSuffix("key.bias")
      XCTAssertLessThanOrEqual(
        worst, accuracy * scale + (floor ? 1e-2 * accuracy : 1e-12), "\(what): \(parameter.name)")
    }
  }

  /// What an earlier slice left in the rows that are not read is never read.
  func testRowsThatAreNotReadAreNotLookedAt() throws {
    for name in ["fp32", "LSQ_E4W4A4", "BitNet_E6W1.58A6"] {
      for (precision, _) in precisions {
        let model = try Small.model(
          Small.scheme(name), Small.labels, precision, dimensions: dimensions(layers: 2), seed: 3)
        let cases = slices(model)
        let alone = try gradients(model, cases[1].1) { try model.forwardToLoss($0) }
        for (which, slice) in cases {
          _ = try gradients(model, slice) { try model.forwardToLoss($0) }
          let again = try gradients(model, cases[1].1) { try model.forwardToLoss($0) }
          XCTAssertTrue(again.bits == alone.bits && again.loss == alone.loss, "\(name) \(precision) after \(which)")
        }
      }
    }
  }

  func testLabelledTokensHaveTheirLogits() throws {
    let model = try Small.model("LSQ_E4W4A4", Small.labels, Precision(forward: .integer, backward: .float))
    let slice = Small.slice([20, 30], model)
    let tokens = slice.labels.indices.filter { slice.labels[$0] != TokenLabel.ignored }
    let all = model.logits(ofTokens: tokens, try model.forward(slice))
    XCTAssertEqual(model.logits(ofTokens: tokens, try model.forwardToLoss(slice)), all)
  }
}
