import Quantization
import XCTest

final class SchemeTests: XCTestCase {
  func testThePapersSchemesAreRead() throws {
    let cases: [(String, QuantizerRule, QuantizerRule, QuantizerRule)] = [
      ("fp32", .none, .none, .none),
      ("LSQ_E8W8A8", .lsq(bits: 8), .lsq(bits: 8), .lsq(bits: 8)),
      ("LSQ_E6W2A6", .lsq(bits: 6), .lsq(bits: 2), .lsq(bits: 6)),
      ("LSQ_E3W5A7", .lsq(bits: 3), .lsq(bits: 5), .lsq(bits: 7)),
      ("LSQplus_E2W2A2", .lsq(bits: 2), .lsq(bits: 2), .lsq(bits: 2, offset: .real)),
      ("LSQplus_E4W4A4", .lsq(bits: 4), .lsq(bits: 4), .lsq(bits: 4, offset: .real)),
      ("BitNet_E6W1.58A6", .lsq(bits: 6), .absoluteMean(), .absoluteMaximum(bits: 6)),
      ("LSQ_E32W2A32", .none, .lsq(bits: 2), .none),
      ("LSQplus_E8W32A4", .lsq(bits: 8), .none, .lsq(bits: 4, offset: .real)),
      ("BitNet_E32W1.58A8", .none, .absoluteMean(), .absoluteMaximum(bits: 8)),
      ("BitNet_E6W1.58A32", .lsq(bits: 6), .absoluteMean(), .none),
      ("BitNet_E6W32A8", .lsq(bits: 6), .none, .absoluteMaximum(bits: 8)),
    ]
    for (text, embeddings, weights, activations) in cases {
      let scheme = try Scheme(parsing: text)
      XCTAssertEqual(scheme.embeddings, embeddings, text)
      XCTAssertEqual(scheme.weights, weights, text)
      XCTAssertEqual(scheme.activations, activations, text)
      XCTAssertEqual(scheme.isQuantized, text.lowercased() != "fp32")
      // The options of the published code are off unless asked for.
      XCTAssertTrue(
        scheme.learnsSteps && scheme.clipsGradient && scheme.initialSteps == .mean && !scheme.quantizesHead)
      XCTAssertTrue(scheme.variants.isEmpty)
      XCTAssertEqual(scheme.title, text)
    }
  }

  func testEveryWidthFromTwoToEightBitsIsRead() throws {
    for bits in 2...8 {
      XCTAssertEqual(try Scheme(parsing: "LSQ_E\(bits)W\(bits)A\(bits)").weights, .lsq(bits: bits))
    }
  }

  func testWhatIsNotASchemeIsRefusedInOneLineThatQuotesIt() {
    let texts = [
      "", "_", "LSQ", "LSQ_", "LSQ_E4W4", "LSQ_W4A4", "LSQ_E1W4A4", "LSQ_E4W1A4", "LSQ_E4W4A1", "LSQ_E9W4A4",
      "LSQ_E4W9A4",
      "LSQ_E4W4A9", "LSQ_E0W0A0", "LSQ_E4W1.58A4", "LSQplus_E4W1.58A4", "BitNet_E6W2A6", "BitNet_E6W1x58A6",
      "BitNet_E6A6",
      "BitNet_E9W1.58A6", "LSQ_E4W4A4 ", " LSQ_E4W4A4", "LSQ_E4W4A4_E4", "LSQ_E-4W4A4", "LSQ_E4.0W4A4", "LSQ_E٤W4A4",
      "LSQ_E4W٤A4",
      "LSQ_E16W4A4", "LSQ_E4W33A4", "LSQ_E4W4A320", "LSQ_E032W4A4", "BitNet_E6W16A6",
      "LSQ_E99999999999999999999W4A4", "LSQ_E4W99999999999999999999A4", "fp16", "FP32", "lsq_e3w5a7", "LSQ+_E4W4A4",
      "bitnet_E8W1.58A8", "fp32_E4W4A4", "PACT_E4W4A4",
    ]
    for text in texts {
      XCTAssertThrowsError(try Scheme(parsing: text), text) { error in
        let line = "\(error)"
        XCTAssertTrue(line.contains("\"\(text)\"") && !line.contains("\n"), line)
      }
    }
  }

  /// n = −2^(b−1), p = 2^(b−1) − 1; BitNet's grids are symmetric.
  func testLevelsOfEveryRule() {
    let bounds = [2: (-2, 1), 3: (-4, 3), 4: (-8, 7), 6: (-32, 31), 8: (-128, 127)]
    for (bits, (n, p)) in bounds {
      for offset in ActivationOffset.allCases {
        XCTAssertEqual(QuantizerRule.lsq(bits: bits, offset: offset).n, Float(n))
        XCTAssertEqual(QuantizerRule.lsq(bits: bits, offset: offset).p, Float(p))
      }
      XCTAssertEqual(QuantizerRule.absoluteMaximum(bits: bits).n, Float(-p))
      XCTAssertEqual(QuantizerRule.absoluteMaximum(bits: bits).p, Float(p))
    }
    XCTAssertEqual(QuantizerRule.absoluteMean().n, -1)
    XCTAssertEqual(QuantizerRule.absoluteMean().p, 1)
  }

  func testOnlyLSQHasParametersOfItsOwn() {
    XCTAssertTrue(
      QuantizerRule.lsq(bits: 4).hasStep && !QuantizerRule.lsq(bits: 4).hasOffset)
    XCTAssertTrue(
      QuantizerRule.lsq(bits: 4, offset: .real).hasStep && QuantizerRule.lsq(bits: 4, offset: .real).hasOffset)
    for rule in [QuantizerRule.none, .absoluteMean(), .absoluteMaximum(bits: 6)] {
      XCTAssertFalse(rule.hasStep || rule.hasOffset)
    }
    XCTAssertFalse(QuantizerRule.none.isOn)
    XCTAssertTrue(QuantizerRule.absoluteMean().isOn)
  }
}
