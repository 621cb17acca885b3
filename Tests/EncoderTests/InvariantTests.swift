import Base
import Compute
import Encoder
import Quantization
import TestSupport
import XCTest

/// What a step gives follows from tokens, parameters, seed and step alone.
final class InvariantTests: XCTestCase {
  private let precisions = [
    Precision.float32, Precision(forward: .integer, backward: .float), Precision(forward: .integer, backward: .int16),
    Precision(forward: .integer, backward: .int8), Precision(forward: .integer, backward: .int8InputGradient),
  ]
  private let bfloat16Precisions = [
    Precision(forward: .integer, backward: .bfloat16), Precision(forward: .float, backward: .bfloat16),
    Precision(forward: .integer, backward: .bfloat16, attention: .bfloat16, head: .bfloat16),
    Precision(forward: .integer, backward: .int16, attention: .bfloat16, head: .bfloat16),
  ]

  /// Long enough for several chunks of 64 tokens and blocks of queries.
  private var dimensions: EncoderDimensions {
    var dimensions = Small.dimensions
    dimensions.positionCount = 132
    return dimensions
  }

  private func model(_ scheme: String, _ head: Head, _ precision: Precision) throws -> EncoderModel {
    let model = try Small.model(Small.scheme(scheme), head, precision, dimensions: dimensions, seed: 11)
    model.dropout = Small.dropout
    return model
  }

  // MARK: - Threads

  func testOneAndTwoThreadsGiveTheSameBits() throws {
    try assertTwoThreadsGiveTheBitsOfOne(precisions)
  }

  func testOneAndTwoThreadsGiveTheSameBitsInBfloat16() throws {
    try requireBfloat16Products()
    try assertTwoThreadsGiveTheBitsOfOne(bfloat16Precisions)
  }

  private func assertTwoThreadsGiveTheBitsOfOne(_ precisions: [Precision]) throws {
    // Schemes, paths and stores in full; the heads in turn.
    for (i, scheme) in Small.schemes.enumerated() {
      for (j, precision) in precisions.enumerated() {
        let head = (i + j) % 2 == 0 ? Small.maskedLanguageModel : Small.labels
        let model = try model(scheme, head, precision)
        let slice = Small.slice([70, 3, 129, 1, 40], model)
        for kind in [GradientStore.Kind.float32, .fixedPoint] {
          let one = try withThreads(1) { try model.step([slice], kind) }
          let two = try withThreads(2) { try model.step([slice], kind) }
          XCTAssertEqual(one.loss, two.loss, "\(scheme) \(head) \(precision) \(kind)")
          XCTAssertTrue(one.bits == two.bits, "\(scheme) \(head) \(precision) \(kind)")
        }
      }
    }
  }

  func testMoreThreadsThanChunksGiveTheSameBits() throws {
    let model = try model("LSQ_E4W4A4", Small.maskedLanguageModel, Precision(forward: .integer, backward: .float))
    let slice = Small.slice([9, 3], model)
    let one = try model.step([slice])
    XCTAssertEqual(try withThreads(3) { try model.step([slice]) }.bits, one.bits)
  }

  func testMeasuredStepsAreTheSameOnTwoThreads() throws {
    for scheme in ["LSQ_E4W4A4", "LSQplus_E2W2A2"] {
      let model = try Small.model(scheme)
      let slice = Small.slice([60, 68, 20], model)
      let one = try model.measureActivationSteps(slice, assigning: false)
      let two = try withThreads(2) { try model.measureActivationSteps(slice, assigning: false) }
      XCTAssertEqual(one, two)
      XCTAssertEqual(one.count, model.dimensions.layerCount * 4 * (scheme.contains("plus") ? 2 : 1))
    }
  }

  // MARK: - Slices

  /// The sequences 0..<6 of a batch, cut into slices.
  private func cut(_ model: EncoderModel, _ groups: [[Int]]) -> [SliceInput] {
    let lengths = [20, 1, 66, 7, 33, 12]
    let whole = Small.slice(lengths, model)
    let starts = lengths.indices.map { lengths[..<$0].reduce(0, +) }
    return groups.map { group in
      let tokens = group.flatMap { starts[$0]..<starts[$0] + lengths[$0] }
      return SliceInput(
        ids: tokens.map { whole.ids[$0] }, lengths: group.map { lengths[$0] }, labels: tokens.map { whole.labels[$0] },
        sequenceNumbers: group.map { UInt32($0) })
    }
  }

