import Quantization
import XCTest

/// What is said of a scheme's grids beside its name.
final class SchemeVariantTests: XCTestCase {
  private func scheme(_ name: String, _ settings: (SchemeVariant, String)...) throws -> Scheme {
    var scheme = try Scheme(parsing: name)
    for (variant, value) in settings { try scheme.set(variant, to: value) }
    return scheme
  }

  func testEachKeyChangesItsGroupAlone() throws {
    let plain = try scheme("LSQ_E4W2A8")
    let rows = try scheme("LSQ_E4W2A8", (.weightGranularity, "row"), (.weightGrid, "symmetric"))
    XCTAssertEqual(rows.weights, .lsq(bits: 2, grid: .symmetric, granularity: .row))
    XCTAssertEqual(rows.embeddings, plain.embeddings)
    XCTAssertEqual(rows.activations, plain.activations)
    XCTAssertEqual(
      try scheme("LSQ_E4W2A8", (.embeddingGranularity, "row")).embeddings, .lsq(bits: 4, granularity: .row))
    XCTAssertEqual(
      try scheme("LSQ_E4W2A8", (.activationOffset, "integer")).activations, .lsq(bits: 8, offset: .integer))
    XCTAssertEqual(
      try scheme("BitNet_E6W1.58A6", (.weightGranularity, "row")).weights, .absoluteMean(granularity: .row))
    XCTAssertEqual(
      try scheme("LSQ_E4W4A4", (.activationOffset, "real")).activations, try scheme("LSQplus_E4W4A4").activations)
  }

  /// BitNet's activations under LSQ's weights, and a learned step under ternary ones.
  func testActivationsAreScaledByTokenUnderAnyWeights() throws {
    let token = try scheme("LSQ_E4W2A8", (.activationGranularity, "token"))
    XCTAssertEqual(token.activations, .absoluteMaximum(bits: 8))
    XCTAssertEqual(token.weights, .lsq(bits: 2))
    XCTAssertEqual(token.title, "LSQ_E4W2A8 (activations.granularity token)")
    let ternary = try scheme("BitNet_E6W1.58A6", (.activationGranularity, "tensor"), (.activationOffset, "integer"))
    XCTAssertEqual(ternary.activations, .lsq(bits: 6, offset: .integer))
    XCTAssertEqual(ternary.variants.map(\.value), ["tensor", "integer"], "in an order in which they can be set")
    for (name, word) in [("LSQ_E4W4A4", "tensor"), ("BitNet_E6W1.58A6", "token"), ("LSQ_E4W4A32", "token")] {
      XCTAssertTrue(try scheme(name, (.activationGranularity, word)).variants.isEmpty, name)
    }
    XCTAssertThrowsError(try scheme("LSQplus_E4W4A4", (.activationGranularity, "token"))) {
      XCTAssertTrue("\($0)".contains("take the scheme LSQ_E4W4A4"), "\($0)")
    }
    XCTAssertThrowsError(try scheme("LSQ_E4W4A4", (.activationGranularity, "token"), (.activationOffset, "real")))
    XCTAssertThrowsError(try scheme("LSQ_E4W4A4", (.activationOffset, "real"), (.activationGranularity, "token")))
  }

  func testTheHeadsHaveBitsOfTheirOwnAndTheRowsOfTheWeights() throws {
    let heads = try scheme("LSQ_E4W2A8", (.headWeights, "8"))
    XCTAssertEqual([heads.languageHead, heads.classifier], [.lsq(bits: 8), .lsq(bits: 8)])
    let rows = try scheme("BitNet_E6W1.58A6", (.weightGranularity, "row"), (.headWeights, "3"))
    XCTAssertEqual(rows.classifier, .lsq(bits: 3, granularity: .row))
    XCTAssertEqual(rows.title, "BitNet_E6W1.58A6 (weights.granularity row, heads.weights 3)")
    var published = try scheme("LSQ_E4W2A8")
    published.quantizesHead = true
    XCTAssertEqual([published.languageHead, published.classifier], [.lsq(bits: 2), .none])
    XCTAssertEqual(try scheme("fp32", (.headWeights, "8")), .float32)
    XCTAssertThrowsError(try scheme("LSQ_E4W2A8", (.headWeights, "9")))
  }

  func testTheTitleTellsWhatTheNameDoesNot() throws {
    var varied = try scheme("LSQ_E2W2A2", (.weightGranularity, "row"), (.weightGrid, "symmetric"))
    XCTAssertEqual(varied.title, "LSQ_E2W2A2 (weights.granularity row, weights.grid symmetric)")
    varied.exclude = ["first"]
    XCTAssertTrue(varied.title.hasSuffix(") but for first"), varied.title)
    XCTAssertEqual(try scheme("LSQplus_E2W2A2", (.activationOffset, "real")).title, "LSQplus_E2W2A2")
    XCTAssertEqual(
      try scheme("LSQplus_E2W2A2", (.activationOffset, "integer")).variants.map(\.value), ["integer"])
  }

  /// A group in float32 has no grid; the key is there for the others of a series of runs.
  func testAGroupLeftInFloat32TakesAnyWord() throws {
    let left = try scheme(
      "LSQ_E32W32A32", (.weightGranularity, "row"), (.embeddingGranularity, "row"), (.weightGrid, "symmetric"),
      (.activationOffset, "integer"))
    XCTAssertTrue(left.variants.isEmpty)
    XCTAssertFalse(left.isQuantized)
  }

  func testWhatAnAlgorithmDoesNotHaveIsRefused() throws {
    for (name, variant, value, words) in [
      ("BitNet_E6W1.58A6", SchemeVariant.weightGrid, "symmetric", "a level at zero"),
      ("BitNet_E6W1.58A6", .activationOffset, "integer", "token by token"),
      ("LSQplus_E4W4A4", .activationOffset, "none", "take the scheme LSQ_E4W4A4"),
    ] {
      XCTAssertThrowsError(try scheme(name, (variant, value))) { error in
        let line = "\(error)"
        XCTAssertTrue(line.hasPrefix("\(variant.rawValue) \(value): ") && line.contains(words), line)
      }
    }
    XCTAssertNoThrow(try scheme("BitNet_E6W1.58A6", (.weightGrid, "standard"), (.activationOffset, "none")))
  }

  func testUnknownKeysAndWordsAreNamed() throws {
    var any = try scheme("LSQ_E4W4A4")
    for (key, value) in [("weights.granularity", "column"), ("weights.size", "row"), ("", "")] {
      XCTAssertThrowsError(try any.set(key, to: value)) {
        XCTAssertEqual($0 as? QuantizationError, .unknownVariant(key: key, value: value))
        XCTAssertTrue("\($0)".contains("weights.grid (standard, symmetric)"), "\($0)")
      }
    }
  }
}
