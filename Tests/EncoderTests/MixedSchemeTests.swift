import Compute
import Encoder
import Quantization
import TestSupport
import XCTest

/// Models in which some sites are quantized and others are not: by a 32 in the scheme's name, or by what it leaves out.
final class MixedSchemeTests: XCTestCase {
  private let lengths = [5, 1, 12]
  private let integer = Precision(forward: .integer, backward: .float)

  /// One or two of the three groups left in float32.
  private let names = [
    "LSQ_E32W2A32", "LSQ_E8W8A32", "LSQ_E32W32A4", "LSQplus_E8W32A4", "LSQplus_E32W4A4", "LSQ_E4W32A32",
    "BitNet_E32W1.58A8", "BitNet_E6W1.58A32", "BitNet_E6W32A6",
  ]

  private let exclusions = [
    ["first"], ["last"], ["*.value"], ["*.query", "*.key"], ["encoder.layer.1.attention.self.*"],
    ["*.output.dense", "embeddings.word_embeddings"], ["*intermediate*", "roberta.embeddings.*"],
  ]

  private func scheme(_ name: String, without exclude: [String]) throws -> Scheme {
    var scheme = try Scheme(parsing: name)
    scheme.exclude = exclude
    return scheme
  }

  /// The same parameters under another arithmetic.
  private func copy(_ model: EncoderModel, _ precision: Precision) throws -> EncoderModel {
    let copy = try EncoderModel(
      dimensions: model.dimensions, scheme: model.scheme, head: model.head, precision: precision)
    copy.parameters.pointer.update(from: model.parameters.pointer, count: model.parameters.count)
    copy.dropout = model.dropout
    return copy
  }

  func testAGroupLeftInFloat32AgreesWithThePlainEncoder() throws {
    for (i, name) in names.enumerated() {
      let head = i % 2 == 0 ? Small.labels : Small.maskedLanguageModel
      for precision in [Precision.float32, integer] {
        let model = try Small.model(Scheme(parsing: name), head, precision, seed: 3)
        model.dropout = Small.dropout
        try assertFollowsThePlainEncoder(model, "\(name) \(precision)")
      }
    }
  }

  func testLayersAndLinearsLeftOutAgreeWithThePlainEncoder() throws {
    for (i, exclude) in exclusions.enumerated() {
      let name = ["LSQ_E4W4A4", "LSQplus_E4W4A4", "BitNet_E6W1.58A6"][i % 3]
      for precision in [Precision.float32, integer] {
        let model = try Small.model(scheme(name, without: exclude), Small.labels, precision, seed: 4)
        model.dropout = Small.dropout
        try assertFollowsThePlainEncoder(model, "\(name) without \(exclude) \(precision)")
      }
    }
  }

  func testIntegerProductsBesideFloatOnesGiveWhatFloatsGive() throws {
    try assertGivesWhatFloatsGive([(integer, 1e-5), (Precision(forward: .integer, backward: .int16), 1e-3)])
  }

  func testIntegerProductsBesideFloatOnesGiveWhatFloatsGiveInBfloat16() throws {
    try requireBfloat16Products()
    try assertGivesWhatFloatsGive([(Precision(forward: .integer, backward: .bfloat16), 5e-2)])
  }

  /// Integer sums are exact, so loss and gradients differ by float32's rounding alone; 16 and 8 bits of dY by theirs (bounds of
  /// the reference cases).
  private func assertGivesWhatFloatsGive(_ kinds: [(Precision, Double)]) throws {
    let schemes =
      try names.map { try scheme($0, without: []) }
      + exclusions.flatMap { out in try ["LSQplus_E4W4A4", "BitNet_E6W1.58A6"].map { try scheme($0, without: out) } }
    for scheme in schemes {
      let plain = try Small.model(scheme, Small.labels, seed: 6)
      let slice = Small.slice([40, 3, 60], plain)
      let expected = try plain.step([slice])
      for (precision, bound) in kinds {
        let other = try copy(plain, precision)
        let found = try other.step([slice])
        XCTAssertEqual(found.loss, expected.loss, accuracy: 1e-5 * expected.loss, "\(scheme.title) \(precision)")
        let apart = zip(found.gradients, expected.gradients).map { $0 - $1 }
        XCTAssertLessThan(norm(apart), bound * norm(expected.gradients), "\(scheme.title) \(precision)")
      }
    }
  }

  func testASchemeThatQuantizesNothingIsFloat32ToTheBit() throws {
    try assertNothingQuantizedIsFloat32([
      Precision.float32, integer, Precision(forward: .integer, backward: .int16),
    ])
  }

  func testASchemeThatQuantizesNothingIsFloat32ToTheBitInBfloat16() throws {
    try requireBfloat16Products()
    try assertNothingQuantizedIsFloat32([Precision(forward: .float, backward: .bfloat16)])
  }

