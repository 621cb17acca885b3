import Base
import Compute
import Encoder
import Quantization
import TestSupport
import XCTest

/// The model's surface: errors, scores, steps, the order in which gradients end.
final class EncoderModelTests: XCTestCase {
  // MARK: - Errors

  private func assertThrows(_ wanted: [String], line: UInt = #line, _ body: () throws -> Void) {
    TestSupport.assertThrows(EncoderError.self, saying: wanted, line: line, body)
  }

  func testATokenOutsideTheVocabularyIsRefused() throws {
    let model = try Small.model()
    for id in [-1, 40, .max, .min] as [Int32] {
      var slice = Small.slice([5, 6], model)
      slice.ids[7] = id
      assertThrows(["\(id)", "40"]) { _ = try model.forward(slice) }
    }
  }

  func testASequenceLongerThanThePositionsIsRefused() throws {
    let model = try Small.model()
    XCTAssertEqual(model.dimensions.longestSequence, 68)
    assertThrows(["69", "68"]) { _ = try model.forward(Small.slice([3, 69], model)) }
    _ = try model.forward(Small.slice([3, 68], model))
  }

  func testALabelOutsideTheHeadsClassesIsRefused() throws {
    for head in [Small.maskedLanguageModel, Small.labels] {
      let model = try Small.model(.float32, head)
      for label in [-1, -99, Int32(model.classCount), .max] as [Int32] {
        var slice = Small.slice([5, 6], model)
        slice.labels[7] = label
        let store = GradientStore(kind: .float32, count: model.layout.elementCount)
        assertThrows(["\(label)", "\(model.classCount)"]) {
          _ = try model.loss(try model.forward(slice), lossScale: 1, into: store)
        }
        XCTAssertTrue(store.all.allSatisfy { $0 == 0 }, "nothing is added before the labels are checked")
      }
    }
  }

  func testAModelWorksOnAfterAnError() throws {
    let model = try Small.model("LSQ_E4W4A4")
    let slice = Small.slice([5, 6], model)
    let before = try model.step([slice])
    var bad = Small.slice([60, 60], model)
    bad.ids[119] = 1000
    XCTAssertThrowsError(try model.step([bad]))
    XCTAssertEqual(try model.step([slice]), before)
  }

  func testCodesTooLongForThirtyTwoBitsAreRefused() throws {
    let dimensions = EncoderDimensions(
      vocabularySize: 4, hiddenSize: 2, layerCount: 1, headCount: 1, intermediateSize: 8193, positionCount: 4)
    let scheme = try Scheme(parsing: "LSQ_E8W8A8")
    XCTAssertThrowsError(
      try EncoderModel(
        dimensions: dimensions, scheme: scheme, head: .none, precision: Precision(forward: .integer, backward: .float))
    ) { XCTAssertTrue("\($0)".contains("8193"), "\($0)") }
    XCTAssertNoThrow(
      try EncoderModel(dimensions: dimensions, scheme: scheme, head: .none, precision: .float32))
  }

  func testIntegerProductsNeedCodesOnBothSides() throws {
    let model = try Small.model(.float32, Small.labels, Precision(forward: .integer, backward: .float))
    XCTAssertEqual(model.precision.forward, .float)
  }

  // MARK: - Scores

  func testOutcomeFollowsFromTheLogits() throws {
    for head in [Small.maskedLanguageModel, Small.labels] {
      let model = try Small.model(.float32, head)
      let slice = Small.slice([20, 30], model)
      let trace = try model.forward(slice)
      let rows = slice.labels.indices.filter { slice.labels[$0] != TokenLabel.ignored }
      let logits = model.logits(ofTokens: rows, trace)
      let outcome = try model.loss(trace, predicts: true)
      let classes = model.classCount
      var (loss, correct) = (0.0, 0)
      for (r, row) in rows.enumerated() {
        let own = logits[r * classes..<(r + 1) * classes].map(Double.init)
        let best = own.indices.max { own[$0] < own[$1] }!
        XCTAssertEqual(outcome.predictions[r], Int32(best))
        if Int32(best) == slice.labels[row] { correct += 1 }
        loss += log(own.reduce(0) { $0 + exp($1) }) - own[Int(slice.labels[row])]
      }
      XCTAssertEqual(outcome.labelledTokenCount, rows.count)
      XCTAssertEqual(outcome.correctCount, correct)
      XCTAssertEqual(outcome.lossSum, loss, accuracy: 1e-6 * loss)
    }
  }