  private let cuts = [
    [[0, 1, 2, 3, 4, 5]], [[0], [1], [2], [3], [4], [5]], [[0, 1, 2], [3, 4, 5]], [[5, 3], [0, 4, 1], [2]],
  ]

  /// The same sums in another order: 1e−5 of the tensor's gradient, with a thousandth of all for tensors that have next to none.
  func testABatchCutIntoSlicesAnyWaySumsToTheSameGradient() throws {
    for scheme in Small.schemes {
      let model = try model(scheme, Small.maskedLanguageModel, .float32)
      for kind in [GradientStore.Kind.float32, .fixedPoint] {
        let whole = try model.step(cut(model, cuts[0]), kind)
        for groups in cuts[1...] {
          let parts = try model.step(cut(model, groups), kind)
          XCTAssertEqual(parts.loss, whole.loss, accuracy: 1e-6 * whole.loss)
          for parameter in model.layout.parameters {
            let a = whole.gradients[parameter.range]
            let b = parts.gradients[parameter.range]
            let difference = norm(zip(a, b).map { $0 - $1 })
            let allowed = 1e-5 * max(norm(a), norm(whole.gradients) / 1000)
            XCTAssertLessThanOrEqual(difference, allowed, "\(scheme) \(kind) \(groups) \(parameter.name)")
          }
        }
      }
    }
  }

  func testFixedPointSumsHaveNoOrder() throws { try assertFixedPointSumsHaveNoOrder(precisions) }

  func testFixedPointSumsHaveNoOrderInBfloat16() throws {
    try requireBfloat16Products()
    try assertFixedPointSumsHaveNoOrder(bfloat16Precisions)
  }

  private func assertFixedPointSumsHaveNoOrder(_ precisions: [Precision]) throws {
    for scheme in Small.schemes {
      for precision in precisions {
        let model = try model(scheme, Small.labels, precision)
        let slices = cut(model, cuts[3])
        let forward = try model.step(slices, .fixedPoint)
        let backward = try model.step(slices.reversed(), .fixedPoint)
        XCTAssertTrue(forward.bits == backward.bits, "\(scheme) \(precision)")
      }
    }
  }

  /// Two ranks with a store each, their integers added: the bits of one rank.
  func testFixedPointSumsOfTwoRanksAreThoseOfOne() throws {
    let model = try model("LSQ_E4W4A4", Small.maskedLanguageModel, Precision(forward: .integer, backward: .float))
    let slices = cut(model, cuts[1])
    let labelled = slices.reduce(0) { $0 + $1.labelledTokenCount }
    let stores = (0..<3).map { _ in GradientStore(kind: .fixedPoint, count: model.layout.elementCount) }
    model.prepareStep()
    _ = try model.accumulate(slices, labelled: labelled, into: stores[0])
    _ = try model.accumulate([slices[4], slices[1]], labelled: labelled, into: stores[1])
    _ = try model.accumulate([slices[0], slices[5], slices[3], slices[2]], labelled: labelled, into: stores[2])
    for i in 0..<stores[1].count { stores[1].fixed![i] += stores[2].fixed![i] }
    XCTAssertTrue(Array(stores[0].fixed!.elements) == Array(stores[1].fixed!.elements))
    model.finish(stores[0])
    model.finish(stores[1])
    XCTAssertTrue(Array(stores[0].fixed!.elements) == Array(stores[1].fixed!.elements))
  }

  func testTheTwoStoresAgree() throws {
    let model = try model("LSQ_E8W8A8", Small.maskedLanguageModel, .float32)
    let slices = cut(model, cuts[2])
    let (floats, fixed) = (try model.step(slices, .float32), try model.step(slices, .fixedPoint))
    // A few thousand roundings of 2^−24 (float32) or 2^−51 (fixed point) each.
    XCTAssertLessThanOrEqual(norm(zip(floats.gradients, fixed.gradients).map { $0 - $1 }), 1e-5 * norm(fixed.gradients))
  }

  // MARK: - Neighbours

  func testASequencesLossIsTheSameAloneOrBesideOthers() throws {
    for scheme in Small.schemes {
      for precision in precisions where precision.backward == .float {
        let model = try model(scheme, Small.labels, precision)
        let alone = try cut(model, cuts[1]).map(model.lossSum)
        for groups in cuts {
          for (slice, group) in zip(cut(model, groups), groups) {
            let wanted = group.reduce(0) { $0 + alone[$1] }
            XCTAssertEqual(
              try model.lossSum(slice), wanted, accuracy: 1e-6 * max(1, wanted), "\(scheme) \(precision) \(group)")
          }
        }
      }
    }
  }

