import Encoder
import Foundation
import Measurement
import Quantization
import XCTest

final class FootprintTests: XCTestCase {
  /// Every figure of the paper's Table I, as printed there.
  func testThePapersTableComesOutToTheLastDigit() {
    let printed: [(String, String, String, String, String)] = [
      ("fp32", "417.2", "1.0", "44.53", "1.0"),
      ("LSQ_E8W8A8", "104.3", "4.0", "2.78", "16.0"),
      ("LSQ_E4W4A4", "52.1", "8.0", "0.70", "64.0"),
      ("LSQ_E2W2A2", "26.1", "16.0", "0.17", "256.0"),
      ("LSQ_E6W2A6", "37.4", "11.1", "0.52", "85.3"),
      ("BitNet_E6W1.58A6", "37.4", "11.1", "0.52", "85.3"),
    ]
    let rows = Footprint.paperRows()
    XCTAssertEqual(rows.count, printed.count)
    for (row, expected) in zip(rows, printed) {
      XCTAssertEqual(row.scheme.name, expected.0)
      XCTAssertEqual(String(format: "%.1f", row.mebibytes), expected.1, expected.0)
      XCTAssertEqual(String(format: "%.1f", row.memoryGain), expected.2, expected.0)
      XCTAssertEqual(String(format: "%.2f", row.teraBitOperations), expected.3, expected.0)
      XCTAssertEqual(String(format: "%.1f", row.operationsGain), expected.4, expected.0)
    }
  }

  /// camembert-base counted by hand: the encoder of RobertaModel without pooler has 110,031,360 parameters
  /// (32,005·768 + 514·768 + 768 + 2·768 for the embeddings, 7,087,872 a layer).
  func testTrueSizeOfFP32IsFourBytesAParameter() {
    let embeddings = 32_005 * 768 + 514 * 768 + 768 + 2 * 768
    let layer = 4 * (768 * 768 + 768) + (768 * 3_072 + 3_072) + (3_072 * 768 + 768) + 2 * 2 * 768
    XCTAssertEqual(layer, 7_087_872)
    let row = Footprint.trueRows(.camembertBase)[0]
    XCTAssertEqual(row.mebibytes * 1_048_576, Double(4 * (embeddings + 12 * layer)), accuracy: 0.5)
  }

  func testTheTableShowsBothSides() {
    let text = Footprint.table(of: .camembertBase, scheme: Scheme(named: "LSQplus_E8W4A8"))
    XCTAssertTrue(text.contains("417.2"))
    XCTAssertTrue(text.contains("LSQplus_E8W4A8"))
    XCTAssertTrue(text.contains("vocabulary 32005"))
  }

  /// W at 32 bits and A at 8 counts 32 · 8 a product; nothing at 32 has a step.
  func testAGroupOf32BitsCountsAsInFloat32() {
    let d = EncoderDimensions.camembertBase
    func row(_ name: String) -> Footprint.Row { Footprint.trueRows(d, schemes: [Scheme(named: name)!])[0] }
    let whole = Footprint.trueRows(d)[0]
    XCTAssertEqual(row("LSQ_E32W32A32").mebibytes, whole.mebibytes)
    XCTAssertEqual(row("LSQ_E32W32A32").teraBitOperations, whole.teraBitOperations)
    let tables = (32_005.0 + 514 + 1) * 768
    let saved = whole.mebibytes - row("LSQ_E8W32A32").mebibytes
    XCTAssertEqual(saved * 1_048_576, tables * 3 - 3 * 4, accuracy: 1)
    let attention = 2 * 12 * 512.0 * 512 * 768 * 256
    let products = (row("LSQ_E32W8A32").teraBitOperations * 1e12 - attention) / (512 * 12 * 7_077_888)
    XCTAssertEqual(products, 8 * 32, accuracy: 1e-6)
  }

  /// A layer of two left out: half the matrices, six weight steps and four activation steps fewer.
  func testWhatIsLeftOutCountsAsInFloat32() {
    let d = EncoderDimensions(
      vocabularySize: 100, hiddenSize: 8, layerCount: 2, headCount: 2, intermediateSize: 16, positionCount: 10)
    var out = Footprint.Exclusion()
    let layer = 4.0 * 64 + 2 * 128
    (out.matrixCount, out.matrixElements, out.siteCount) = (6, layer, 4)
    let scheme = [Scheme(named: "LSQ_E4W4A4")!]
    let (all, some) = (
      Footprint.trueRows(d, schemes: scheme)[0], Footprint.trueRows(d, schemes: scheme, exclusion: out)[0]
    )
    XCTAssertEqual((some.mebibytes - all.mebibytes) * 1_048_576, layer * 28 / 8 - 40, accuracy: 1e-6)
    XCTAssertEqual(
      (some.teraBitOperations - all.teraBitOperations) * 1e12, layer * 512 * (1024 - 16), accuracy: 1)
    out.elementsOnQuantizedInput = 64
    let shared = Footprint.trueRows(d, schemes: scheme, exclusion: out)[0]
    XCTAssertEqual((some.teraBitOperations - shared.teraBitOperations) * 1e12, 64 * 512 * (1024 - 128), accuracy: 1)
    let text = Footprint.table(of: d, scheme: scheme[0], exclusion: out, excluded: ["first"])
    XCTAssertTrue(text.contains("LSQ_E4W4A4 †") && text.contains("† but for first"), text)
  }

