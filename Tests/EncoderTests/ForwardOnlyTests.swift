import Base
import Compute
import Encoder
import Quantization
import TestSupport
import XCTest

/// A model that only runs forward, its weights read one by one, gives the bits of the one that trains.
final class ForwardOnlyTests: XCTestCase {
  private let dimensions = EncoderDimensions(
    vocabularySize: 40, hiddenSize: 24, layerCount: 3, headCount: 3, intermediateSize: 40, positionCount: 150)

  /// Its parameters are those of `model`, but for the linears' weights, which are handed on when it asks for them.
  private func forwardOnly(_ model: EncoderModel) throws -> EncoderModel {
    let only = try EncoderModel(
      dimensions: model.dimensions, scheme: model.scheme, head: model.head, precision: model.precision, trains: false,
      keepsTraces: false)
    let linears = Set(only.linearWeights.map(\.name))
    for parameter in only.layout.parameters where !linears.contains(parameter.name) {
      _ = only.values(of: parameter).update(from: model.values(of: parameter))
    }
    try only.prepare { parameter, values in
      _ = values.update(from: model.values(of: model.layout.required(parameter.name)))
    }
    return only
  }

  private func labelledLogits(_ model: EncoderModel, _ slice: SliceInput) throws -> [UInt32] {
    let tokens = slice.labels.indices.filter { slice.labels[$0] != TokenLabel.ignored }
    let trace = try model.forwardToLoss(slice)
    var logits: [Float] = []
    for first in stride(from: 0, to: tokens.count, by: EncoderModel.logitRows) {
      let part = tokens[first..<min(first + EncoderModel.logitRows, tokens.count)]
      // As many rows at once as the other model multiplies.
      let filled = Array(part) + [Int](repeating: part[part.endIndex - 1], count: EncoderModel.logitRows - part.count)
      logits += model.logits(ofTokens: filled, trace).prefix(part.count * model.classCount)
    }
    return logits.map(\.bitPattern)
  }

  private func check(_ precision: Precision, _ schemes: [String] = Small.schemes) throws {
    for name in schemes {
      let model = try Small.model(Small.scheme(name), Small.labels, precision, dimensions: dimensions, seed: 3)
      for threads in [1, 2, 3, 7] {
        try withThreads(threads) {
          let only = try forwardOnly(model)
          // Large, small and large again: what an earlier slice left is not read.
          for lengths in [[140, 9, 77, 140, 1, 33, 140], [5], [33, 148, 16, 16, 148, 120], [1]] {
            let slice = Small.slice(lengths, model)
            let found = only.logitsOfLabelledTokens(try only.forwardToLoss(slice)).map(\.bitPattern)
            XCTAssertTrue(
              found == (try labelledLogits(model, slice)), "\(name), \(precision), \(threads) threads, \(lengths)")
          }
        }
      }
    }
  }

  func testLogitsAreThoseOfTheTrainingPassInFloat32() throws { try check(.float32) }

  func testLogitsAreThoseOfTheTrainingPassInIntegers() throws {
    try check(Precision(forward: .integer, backward: .int16))
    try check(Precision(forward: .integer, backward: .bfloat16), ["LSQ_E6W2A6", "fp32"])
  }

  func testLogitsAreThoseOfTheTrainingPassWithAttentionInBfloat16() throws {
    try requireBfloat16Products()
    try check(Precision(forward: .integer, backward: .bfloat16, attention: .bfloat16))
  }

  func testASequencesLogitsDoNotDependOnTheOthers() throws {
    let precision = Precision(forward: .integer, backward: .bfloat16)
    let model = try Small.model(Small.scheme("LSQ_E6W2A6"), Small.labels, precision, dimensions: dimensions, seed: 3)
    let only = try forwardOnly(model)
    let lengths = [140, 9, 77, 1, 33, 140]
    let all = Small.slice(lengths, model)
    let together = only.logitsOfLabelledTokens(try only.forwardToLoss(all))
    var alone: [Float] = []
    var start = 0
    for length in lengths {
      let part = start..<start + length
      let slice = SliceInput(ids: Array(all.ids[part]), lengths: [length], labels: Array(all.labels[part]))
      alone += only.logitsOfLabelledTokens(try only.forwardToLoss(slice))
      start += length
    }
    XCTAssertEqual(together.map(\.bitPattern), alone.map(\.bitPattern))
  }

  func testAReaderThatFailsIsTold() throws {
    struct Broken: Error {}
    let model = try Small.model("LSQ_E8W8A8", Small.labels)
    let only = try EncoderModel(
      dimensions: model.dimensions, scheme: model.scheme, head: model.head, precision: model.precision, trains: false,
      keepsTraces: false)
    for failing in only.linearWeights {
      XCTAssertThrowsError(try only.prepare { parameter, _ in if parameter.name == failing.name { throw Broken() } }) {
        XCTAssertTrue($0 is Broken)
      }
    }
  }
}