  func testHiddenStatesAreTheSameBitsAloneOrBesideOthers() throws {
    let model = try model("LSQ_E4W4A4", Small.labels, Precision(forward: .integer, backward: .float))
    let h = model.dimensions.hiddenSize
    let whole = cut(model, cuts[0])[0]
    let together = try model.forward(whole, keepsHiddenStates: true).hiddenStates
    XCTAssertEqual(together.count, model.dimensions.layerCount + 1)
    var start = 0
    for slice in cut(model, cuts[1]) {
      let states = try model.forward(slice, keepsHiddenStates: true).hiddenStates
      let end = start + slice.tokenCount
      for (alone, all) in zip(states, together) {
        XCTAssertTrue(alone == Array(all[start * h..<end * h]), "sequence of \(slice.tokenCount) tokens")
      }
      start = end
    }
  }

  func testLaterTokensLabelsDoNotChangeEarlierSequences() throws {
    let model = try model("fp32", Small.labels, .float32)
    var slice = cut(model, cuts[0])[0]
    let before = model.logits(ofTokens: Array(0..<20), try model.forward(slice))
    for i in 20..<slice.tokenCount { slice.ids[i] = (slice.ids[i] + 1) % Int32(model.dimensions.vocabularySize) }
    XCTAssertEqual(before, model.logits(ofTokens: Array(0..<20), try model.forward(slice)))
  }

  func testASliceLeavesNothingBehind() throws { try assertASliceLeavesNothingBehind(precisions) }

  func testASliceLeavesNothingBehindInBfloat16() throws {
    try requireBfloat16Products()
    try assertASliceLeavesNothingBehind(bfloat16Precisions)
  }

  /// What an earlier, larger slice left in the workspace is never read: not even where it was not a number.
  private func assertASliceLeavesNothingBehind(_ precisions: [Precision]) throws {
    for scheme in ["fp32", "LSQ_E4W4A4", "BitNet_E6W1.58A6"] {
      for precision in precisions {
        let model = try model(scheme, Small.labels, precision)
        var clean = Small.slice([33, 2], model)
        clean.ids = clean.ids.map { $0 == 7 ? 8 : $0 }
        let first = try model.step([clean])
        XCTAssertTrue(first.loss.isFinite && norm(first.gradients).isFinite)
        var broken = Small.slice([129, 64, 65], model)
        broken.ids = broken.ids.map { _ in 7 }
        let table = model.layout["roberta.embeddings.word_embeddings.weight"]!
        let row = table.start + 7 * model.dimensions.hiddenSize
        let kept = Array(model.parameters.elements[row..<row + model.dimensions.hiddenSize])
        model.parameters[row] = .nan
        XCTAssertTrue(try model.step([broken]).loss.isNaN, "a NaN must reach the loss: \(scheme) \(precision)")
        (model.parameters.pointer + row).update(from: kept, count: kept.count)
        let again = try model.step([clean])
        XCTAssertEqual(again.loss, first.loss, "\(scheme) \(precision)")
        XCTAssertTrue(again.bits == first.bits, "\(scheme) \(precision)")
      }
    }
  }

  func testTheWorkspaceGrowsWithoutChangingAResult() throws {
    let small = try Small.model("LSQ_E4W4A4", Small.labels)
    let slice = Small.slice([68, 68, 68, 68], small)
    let grown = try small.step([slice])
    let roomy = try EncoderModel(
      dimensions: small.dimensions, scheme: small.scheme, head: small.head, precision: small.precision,
      sliceTokens: 1000)
    roomy.parameters.pointer.update(from: small.parameters.pointer, count: small.parameters.count)
    XCTAssertEqual(try roomy.step([slice]), grown)
  }

  func testASliceWithoutTokensAddsNothing() throws {
    let model = try model("LSQ_E4W4A4", Small.labels, .float32)
    let slice = Small.slice([20, 5], model)
    let alone = try model.step([slice])
    let beside = try model.step([slice, SliceInput(ids: [], lengths: [], labels: [])])
    XCTAssertEqual(beside, alone)
  }

