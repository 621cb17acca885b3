import Quantization
import XCTest

final class SchemeNameTests: XCTestCase {
  func testEverySchemeReadsBackFromItsName() {
    var count = 0
    for e in 2...8 {
      for w in 2...8 {
        for a in 2...8 {
          for algorithm in ["LSQ", "LSQplus"] {
            let name = "\(algorithm)_E\(e)W\(w)A\(a)"
            let scheme = Scheme(named: name)
            XCTAssertEqual(scheme?.name, name)
            XCTAssertEqual(
              scheme.map { [$0.embeddings.storedBits, $0.weights.storedBits, $0.activations.storedBits] }, [e, w, a])
            count += 1
          }
        }
      }
    }
    XCTAssertEqual(count, 686)
    XCTAssertEqual(Scheme(named: "fp32"), .float32)
  }

  func testThirtyTwoBitsStandInAnyPlace() {
    for (name, bits) in [
      ("LSQ_E32W2A32", [32, 2, 32]), ("LSQplus_E8W32A4", [8, 32, 4]), ("BitNet_E32W1.58A8", [32, 2, 8]),
      ("BitNet_E6W32A32", [6, 32, 32]), ("LSQ_E32W32A32", [32, 32, 32]),
    ] {
      let scheme = Scheme(named: name)
      XCTAssertEqual(
        scheme.map { [$0.embeddings.storedBits, $0.weights.storedBits, $0.activations.storedBits] }, bits, name)
      XCTAssertEqual(scheme?.name, name)
      XCTAssertEqual(scheme?.isQuantized, bits != [32, 32, 32], name)
      XCTAssertEqual(scheme?.hasIntegerProducts, bits[1] < 32 && bits[2] < 32, name)
    }
  }

  func testTernaryWeightsAreTwoBitsAsStored() {
    let scheme = Scheme(named: "BitNet_E6W1.58A6")
    XCTAssertEqual(scheme?.name, "BitNet_E6W1.58A6")
    XCTAssertEqual(scheme?.weights.storedBits, 2)
    XCTAssertEqual(scheme?.weights, .absoluteMean())
    XCTAssertEqual(scheme?.activations, .absoluteMaximum(bits: 6))
  }

  func testWhatIsNotOfTheSyntaxIsNoScheme() {
    for text in [
      "", "FP32", "LSQ", "LSQ_", "LSQ_E8W8", "LSQ_E8W8A8 ", "LSQ_E1W8A8", "LSQ_E9W8A8", "LSQ_E8W8A16", "LSQ_E8W1.58A8",
      "BitNet_E6W2A6", "BitNet_E6W1.58A", "lsq_E8W8A8", "LSQ__E8W8A8", "LSQ_E8W8A8_x", "fp32_E8W8A8", "LSQ_E٣W8A8",
      "_E8W8A8", "LSQ_E16W8A8", "LSQ_E8W8A320", "LSQ_E032W8A8", "BitNet_E6W8A6", "LSQ_E3W3A23",
    ] {
      XCTAssertNil(Scheme(named: text), text)
    }
  }
}