  /// More labelled tokens than the head works on at once (512).
  func testManyRowsAreWorkedOffInGroups() throws {
    let model = try Small.model(.float32, Small.labels)
    var slice = Small.slice([Int](repeating: 60, count: 20), model)
    slice.labels = slice.labels.indices.map { Int32($0 % 5) }
    let whole = try model.step([slice])
    let halves = stride(from: 0, to: 20, by: 4).map { first in
      SliceInput(
        ids: Array(slice.ids[first * 60..<(first + 4) * 60]), lengths: [60, 60, 60, 60],
        labels: Array(slice.labels[first * 60..<(first + 4) * 60]))
    }
    let parts = try model.step(halves)
    XCTAssertEqual(whole.loss, parts.loss, accuracy: 1e-6 * whole.loss)
    XCTAssertLessThanOrEqual(norm(zip(whole.gradients, parts.gradients).map { $0 - $1 }), 1e-5 * norm(whole.gradients))
  }

  func testTheLossScaleScalesTheGradientAndNotTheLoss() throws {
    let model = try Small.model()
    let slice = Small.slice([20], model)
    func run(_ scale: Float) throws -> (Double, [Float]) {
      let store = GradientStore(kind: .float32, count: model.layout.elementCount)
      let trace = try model.loss(try model.forward(slice), lossScale: scale, into: store)
      let loss = trace.outcome.lossSum
      model.backward(trace, into: store)
      return (loss, store.all)
    }
    let (one, quarter) = (try run(1), try run(0.25))
    XCTAssertEqual(one.0, quarter.0)
    // A power of two scales every intermediate exactly.
    XCTAssertEqual(one.1.map { $0 * 0.25 }, quarter.1)
  }

  // MARK: - Order of the backward pass

  func testPartsOfTheBlockAreFinishedFromTheLastLayerToTheEmbeddings() throws {
    let model = try Small.model("LSQ_E4W4A4")
    let slice = Small.slice([20, 9], model)
    let store = GradientStore(kind: .float32, count: model.layout.elementCount)
    let trace = try model.loss(try model.forward(slice), lossScale: 1, into: store)
    var finished: [GradientBucket] = []
    var snapshots: [[Float]] = []
    let ranges = Dictionary(uniqueKeysWithValues: model.layout.buckets.map { ($0.bucket, $0.range) })
    func gradients(of bucket: GradientBucket) -> [Float] { Array(store.all[ranges[bucket] ?? 0..<0]) }
    model.backward(trace, into: store) { bucket in
      finished.append(bucket)
      snapshots.append(gradients(of: bucket))
    }
    XCTAssertEqual(finished, [.layer(1), .layer(0), .embeddings])
    // What was said to be finished did not change afterwards.
    for (bucket, snapshot) in zip(finished, snapshots) { XCTAssertEqual(gradients(of: bucket), snapshot) }
  }

  // MARK: - Steps and statistics

  func testAChangedWeightCountsAfterTheNextPreparation() throws {
    for precision in [Precision.float32, Precision(forward: .integer, backward: .float)] {
      let model = try Small.model("LSQ_E8W8A8", Small.labels, precision)
      let slice = Small.slice([10], model)
      let before = try model.loss(slice)
      let weight = model.layout["roberta.encoder.layer.1.output.dense.weight"]!
      for i in weight.range { model.parameters[i] = -model.parameters[i] }
      model.prepareStep()
      XCTAssertNotEqual(try model.loss(slice), before)
      for i in weight.range { model.parameters[i] = -model.parameters[i] }
      model.prepareStep()
      XCTAssertEqual(try model.loss(slice), before)
    }
  }

  func testInitialWeightStepsFollowTheRule() throws {
    let model = try Small.model("LSQ_E4W2A4")
    model.initialiseWeightSteps()
    for parameter in model.layout.parameters where parameter.name.hasSuffix(".weight_quantizer.step") {
      let weight = model.layout[String(parameter.name.dropLast("_quantizer.step".count))]!
      let mean = weight.range.reduce(0) { $0 + abs(Double(model.parameters[$1])) } / Double(weight.count)
      let p = weight.kind == .table ? 7.0 : 1
      XCTAssertEqual(Double(model.parameters[parameter.start]), 2 * mean / p.squareRoot(), accuracy: 1e-6)
    }
  }