  /// 32 bits a row in place of 32 a matrix or table.
  func testTheStepsOfRowsCount() throws {
    let d = EncoderDimensions(
      vocabularySize: 100, hiddenSize: 8, layerCount: 2, headCount: 2, intermediateSize: 16, positionCount: 10)
    var rows = try Scheme(parsing: "LSQ_E4W4A4")
    try rows.set(.weightGranularity, to: "row")
    func bytes(_ scheme: Scheme, _ out: Footprint.Exclusion = .init()) -> Double {
      Footprint.trueRows(d, schemes: [scheme], exclusion: out)[0].mebibytes * 1_048_576
    }
    let tensors = try Scheme(parsing: "LSQ_E4W4A4")
    let rowsOfLayer = 5 * 8 + 16
    let matrices = Double(2 * (rowsOfLayer - 6) * 4)
    XCTAssertEqual(bytes(rows) - bytes(tensors), matrices, accuracy: 1e-6)
    try rows.set(.embeddingGranularity, to: "row")
    let tables = Double((100 + 10 + 1 - 3) * 4)
    XCTAssertEqual(bytes(rows) - bytes(tensors), matrices + tables, accuracy: 1e-6)
    // Without a layer and the word table.
    let out = try Footprint.Exclusion(["first", "embeddings.word_embeddings"], of: d)
    XCTAssertEqual([out.matrixRows, out.tableRows], [Double(rowsOfLayer), 100])
    let rest = Double((rowsOfLayer - 6 + 10 + 1 - 2) * 4)
    XCTAssertEqual(bytes(rows, out) - bytes(tensors, out), rest, accuracy: 1e-6)
    let text = Footprint.table(of: d, scheme: rows)
    XCTAssertTrue(text.contains("LSQ_E4W4A4 †") && text.contains("† embeddings.granularity row"), text)
  }

  /// Of 8 features and 100 pieces: a dense of 64, a decoder of 800, biases and norm of 3·8 + 100.
  func testQuantizedHeadsCount() throws {
    let d = EncoderDimensions(
      vocabularySize: 100, hiddenSize: 8, layerCount: 2, headCount: 2, intermediateSize: 16, positionCount: 10)
    var scheme = try Scheme(parsing: "LSQ_E4W4A4")
    XCTAssertEqual(Footprint.heads(of: d, scheme).map(\.bytes), Footprint.heads(of: d, scheme).map(\.float32Bytes))
    try scheme.set(.headWeights, to: "6")
    let heads = Footprint.heads(of: d, scheme)
    let rest = 4.0 * 124
    XCTAssertEqual(heads.map(\.float32Bytes), [3456 + rest, 36])
    XCTAssertEqual(heads.map(\.bytes), [648 + 8 + rest, 14])
    let stepsOfRows = 4.0 * 108
    try scheme.set(.weightGranularity, to: "row")
    XCTAssertEqual(Footprint.heads(of: d, scheme)[0].bytes, 648 + stepsOfRows + rest)
    scheme.headBits = .none
    scheme.quantizesHead = true
    XCTAssertEqual(Footprint.heads(of: d, scheme).map(\.bytes), [432 + stepsOfRows + rest, 36])
    let text = Footprint.table(of: d, scheme: scheme)
    XCTAssertTrue(text.contains("masked-LM head, 3.9 kB in float32, 1.3 kB as LSQ_E4W4A4"), text)
  }

  func testHugeDimensionsDoNotTrap() {
    let huge = EncoderDimensions(
      vocabularySize: .max, hiddenSize: .max, layerCount: .max, headCount: 1, intermediateSize: .max,
      positionCount: .max, typeCount: .max)
    XCTAssertTrue(Footprint.trueRows(huge)[0].mebibytes > 0)
  }

  /// Of camembert-base, counted by hand: a layer is 4·768² + 2·768·3072 elements.
  func testTheFootprintCountsWhatTheListNames() throws {
    let d = EncoderDimensions.camembertBase
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