  func testASliceWithoutLabelsHasNoGradient() throws {
    let model = try model("LSQ_E4W4A4", Small.maskedLanguageModel, .float32)
    var slice = Small.slice([20, 5], model)
    slice.labels = slice.labels.map { _ in TokenLabel.ignored }
    model.prepareStep()
    let store = GradientStore(kind: .float32, count: model.layout.elementCount)
    XCTAssertEqual(try model.accumulate([slice], labelled: 1, into: store), 0)
    XCTAssertTrue(store.all.allSatisfy { $0 == 0 })
  }

  // MARK: - Dropout

  func testDropoutFollowsStepSeedAndSequenceNumberAlone() throws {
    let model = try Small.model("fp32", Small.labels)
    let slice = Small.slice([10, 20], model, sequenceNumbers: [3, 9])
    func loss(_ seed: UInt64, _ step: UInt32, _ slice: SliceInput) throws -> Double {
      model.dropout = SliceDropout(seed: seed, step: step, hidden: 0.1, attention: 0.1, classifier: 0.1)
      return try model.loss(slice)
    }
    let base = try loss(1, 1, slice)
    XCTAssertEqual(try loss(1, 1, slice), base)
    XCTAssertNotEqual(try loss(2, 1, slice), base)
    XCTAssertNotEqual(try loss(1, 2, slice), base)
    XCTAssertNotEqual(try loss(1, 1, Small.slice([10, 20], model, sequenceNumbers: [3, 8])), base)
    model.dropout = .off
    XCTAssertEqual(try model.loss(slice), try model.loss(Small.slice([10, 20], model, sequenceNumbers: [4, 5])))
  }

  // MARK: - Precisions

  /// Integer products are exact but for one scaling: 1e−5, the bound of the golden cases.
  func testIntegerForwardAgreesWithFloatForward() throws {
    for scheme in Small.schemes.dropFirst() {
      let float = try model(scheme, Small.labels, .float32)
      let integer = try model(scheme, Small.labels, Precision(forward: .integer, backward: .float))
      let slices = cut(float, cuts[2])
      let (a, b) = (try float.step(slices), try integer.step(slices))
      XCTAssertEqual(a.loss, b.loss, accuracy: 1e-5 * a.loss, scheme)
      XCTAssertLessThanOrEqual(norm(zip(a.gradients, b.gradients).map { $0 - $1 }), 2e-4 * norm(a.gradients), scheme)
    }
  }

  /// dY is rounded to 2^−16 of its row's or column's largest, which is a few times its root mean square: near 2^−15 of a
  /// tensor's norm for each of the eight products in depth, 2.4e−4, four times that allowed.
  func testInt16BackwardStaysCloseToFloatBackward() throws {
    for scheme in Small.schemes {
      for forward in [Precision.Forward.float, .integer] {
        let float = try model(scheme, Small.labels, Precision(forward: forward, backward: .float))
        let limbs = try model(scheme, Small.labels, Precision(forward: forward, backward: .int16))
        let slices = cut(float, cuts[2])
        let (a, b) = (try float.step(slices), try limbs.step(slices))
        XCTAssertEqual(a.loss, b.loss)
        XCTAssertEqual(
          a.bits == b.bits, scheme == "fp32", "\(scheme): other products, or the same where there are no codes")
        for parameter in float.layout.parameters {
          let (x, y) = (a.gradients[parameter.range], b.gradients[parameter.range])
          let allowed = 1e-3 * max(norm(x), norm(a.gradients) / 100)
          XCTAssertLessThanOrEqual(norm(zip(x, y).map { $0 - $1 }), allowed, "\(scheme) \(parameter.name)")
        }
      }
    }
  }

  /// Sizes that fill no word of four codes and no tile, where the library packs; and several panels and tiles.
  func testInt16BackwardOfOddSizes() throws {
    for (hidden, heads, intermediate) in [(12, 3, 1152), (20, 1, 7), (192, 3, 30), (1, 1, 1), (6, 6, 13)] {
      let dimensions = EncoderDimensions(
        vocabularySize: 33, hiddenSize: hidden, layerCount: 2, headCount: heads, intermediateSize: intermediate,
        positionCount: 132)
      for name in ["LSQplus_E2W2A2", "BitNet_E6W1.58A6"] {
        let scheme = try Small.scheme(name)
        let float = try Small.model(scheme, Small.labels, .float32, dimensions: dimensions, seed: 3)
        let slices = [Small.slice([130, 1, 37], float)]
        let wanted = try float.step(slices).gradients
        for forward in [Precision.Forward.float, .integer] {
          let limbs = try Small.model(
            scheme, Small.labels, Precision(forward: forward, backward: .int16), dimensions: dimensions, seed: 3)
          let found = try limbs.step(slices).gradients
          XCTAssertLessThanOrEqual(
            norm(zip(wanted, found).map { $0 - $1 }), 1e-3 * norm(wanted),
            "\(name) \(forward) \(hidden) \(intermediate)")
        }
      }
    }
  }