  private func assertNothingQuantizedIsFloat32(_ precisions: [Precision]) throws {
    let plain = try Small.model(.float32, Small.maskedLanguageModel, seed: 7)
    let slice = Small.slice(lengths, plain)
    let names = ["LSQ_E32W32A32", "LSQplus_E32W32A32", "BitNet_E32W32A32"]
    let schemes = try names.map { try scheme($0, without: []) } + [scheme("LSQ_E4W4A4", without: ["*"])]
    for precision in precisions {
      let reference = try copy(plain, precision)
      let expected = try reference.step([slice])
      for scheme in schemes {
        let model = try EncoderModel(
          dimensions: plain.dimensions, scheme: scheme, head: plain.head, precision: precision)
        XCTAssertEqual(model.layout.elementCount, plain.layout.elementCount, scheme.title)
        model.parameters.pointer.update(from: plain.parameters.pointer, count: plain.parameters.count)
        let found = try model.step([slice])
        XCTAssertEqual(found.loss, expected.loss, "\(scheme.title) \(precision)")
        XCTAssertTrue(found.bits == expected.bits, "\(scheme.title) \(precision)")
      }
    }
  }

  func testAnInputSharedWithAQuantizedLinearStaysQuantized() throws {
    let layer = "roberta.encoder.layer.0."
    func has(_ out: [String], _ name: String) throws -> Bool {
      try Small.model(scheme("LSQ_E4W4A4", without: out)).layout[layer + name + ".step"] != nil
    }
    XCTAssertTrue(try has(["*.value"], "attention.self.input_quantizer"))
    XCTAssertFalse(try has(["*.value"], "attention.self.value.weight_quantizer"))
    XCTAssertTrue(try has(["*.value"], "attention.self.key.weight_quantizer"))
    XCTAssertFalse(try has(["*.self.*"], "attention.self.input_quantizer"))
    XCTAssertFalse(try has(["*.attention.output.dense"], "attention.output.dense.input_quantizer"))
    XCTAssertTrue(try has(["last"], "output.dense.input_quantizer"))
    XCTAssertFalse(try has(["first"], "output.dense.input_quantizer"))
  }

  func testAWordThatNamesNothingIsFound() throws {
    for (words, found) in [
      (["first", "last", "*.value"], nil), (["*.valeu"], "*.valeu"),
      (["first", "encoder.layer.2.*"], "encoder.layer.2.*"),
      (["lm_head.*"], "lm_head.*"),
    ] as [([String], String?)] {
      XCTAssertEqual(SiteRules.unmatched(try scheme("LSQ_E4W4A4", without: words), layerCount: 2), found)
    }
    var head = try scheme("LSQ_E4W4A4", without: ["lm_head.*"])
    head.quantizesHead = true
    XCTAssertNil(SiteRules.unmatched(head, layerCount: 2))
  }

  func testOnlyTheSitesAskedForAreMeasured() throws {
    let model = try Small.model("LSQplus_E4W4A4")
    let slice = Small.slice(lengths, model, seed: 9)
    let before = Array(model.parameters.elements)
    let site = "roberta.encoder.layer.1.output.dense.input_quantizer"
    let measured = try model.measureActivationSteps(slice, assigning: true, sites: [site])
    XCTAssertEqual(Set(measured.keys), [site + ".step", site + ".offset"])
    let changed = model.layout.parameters.filter { parameter in
      parameter.range.contains { before[$0] != model.parameters[$0] }
    }
    XCTAssertEqual(Set(changed.map(\.name)), Set(measured.keys))
  }

  /// Where steps are not learned the head's are set once: they stay when the weights move.
  func testTheHeadsStepsAreKeptWhereStepsAreNotLearned() throws {
    for tied in [true, false] {
      var scheme = try Scheme(parsing: "LSQ_E4W4A4")
      (scheme.learnsSteps, scheme.quantizesHead, scheme.sharedSteps) = (false, true, .byKind)
      let model = try Small.model(scheme, .maskedLanguageModel(tied: tied))
      model.shareSteps()
      let names = ["lm_head.dense", "lm_head.decoder"].map { $0 + ".weight_quantizer.step" }
      let shared = model.parameters[
        model.layout["roberta.encoder.layer.0.attention.self.query.weight_quantizer.step"]!.start]
      let slice = Small.slice(lengths, model)
      let gradients = try model.step([slice]).gradients
      for name in names {
        let step = try XCTUnwrap(model.layout[name])
        XCTAssertEqual(model.parameters[step.start], shared)
        XCTAssertEqual(gradients[step.start], 0)
      }
      scheme.learnsSteps = true
      XCTAssertNil(try Small.model(scheme, .maskedLanguageModel(tied: tied)).layout[names[0]])
    }
  }

  /// As in `GradientTests`: the loss, and the gradient along random signs of all parameters.
  private func assertFollowsThePlainEncoder(_ model: EncoderModel, _ what: String, line: UInt = #line) throws {
    let slice = Small.slice(lengths, model)
    let found = try model.step([slice])
    let whole = norm(found.gradients)
    for seed in 1...3 as ClosedRange<UInt64> {
      var numbers = SeededNumbers(seed: seed)
      var direction = [Double](repeating: 0, count: model.layout.elementCount)
      for parameter in model.layout.parameters {
        for i in parameter.range { direction[i] = numbers.next() & 1 == 0 ? 1 : -1 }
      }
      let plain = PlainEncoder(model, direction: direction).meanLoss(slice)
      let along = zip(found.gradients, direction).reduce(0) { $0 + Double($1.0) * $1.1 }
      XCTAssertEqual(found.loss, plain.value, accuracy: 1e-5 * plain.value, what, line: line)
      XCTAssertEqual(along, plain.slope, accuracy: 1e-4 * whole, what, line: line)
    }
  }
}
