import Configuration
import Quantization
import Training
import XCTest

/// Two rooms read scheme names, the one for their bits, the other for their rules: they must mean the same.
final class SchemeAgreementTests: XCTestCase {
  func testBothReadersAgreeOnEveryName() throws {
    let widths = (0...9).map(String.init) + ["1.58", "16", "32", "33"]
    var read = 0
    for algorithm in ["LSQ", "LSQplus", "BitNet", "fp32", "PACT"] {
      for e in widths {
        for w in widths {
          for a in widths {
            let name = "\(algorithm)_E\(e)W\(w)A\(a)"
            let scheme = try? Scheme(parsing: name)
            let parts = SchemeName(name)
            XCTAssertEqual(scheme == nil, parts == nil, name)
            guard let scheme, let parts else { continue }
            read += 1
            XCTAssertEqual(bits(scheme.embeddings), parts.embeddingBits, name)
            XCTAssertEqual(bits(scheme.weights), parts.weightBits, name)
            XCTAssertEqual(bits(scheme.activations), parts.activationBits, name)
            XCTAssertEqual(scheme.isQuantized, parts.isQuantized, name)
            XCTAssertEqual(scheme.activations.hasOffset, parts.algorithm == .lsqPlus && parts.activationBits < 32, name)
            XCTAssertEqual(scheme.weights == .absoluteMean, parts.hasTernaryWeights, name)
            XCTAssertEqual(scheme.name, parts.description)
          }
        }
      }
    }
    XCTAssertEqual(read, 2 * 8 * 8 * 8 + 8 * 2 * 8)
    XCTAssertEqual(try Scheme(parsing: "fp32").isQuantized, SchemeName("fp32")?.isQuantized)
  }

  private func bits(_ rule: QuantizerRule) -> Int {
    switch rule {
    case .none: 32
    case .absoluteMean: 2
    case .lsq(let bits, _), .absoluteMaximum(let bits): bits
    }
  }

  /// Of camembert-base, counted by hand: a layer is 4·768² + 2·768·3072 elements.
  func testTheFootprintCountsWhatTheListNames() throws {
    let d = Footprint.Dimensions.camembertBase
    func out(_ words: String...) throws -> Footprint.Exclusion { try Footprint.Exclusion(words, of: d) }
    XCTAssertEqual(try out(), Footprint.Exclusion())
    let ends = try out("first", "last")
    XCTAssertEqual([ends.matrixCount, ends.matrixElements, ends.siteCount], [12, 2 * 7_077_888, 8])
    XCTAssertEqual([ends.tableCount, ends.elementsOnQuantizedInput], [0, 0])
    let values = try out("*.value")
    XCTAssertEqual([values.matrixCount, values.siteCount], [12, 0])
    XCTAssertEqual(values.elementsOnQuantizedInput, 12 * 768 * 768)
    let tables = try out("embeddings.*")
    XCTAssertEqual([tables.tableCount, tables.tableElements], [3, (32_005 + 514 + 1) * 768])
    XCTAssertThrowsError(try out("first", "*.valeu")) {
      XCTAssertTrue("\($0)".contains("quantization.exclude: \"*.valeu\" names no linear"), "\($0)")
    }
  }
}