  func testInitialStepsOfRowsFollowTheRuleRowByRow() throws {
    let model = try Small.model(
      "LSQ_E4W2A4 weights.granularity=row embeddings.granularity=row weights.grid=symmetric")
    model.initialiseWeightSteps()
    for parameter in model.layout.parameters where parameter.name.hasSuffix(".weight_quantizer.step") {
      let weight = model.layout[String(parameter.name.dropLast("_quantizer.step".count))]!
      let (rows, width) = (weight.shape[0], weight.shape[1])
      XCTAssertEqual(parameter.count, rows)
      for row in 0..<rows {
        let place = weight.start + row * width
        let mean = (place..<place + width).reduce(0) { $0 + abs(Double(model.parameters[$1])) } / Double(width)
        let p = weight.kind == .table ? 7.0 : 1.5
        XCTAssertEqual(Double(model.parameters[parameter.start + row]), 2 * mean / p.squareRoot(), accuracy: 1e-6)
      }
    }
  }

  /// The squared error of a weight, or of a row, with the step found is not above that with any of a finer series.
  func testInitialStepsByErrorAreTheBest() throws {
    for variant in [
      "LSQ_E4W2A4", "LSQ_E4W2A4 weights.granularity=row embeddings.granularity=row",
      "LSQ_E4W3A4 weights.grid=symmetric",
    ] {
      var scheme = try Small.scheme(variant)
      scheme.initialSteps = .mse
      let model = try Small.model(scheme)
      let found = withThreads(1) { model.measuredWeightSteps() }
      XCTAssertEqual(withThreads(2) { model.measuredWeightSteps() }, found)
      for (name, steps) in found {
        let weight = model.layout[String(name.dropLast("_quantizer.step".count))]!
        let rule = try XCTUnwrap(model.rules.rule(ofWeight: weight.name))
        let count = weight.count / steps.count
        for (i, step) in steps.enumerated() {
          let x = (0..<count).map { model.parameters[weight.start + i * count + $0] }
          let largest = x.reduce(0) { max($0, abs($1)) }
          func error(_ step: Float) -> Double {
            var values = [Float](repeating: 0, count: count)
            WeightQuantizer(rule: rule, step: step).addValues(x, to: &values, count)
            return zip(x, values).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
          }
          let others = stride(from: 0.05, through: 1.15, by: 0.05).map { error(Float($0) * largest / -rule.n) }
          // A candidate is at most 0.3 % of the range from any of these.
          XCTAssertLessThanOrEqual(error(step), 1.02 * others.min()!, "\(variant) \(name) \(i)")
        }
      }
    }
  }

  func testAssignedStepsAreTheOnesThatWereUsed() throws {
    for name in ["LSQ_E4W4A4", "LSQplus_E4W4A4", "LSQplus_E4W4A4 activations.offset=integer", "LSQplus_E2W4A2 mse"] {
      for precision in [Precision.float32, Precision(forward: .integer, backward: .float)] {
        var scheme = try Small.scheme(name.replacing(" mse", with: ""))
        scheme.initialSteps = name.hasSuffix("mse") ? .mse : .mean
        let model = try Small.model(scheme, Small.labels, precision)
        let slice = Small.slice([30, 12], model)
        let calibrated = try model.calibratedForward(slice, assigning: true)
        let assigned = calibrated.values
        let loss = try model.loss(calibrated.forward).lossSum
        for (name, value) in assigned { XCTAssertEqual(model.parameters[model.layout[name]!.start], value) }
        // A plain pass with the assigned parameters is that very pass, and measuring again finds them again.
        XCTAssertEqual(try model.loss(try model.forward(slice)).lossSum, loss)
        XCTAssertEqual(try model.measureActivationSteps(slice, assigning: false), assigned)
      }
    }
  }

  func testClippedSharesFollowTheSteps() throws {
    let model = try Small.model("LSQ_E4W4A4")
    let slice = Small.slice([30], model)
    func shares(_ factor: Float) throws -> [Double] {
      for parameter in model.layout.parameters where parameter.kind == .stepSize {
        model.parameters[parameter.start] = factor
      }
      model.prepareStep()
      let found = model.siteStatistics(try model.forward(slice))
      XCTAssertTrue(found.allSatisfy { $0.stepSize == factor })
      XCTAssertEqual(found.count, 3 + 2 * (6 + 4))
      XCTAssertEqual(Set(found.map(\.site)).count, found.count)
      for site in found.map(\.site) { XCTAssertNotNil(model.layout[site + ".step"], site) }
      return found.map(\.clippedShare)
    }
    XCTAssertTrue(try shares(1000).allSatisfy { $0 == 0 })
    XCTAssertTrue(try shares(1e-8).allSatisfy { $0 > 0.99 })
    let between = try shares(0.05)
    XCTAssertTrue(between.allSatisfy { $0 >= 0 && $0 <= 1 } && between.contains { $0 > 0 && $0 < 1 })
  }

