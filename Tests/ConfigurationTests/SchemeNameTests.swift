import Configuration
import XCTest

final class SchemeNameTests: XCTestCase {
  func testEverySchemeReadsBackFromItsName() {
    var count = 0
    for e in 2...8 {
      for w in 2...8 {
        for a in 2...8 {
          for algorithm in ["LSQ", "LSQplus"] {
            let name = "\(algorithm)_E\(e)W\(w)A\(a)"
            let scheme = SchemeName(name)
            XCTAssertEqual(scheme?.description, name)
            XCTAssertEqual(scheme.map { [$0.embeddingBits, $0.weightBits, $0.activationBits] }, [e, w, a])
            count += 1
          }
        }
      }
    }
    XCTAssertEqual(count, 686)
    XCTAssertEqual(SchemeName("fp32"), .fp32)
  }

  func testThirtyTwoBitsStandInAnyPlace() {
    for (name, bits) in [
      ("LSQ_E32W2A32", [32, 2, 32]), ("LSQplus_E8W32A4", [8, 32, 4]), ("BitNet_E32W1.58A8", [32, 2, 8]),
      ("BitNet_E6W32A32", [6, 32, 32]), ("LSQ_E32W32A32", [32, 32, 32]),
    ] {
      let scheme = SchemeName(name)
      XCTAssertEqual(scheme.map { [$0.embeddingBits, $0.weightBits, $0.activationBits] }, bits, name)
      XCTAssertEqual(scheme?.description, name)
      XCTAssertEqual(scheme?.isQuantized, bits != [32, 32, 32], name)
      XCTAssertEqual(scheme?.hasIntegerProducts, bits[1] < 32 && bits[2] < 32, name)
    }
  }

  func testTernaryWeightsAreTwoBitsAsStored() {
    let scheme = SchemeName("BitNet_E6W1.58A6")
    XCTAssertEqual(scheme?.description, "BitNet_E6W1.58A6")
    XCTAssertEqual(scheme?.weightBits, 2)
    XCTAssertEqual(scheme?.hasTernaryWeights, true)
    XCTAssertEqual(scheme?.algorithm, .bitNet)
  }

  func testWhatIsNotOfTheSyntaxIsNoScheme() {
    for text in [
      "", "FP32", "LSQ", "LSQ_", "LSQ_E8W8", "LSQ_E8W8A8 ", "LSQ_E1W8A8", "LSQ_E9W8A8", "LSQ_E8W8A16", "LSQ_E8W1.58A8",
      "BitNet_E6W2A6", "BitNet_E6W1.58A", "lsq_E8W8A8", "LSQ__E8W8A8", "LSQ_E8W8A8_x", "fp32_E8W8A8", "LSQ_E٣W8A8",
      "_E8W8A8", "LSQ_E16W8A8", "LSQ_E8W8A320", "LSQ_E032W8A8", "BitNet_E6W8A6", "LSQ_E3W3A23",
    ] {
      XCTAssertNil(SchemeName(text), text)
    }
  }
}
