import Compute
import Encoder
import Quantization
import TestSupport
import XCTest

/// The hand-written backward pass against derivatives got in other ways: of every parameter tensor, in both heads, in every
/// scheme, with dropout on and off.
final class GradientTests: XCTestCase {
  private let lengths = [5, 1, 12]

  // MARK: - Finite differences of the model itself

  func testEveryTensorAgreesWithFiniteDifferencesMaskedLanguageModel() throws {
    try assertFollowsItsOwnLoss(Small.model(.float32, Small.maskedLanguageModel))
  }
  func testEveryTensorAgreesWithFiniteDifferencesUntiedDecoder() throws {
    try assertFollowsItsOwnLoss(Small.model(.float32, .maskedLanguageModel(tied: false)))
  }
  func testEveryTensorAgreesWithFiniteDifferencesTokenHead() throws {
    try assertFollowsItsOwnLoss(Small.model(.float32, Small.labels))
  }
  func testEveryTensorAgreesWithFiniteDifferencesUnderDropout() throws {
    for head in [Small.maskedLanguageModel, Small.labels] {
      let model = try Small.model(.float32, head)
      model.dropout = Small.dropout
      try assertFollowsItsOwnLoss(model)
    }
  }

  /// Along each tensor's own gradient the loss must rise by that gradient's norm.
  ///
  /// Fourth-order differences with ε = 0.02: (8·(L(ε) − L(−ε)) − (L(2ε) − L(−2ε)))/12ε. The float32 forward pass leaves noise of
  /// about 3e−7 in the loss, 1.5·3e−7/0.02 = 2e−5 in the difference; the formula's error is ε⁴/30·L⁽⁵⁾, 5e−9·L⁽⁵⁾.
  private func assertFollowsItsOwnLoss(_ model: EncoderModel, line: UInt = #line) throws {
    let slice = Small.slice(lengths, model)
    let found = try model.step([slice])
    for parameter in model.layout.parameters {
      let gradient = Array(found.gradients[parameter.range])
      let size = norm(gradient)
      // A key bias shifts all of a query's scores alike: its gradient is zero, and any direction will do.
      let direction = size > 1e-6 ? gradient.map { $0 / Float(size) } : unit(gradient.count)
      let along = zip(gradient, direction).reduce(0) { $0 + Double($1.0) * Double($1.1) }
      func loss(_ step: Float) throws -> Double {
        let kept = Array(model.parameters.elements[parameter.range])
        for (i, d) in zip(parameter.range, direction) { model.parameters[i] += step * d }
        model.prepareStep()
        defer { (model.parameters.pointer + parameter.start).update(from: kept, count: kept.count) }
        return try model.loss(slice)
      }
      let epsilon: Float = 0.02
      let near = try loss(epsilon) - loss(-epsilon)
      let far = try loss(2 * epsilon) - loss(-2 * epsilon)
      let difference = (8 * near - far) / (12 * Double(epsilon))
      XCTAssertEqual(along, difference, accuracy: 5e-5 + 1e-3 * size, parameter.name, line: line)
    }
  }

  private func unit(_ count: Int) -> [Float] { .init(repeating: 1 / Float(count).squareRoot(), count: count) }

  // MARK: - The plain encoder

  /// The oracle's own derivatives against central differences of its values, in double precision: error 1e−6² and 1e−16/1e−6.
  func testThePlainEncodersDerivativesAreItsSlopes() throws {
    for head in [Small.maskedLanguageModel, Small.labels] {
      let model = try Small.model(.float32, head)
      model.dropout = Small.dropout
      let slice = Small.slice(lengths, model)
      let direction = signs(model, in: nil, seed: 3)
      func plain(_ shift: Double) -> PlainEncoder {
        var plain = PlainEncoder(model, direction: direction)
        for (name, row) in plain.parameters {
          plain.parameters[name] = row.map { Dual($0.value + shift * $0.slope, $0.slope) }
        }
        return plain
      }
      let difference = (plain(1e-6).meanLoss(slice).value - plain(-1e-6).meanLoss(slice).value) / 2e-6
      let slope = plain(0).meanLoss(slice).slope
      XCTAssertEqual(slope, difference, accuracy: 1e-6 * max(1, abs(slope)))
    }
  }

  func testEverySchemeAgreesWithThePlainEncoder() throws {
    for scheme in Small.schemes {
      for head in [Small.maskedLanguageModel, Small.labels] {
        try assertAgreesWithPlainEncoder(Small.model(Small.scheme(scheme), head), lengths, "\(scheme) \(head)")
      }
    }
  }