  /// Queries and keys are rounded by at most 2^−9 each: a score of a few units, and with it the logarithm of a probability, is
  /// off by a few times 2^−8, values and probabilities by 2^−9 more. One percent of the loss, a few of the gradients.
  func testBfloat16AttentionStaysNearFloatAttention() throws {
    try requireBfloat16Products()
    for dimensions in [self.dimensions, sixtyFourAHead] {
      for name in ["fp32", "LSQ_E8W8A8"] {
        let scheme = try Small.scheme(name)
        let float = try Small.model(scheme, Small.labels, .float32, dimensions: dimensions, seed: 5)
        let half = try Small.model(
          scheme, Small.labels, Precision(forward: .float, backward: .float, attention: .bfloat16),
          dimensions: dimensions, seed: 5)
        let slices = [Small.slice([130, 1, 33, 64], float)]
        let (a, b) = (try float.step(slices), try half.step(slices))
        XCTAssertNotEqual(a.loss, b.loss)
        XCTAssertEqual(a.loss, b.loss, accuracy: 1e-2 * a.loss)
        XCTAssertLessThanOrEqual(
          norm(zip(a.gradients, b.gradients).map { $0 - $1 }), 0.05 * norm(a.gradients), "\(name) \(dimensions)")
      }
    }
  }

  /// Features and weights are rounded by at most 2^−9 each, logits of a few units by a few times that over a root of their terms;
  /// dY, weights and features once more on the way back.
  func testBfloat16HeadStaysNearFloatHead() throws {
    try requireBfloat16Products()
    for name in ["fp32", "LSQ_E8W8A8"] {
      let scheme = try Scheme(parsing: name)
      func model(_ head: FloatArithmetic) throws -> EncoderModel {
        try Small.model(
          scheme, Small.maskedLanguageModel, Precision(forward: .float, backward: .float, head: head),
          dimensions: dimensions, seed: 5)
      }
      let (float, half) = (try model(.float), try model(.bfloat16))
      let slices = [Small.slice([130, 1, 33, 64], float)]
      let (a, b) = (try float.step(slices), try half.step(slices))
      XCTAssertNotEqual(a.loss, b.loss)
      XCTAssertEqual(a.loss, b.loss, accuracy: 2e-3 * a.loss)
      XCTAssertLessThanOrEqual(norm(zip(a.gradients, b.gradients).map { $0 - $1 }), 0.01 * norm(a.gradients), name)
    }
  }

  /// The head size of every base-size encoder: plain rows are then a packed layout.
  private var sixtyFourAHead: EncoderDimensions {
    EncoderDimensions(
      vocabularySize: 33, hiddenSize: 128, layerCount: 1, headCount: 2, intermediateSize: 96, positionCount: 132)
  }

  /// dY is rounded by at most 2^−9 of each element before every product; roundings are independent, so what is left of them in
  /// a tensor stays near 2^−9 of its norm for each of the eight products in depth: 2 %, three times that by quadrature.
  func testBfloat16BackwardStaysNearFloatBackward() throws {
    try requireBfloat16Products()
    for scheme in Small.schemes {
      let float = try model(scheme, Small.labels, .float32)
      let half = try model(scheme, Small.labels, Precision(forward: .float, backward: .bfloat16))
      let slices = cut(float, cuts[2])
      let (a, b) = (try float.step(slices), try half.step(slices))
      XCTAssertEqual(a.loss, b.loss, accuracy: 1e-6 * a.loss)
      for parameter in float.layout.parameters {
        let (x, y) = (a.gradients[parameter.range], b.gradients[parameter.range])
        let allowed = 0.02 * max(norm(x), norm(a.gradients) / 100)
        XCTAssertLessThanOrEqual(norm(zip(x, y).map { $0 - $1 }), allowed, "\(scheme) \(parameter.name)")
      }
    }
  }
}
