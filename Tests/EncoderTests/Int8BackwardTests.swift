import Base
import Compute
import Encoder
import Quantization
import TestSupport
import XCTest

/// Backward products in int8: no draw gives the float32 gradient, their mean does.
final class Int8BackwardTests: XCTestCase {
  private let backwards = [Precision.Backward.int8, .int8InputGradient]

  private func dimensions(_ hidden: Int, _ heads: Int, _ intermediate: Int) -> EncoderDimensions {
    EncoderDimensions(
      vocabularySize: 33, hiddenSize: hidden, layerCount: 2, headCount: heads, intermediateSize: intermediate,
      positionCount: 132)
  }

  private func draws(_ step: Int) -> SliceDropout {
    SliceDropout(seed: 5, step: UInt32(step), hidden: 0, attention: 0, classifier: 0)
  }

  /// Each parameter's gradients over draws, in units of the standard error of their mean. Where a gradient hardly depends on
  /// the draws, what float32 rounds stands beside it. With 120 draws a square of such a deviation has the mean 1.02; those of a
  /// tensor hang together, and its mean is held to 2, the largest deviation to 7.
  private func assertTheMeanIsTheGradient(
    _ scheme: String, _ head: Head, _ d: EncoderDimensions, _ backward: Precision.Backward, seed: UInt64 = 3
  ) throws {
    let scheme = try Small.scheme(scheme)
    let float = try Small.model(
      scheme, head, Precision(forward: .integer, backward: .float), dimensions: d, seed: seed)
    let model = try Small.model(
      scheme, head, Precision(forward: .integer, backward: backward), dimensions: d, seed: seed)
    XCTAssertEqual(model.precision.backward, backward)
    let slices = [Small.slice([70, 1, 37], float, sequenceNumbers: [4, 70_000, 9])]
    let wanted = try float.step(slices).gradients
    let count = 120
    var sums = [Double](repeating: 0, count: wanted.count)
    var squares = sums
    for step in 0..<count {
      model.dropout = draws(step)
      for (i, g) in try model.step(slices).gradients.enumerated() {
        // From the wanted value, so that squares keep their digits.
        let difference = Double(g) - Double(wanted[i])
        sums[i] += difference
        squares[i] += difference * difference
      }
    }
    for parameter in model.layout.parameters {
      let largest = wanted[parameter.range].reduce(0) { max($0, Double(abs($1))) }
      // What int8-dx rounds to 16 bits it rounds to nearest, the same in every draw; a step's gradient is a sum that cancels.
      let rounding = backward == .int8 ? 1e-5 : 2e-4
      let floor = rounding * max(largest, norm(wanted) / 1000)
      var (total, worst) = (0.0, 0.0)
      for i in parameter.range {
        let mean = sums[i] / Double(count)
        let variance = max(squares[i] / Double(count) - mean * mean, 0)
        let deviation = abs(mean) / ((variance / Double(count - 1)).squareRoot() + floor)
        total += deviation * deviation
        worst = max(worst, deviation)
      }
      let what = "\(scheme) \(backward) \(d.hiddenSize) \(parameter.name)"
      XCTAssertLessThan(worst, 7, what)
      if parameter.count >= 64 { XCTAssertLessThan(total / Double(parameter.count), 2, what) }
    }
  }

  func testTheMeanOverDrawsIsTheFloat32Gradient() throws {
    for backward in backwards {
      for scheme in ["LSQ_E8W8A8", "LSQplus_E4W4A4", "BitNet_E6W1.58A6"] {
        try assertTheMeanIsTheGradient(scheme, Small.labels, dimensions(24, 3, 40), backward)
      }
      try assertTheMeanIsTheGradient("LSQ_E4W4A4", Small.maskedLanguageModel, dimensions(24, 3, 40), backward)
    }
  }

  /// Sizes that fill no word of four codes and no tile, where the library packs; and several tiles.
  func testTheMeanOverDrawsInOddSizes() throws {
    for (hidden, heads, intermediate) in [(12, 3, 300), (20, 1, 7), (6, 6, 13)] {
      for backward in backwards {
        try assertTheMeanIsTheGradient(
          "LSQplus_E4W4A4", Small.labels, dimensions(hidden, heads, intermediate), backward)
      }
    }
  }

  /// Rounding to 127 levels of the largest: near a hundredth of a row's size in each of the products in depth.
  func testADrawIsNearTheFloat32Gradient() throws {
    for scheme in ["LSQ_E8W8A8", "LSQplus_E4W4A4", "BitNet_E6W1.58A6"] {
      let float = try Small.model(scheme, Small.labels, Precision(forward: .integer, backward: .float))
      let slices = [Small.slice([30, 12], float)]
      let wanted = try float.step(slices)
      for backward in backwards {
        let model = try Small.model(scheme, Small.labels, Precision(forward: .integer, backward: backward))
        model.dropout = draws(1)
        let found = try model.step(slices)
        XCTAssertEqual(found.loss, wanted.loss)
        let off = norm(zip(found.gradients, wanted.gradients).map { $0 - $1 }) / norm(wanted.gradients)
        XCTAssertLessThan(off, 0.05, "\(scheme) \(backward)")
        XCTAssertGreaterThan(off, 1e-4, "\(scheme) \(backward): rounded to 8 bits?")
      }
    }
  }

  func testDrawsFollowStepSeedAndSequenceNumberAlone() throws {
    let model = try Small.model("LSQ_E8W8A8", Small.labels, Precision(forward: .integer, backward: .int8))
    let slice = Small.slice([10, 20], model, sequenceNumbers: [3, 9])
    func bits(_ seed: UInt64, _ step: UInt32, _ slice: SliceInput) throws -> [UInt32] {
      model.dropout = SliceDropout(seed: seed, step: step, hidden: 0, attention: 0, classifier: 0)
      return try model.step([slice]).bits
    }
    let base = try bits(1, 1, slice)
    XCTAssertEqual(try bits(1, 1, slice), base)
    XCTAssertNotEqual(try bits(2, 1, slice), base)
    XCTAssertNotEqual(try bits(1, 2, slice), base)
    XCTAssertNotEqual(try bits(1, 1, Small.slice([10, 20], model, sequenceNumbers: [3, 8])), base)
  }

  /// The two differ in what rounds the weights' gradient alone: the last layer's output matrix sees the same dY in both.
  func testInt8DXRoundsWeightGradientsTo16Bits() throws {
    let float = try Small.model("LSQ_E8W8A8", Small.labels, Precision(forward: .integer, backward: .float))
    let name = "roberta.encoder.layer.1.output.dense.weight"
    let parameter = try XCTUnwrap(float.layout[name])
    let slices = [Small.slice([30, 12], float)]
    let wanted = try float.step(slices).gradients[parameter.range]
    let off = try backwards.map { backward -> Double in
      let model = try Small.model("LSQ_E8W8A8", Small.labels, Precision(forward: .integer, backward: backward))
      return norm(zip(try model.step(slices).gradients[parameter.range], wanted).map { $0 - $1 }) / norm(wanted)
    }
    XCTAssertGreaterThan(off[0], 1e-3)
    XCTAssertLessThan(off[1], 1e-4)
  }
}