  func testEverySchemeAgreesWithThePlainEncoderUnderDropout() throws {
    for scheme in Small.schemes {
      for head in [Small.maskedLanguageModel, Small.labels] {
        let model = try Small.model(Small.scheme(scheme), head, seed: 2)
        model.dropout = Small.dropout
        try assertAgreesWithPlainEncoder(model, lengths, "\(scheme) \(head)")
      }
    }
  }

  func testIntegerProductsAgreeWithThePlainEncoder() throws {
    for scheme in Small.schemes {
      let model = try Small.model(scheme, Small.labels, Precision(forward: .integer, backward: .float), seed: 3)
      model.dropout = Small.dropout
      try assertAgreesWithPlainEncoder(model, lengths, scheme)
    }
  }

  func testLowBitMethodsAgreeWithThePlainEncoder() throws {
    for (i, variant) in [
      "LSQ_E2W2A2 weights.grid=symmetric", "LSQ_E4W3A4 embeddings.granularity=row weights.grid=symmetric",
      "LSQ_E4W7A4 weights.grid=symmetric", "LSQ_E4W8A4 weights.grid=symmetric", "LSQ_E4W4A4 activations.offset=real",
      "LSQplus_E4W2A2 activations.offset=integer weights.grid=symmetric", "BitNet_E6W1.58A6 weights.granularity=row",
    ].enumerated() {
      for precision in [Precision.float32, Precision(forward: .integer, backward: .float)] {
        let head = i % 2 == 0 ? Small.labels : Small.maskedLanguageModel
        let model = try Small.model(variant, head, precision, seed: 9)
        try assertAgreesWithPlainEncoder(model, lengths, "\(variant) \(precision)")
      }
    }
  }

  func testThePublishedCodesOptionsAgreeWithThePlainEncoder() throws {
    for name in [
      "LSQ_E4W4A4", "BitNet_E6W1.58A6", "LSQ_E4W4A4 weights.granularity=row weights.grid=symmetric",
    ] {
      var scheme = try Small.scheme(name)
      (scheme.learnsSteps, scheme.clipsGradient, scheme.quantizesHead) = (false, false, true)
      if !scheme.weights.hasStep { try scheme.set(.weightGranularity, to: "row") }
      for precision in [Precision.float32, Precision(forward: .integer, backward: .float)] {
        try assertAgreesWithPlainEncoder(
          Small.model(scheme, Small.maskedLanguageModel, precision, seed: 4), lengths, name)
      }
      let model = try Small.model(scheme, .maskedLanguageModel(tied: false), seed: 5)
      try assertAgreesWithPlainEncoder(model, lengths, name + " untied")
    }
  }

  /// Both heads, by steps that follow from the weights, of the matrix or of each row, whether steps are learned or not.
  func testQuantizedHeadsAgreeWithThePlainEncoder() throws {
    for (name, learns) in [
      ("LSQ_E4W4A4 heads.weights=8", true), ("LSQ_E4W2A4 heads.weights=2 weights.granularity=row", true),
      ("BitNet_E6W1.58A6 heads.weights=4", true), ("LSQ_E4W4A4 heads.weights=3 weights.grid=symmetric", false),
    ] {
      var scheme = try Small.scheme(name)
      scheme.learnsSteps = learns
      for head in [Small.labels, Small.maskedLanguageModel, .maskedLanguageModel(tied: false)] {
        let model = try Small.model(scheme, head, seed: 11)
        XCTAssertEqual(model.quantizedHeadMatrices.count, head == Small.labels ? 1 : 2)
        try assertAgreesWithPlainEncoder(model, lengths, "\(name) \(head)")
      }
    }
  }

  /// One vector of 16 floats and one past it, a block of 32 and of 64 tokens, a whole query block more, the longest sequence.
  func testLengthsAroundEveryBlockAgreeWithThePlainEncoder() throws {
    var dimensions = Small.dimensions
    dimensions.positionCount = 132
    (dimensions.hiddenSize, dimensions.headCount, dimensions.layerCount) = (16, 2, 1)
    for scheme in ["fp32", "LSQ_E8W8A8"] {
      for lengths in [[1], [2], [31], [32], [33], [63], [64], [65], [130], [1, 63, 1], [33, 31, 130, 1, 65]] {
        let model = try Small.model(Small.scheme(scheme), Small.labels, dimensions: dimensions, seed: 6)
        model.dropout = Small.dropout
        try assertAgreesWithPlainEncoder(model, lengths, "\(scheme) \(lengths)", tensorByTensor: false)
      }
    }
  }