  func testPhasesAreTimedAndCleared() throws {
    let model = try Small.model("LSQ_E4W4A4")
    model.clearPhases()
    XCTAssertTrue(model.phases.seconds.isEmpty)
    _ = try model.step([Small.slice([20], model)])
    let phases: [PhaseSeconds.Phase] = [
      .quantize, .forwardRows, .attentionForward, .head, .backwardRows, .attentionBackward, .weightGradients,
      .embeddings, .finish,
    ]
    for phase in phases { XCTAssertGreaterThan(model.phases.seconds[phase] ?? 0, 0, phase.rawValue) }
    XCTAssertEqual(Set(model.phases.seconds.keys), Set(phases))
  }

  // MARK: - Shared steps

  /// Weights, activations and tables each share one step (and one offset), and its gradient is the sum of theirs.
  func testSharedStepsAreOneAndTheSame() throws {
    var scheme = try Scheme(parsing: "LSQplus_E4W4A4")
    scheme.sharedSteps = .byKind
    let model = try Small.model(scheme, Small.labels)
    model.shareSteps()
    let kinds: [(String, (ParameterInfo) -> Bool)] = [
      ("tables", { $0.name.hasPrefix("roberta.embeddings") && $0.kind == .stepSize }),
      ("weights", { $0.name.contains(".layer.") && $0.name.hasSuffix("weight_quantizer.step") }),
      ("activations", { $0.name.hasSuffix("input_quantizer.step") }), ("offsets", { $0.kind == .offset }),
    ]
    let slice = Small.slice([20, 9], model)
    let apart = try model.step([slice])
    let store = GradientStore(kind: .float32, count: model.layout.elementCount)
    store.write(apart.gradients, to: 0..<apart.gradients.count)
    model.tieSharedSteps(of: store)
    var groups: [Set<Float>] = []
    for (what, belongs) in kinds {
      let group = model.layout.parameters.filter(belongs)
      groups.append(Set(group.map { model.parameters[$0.start] }))
      XCTAssertEqual(groups.last!.count, 1, what)
      let sum = group.reduce(Float(0)) { $0 + apart.gradients[$1.start] }
      for parameter in group { XCTAssertEqual(store.value(at: parameter.start), sum, what) }
    }
    XCTAssertEqual(Set(groups).count, 4, "the kinds do not share with each other")
    for parameter in model.layout.parameters where parameter.kind != .stepSize && parameter.kind != .offset {
      XCTAssertEqual(Array(store.all[parameter.range]), Array(apart.gradients[parameter.range]))
    }
  }

  func testStepsThatAreNotSharedStayAsTheyAre() throws {
    let model = try Small.model("LSQ_E4W4A4")
    let before = Array(model.parameters.elements)
    model.shareSteps()
    XCTAssertEqual(Array(model.parameters.elements), before)
  }

  // MARK: - Numbers gone wrong

  func testTheFirstSiteThatIsNotFiniteIsNamed() throws {
    let layer = "roberta.encoder.layer.1"
    let cases = [
      ("roberta.embeddings.position_embeddings.weight", "roberta.embeddings"),
      (layer + ".attention.self.value.bias", layer + ".attention.self"),
      (layer + ".attention.output.dense.bias", layer + ".attention.output"),
      (layer + ".intermediate.dense.bias", layer + ".intermediate"), (layer + ".output.dense.bias", layer + ".output"),
    ]
    for scheme in ["fp32", "LSQ_E4W4A4", "BitNet_E6W1.58A6"] {
      for (parameter, site) in cases {
        for bad in [Float.nan, .infinity] {
          let model = try Small.model(scheme)
          let slice = Small.slice([20, 9], model)
          XCTAssertNil(model.firstNonFiniteSite(try model.forward(slice)))
          let range = model.layout[parameter]!.range
          for i in range { model.parameters[i] = bad }
          model.prepareStep()
          let found = model.firstNonFiniteSite(try model.forward(slice))
          // A quantized table holds no infinity: it is clipped to the highest level.
          let isClipped = bad == .infinity && scheme != "fp32" && parameter.contains("embeddings")
          XCTAssertEqual(found, isClipped ? nil : site, "\(scheme) \(parameter) \(bad)")
        }
      }
    }
  }
}