  /// Sizes that make several panels (above 1024) and several tiles (above 128), and sizes that fill no vector.
  func testOddSizesAgreeWithThePlainEncoder() throws {
    for (hidden, heads, intermediate) in [(12, 3, 1152), (20, 1, 7), (192, 3, 30), (1, 1, 1), (6, 6, 13)] {
      let dimensions = EncoderDimensions(
        vocabularySize: 33, hiddenSize: hidden, layerCount: 1, headCount: heads, intermediateSize: intermediate,
        positionCount: 20, typeCount: 2, padTokenID: 3)
      for scheme in ["fp32", "LSQplus_E4W4A4", "BitNet_E6W1.58A6"] {
        for precision in [Precision.float32, Precision(forward: .integer, backward: .float)] {
          let model = try Small.model(Small.scheme(scheme), dimensions: dimensions, seed: 7)
          try assertAgreesWithPlainEncoder(
            copy(model, precision), [7, 4], "\(hidden) \(heads) \(intermediate) \(scheme) \(precision)",
            tensorByTensor: false)
        }
      }
    }
  }

  /// A hidden size of several panels, as in encoders wider than the large ones: the head's tiles hold whole rows all the same,
  /// and a panel may end within a head (1344: panels of 448, heads of 96).
  func testAHiddenSizeOfSeveralPanelsAgreesWithThePlainEncoder() throws {
    for (hidden, heads) in [(1088, 17), (1344, 14)] {
      let dimensions = EncoderDimensions(
        vocabularySize: 33, hiddenSize: hidden, layerCount: 1, headCount: heads, intermediateSize: 8, positionCount: 20)
      let model = try Small.model(.float32, dimensions: dimensions, seed: 7)
      try assertAgreesWithPlainEncoder(model, [7, 4], "\(hidden)", tensorByTensor: false)
    }
  }

  private func copy(_ model: EncoderModel, _ precision: Precision) throws -> EncoderModel {
    let copy = try EncoderModel(
      dimensions: model.dimensions, scheme: model.scheme, head: model.head, precision: precision)
    copy.parameters.pointer.update(from: model.parameters.pointer, count: model.parameters.count)
    return copy
  }

  /// Loss within 1e−5 (float32 through two layers; the bound of the golden cases); each tensor's gradient along random signs u
  /// within 1e−4 of its norm: an element's error e moves Σ g·u by its own size, so the sum of independent errors stays
  /// near ‖e‖, and float32 keeps ‖e‖ under 1e−5·‖g‖. A tensor with a tiny gradient is held to a thousandth of all.
  private func assertAgreesWithPlainEncoder(
    _ model: EncoderModel, _ lengths: [Int], _ what: String, tensorByTensor: Bool = true, line: UInt = #line
  ) throws {
    let slice = Small.slice(lengths, model)
    let found = try model.step([slice])
    let whole = norm(found.gradients)
    let parts = tensorByTensor ? model.layout.parameters.map { Optional($0) } : [nil]
    for part in parts {
      let direction = signs(model, in: part, seed: 8)
      let plain = PlainEncoder(model, direction: direction).meanLoss(slice)
      let along = zip(found.gradients, direction).reduce(0) { $0 + Double($1.0) * $1.1 }
      let size = part.map { norm(found.gradients[$0.range]) } ?? whole
      XCTAssertEqual(found.loss, plain.value, accuracy: 1e-5 * plain.value, what, line: line)
      XCTAssertEqual(
        along, plain.slope, accuracy: 1e-4 * max(size, whole / 1000), "\(what): \(part?.name ?? "all")", line: line)
    }
  }

  /// ±1 at random in one tensor's elements (or in all), 0 elsewhere.
  private func signs(_ model: EncoderModel, in part: ParameterInfo?, seed: UInt64) -> [Double] {
    var numbers = SeededNumbers(seed: seed)
    var direction = [Double](repeating: 0, count: model.layout.elementCount)
    for parameter in part.map({ [$0] }) ?? model.layout.parameters {
      for i in parameter.range { direction[i] = numbers.next() & 1 == 0 ? 1 : -1 }
    }
    return direction
  }
}
