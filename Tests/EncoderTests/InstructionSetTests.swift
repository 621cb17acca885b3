import Base
import Compute
import Encoder
import Foundation
import Quantization
import TestSupport
import XCTest

/// The whole encoder where the library is held to an older instruction set, beside itself without a limit.
///
/// Products of codes are the same bits. A word alone shows that from end to end: attention over one token is that token, whatever
/// order its sums have. Among several, attention's float32 sums have the library's order, which AVX2 has another of.
final class InstructionSetTests: XCTestCase {
  private static let key = "PALIER_TEST_LOGITS"

  /// Widths at which 8-bit weights are multiplied in one piece, and in two.
  private let dimensions = EncoderDimensions(
    vocabularySize: 80, hiddenSize: 128, layerCount: 2, headCount: 2, intermediateSize: 1536, positionCount: 70)

  private let schemes = [
    "LSQ_E8W8A8", "LSQ_E4W4A4", "LSQ_E2W2A2", "LSQ_E6W2A6", "BitNet_E6W1.58A6", "LSQ_E8W7A8",
    "LSQ_E8W8A8 activations.offset=integer weights.granularity=row", "LSQ_E4W7A8 weights.grid=symmetric",
  ]

  /// What a scheme's model makes of words alone, and of sentences.
  private struct Outcome: Codable {
    /// The bits of all that its sites are given.
    var ofWords: [UInt32] = []
    var logits: [Float] = []
  }

  private func outcomes() throws -> [String: Outcome] {
    var found: [String: Outcome] = [:]
    for (number, name) in schemes.enumerated() {
      let scheme = try Small.scheme(name)
      let made = try Small.model(scheme, Small.labels, dimensions: dimensions, seed: UInt64(number))
      let model = try EncoderModel(
        dimensions: dimensions, scheme: scheme, head: Small.labels,
        precision: Precision(forward: .integer, backward: .float))
      for parameter in model.layout.parameters {
        _ = model.values(of: parameter).update(from: made.values(of: made.layout.required(parameter.name)))
        // Measured ones come out of float32 products, whose sums may have another order elsewhere.
        if parameter.name.hasSuffix("input_quantizer.step") {
          model.parameters[parameter.start] = 3 / scheme.activations.p
        }
        if parameter.kind == .offset { model.parameters[parameter.start] = -0.7 }
      }
      model.prepareStep()
      let slice = Small.slice([40, 7, 64], model, seed: 3)
      let trace = try model.forward(slice)
      var outcome = Outcome(logits: model.logits(ofTokens: Array(0..<slice.tokenCount), trace))
      let words = Small.slice([Int](repeating: 1, count: 30), model, seed: 4)
      try model.forward(words) { rows in
        rows.forEach { row in outcome.ofWords += (0..<rows.width).map { row[$0].bitPattern } }
      }
      found[name] = outcome
    }
    return found
  }

  func testCodesGiveTheSameBitsWithoutVNNI() throws {
    if let path = ProcessInfo.processInfo.environment[InstructionSetTests.key] {
      let expected = try JSONDecoder().decode(
        [String: Outcome].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
      return try compare(with: expected)
    }
    let folder = try TemporaryFolder()
    try JSONEncoder().encode(outcomes()).write(to: folder.file("outcomes.json"))
    for instructionSet in ["AVX2", "AVX512_CORE", "AVX512_CORE_VNNI"] {
      try LimitedLibrary.run(
        "EncoderTests.InstructionSetTests", instructionSet: instructionSet,
        environment: [InstructionSetTests.key: folder.file("outcomes.json").path])
    }
  }

  private func compare(with expected: [String: Outcome]) throws {
    let all = try outcomes()
    for name in schemes {
      let what = "\(name) by \(ProductBackend.instructionSet)"
      let (own, other) = (try XCTUnwrap(all[name]), try XCTUnwrap(expected[name]))
      XCTAssertEqual(own.ofWords.count, 30 * 2 * (3 * 128 + 1536), what)
      XCTAssertTrue(own.ofWords == other.ofWords, "\(what): words alone differ")
      XCTAssertEqual(own.logits.count, other.logits.count, what)
      let difference = zip(own.logits, other.logits).map { abs($0 - $1) }.max() ?? .infinity
      // Without AVX-512 sums of attention have another order; else not even they differ.
      XCTAssertLessThanOrEqual(difference, ProductBackend.instructionSet == "AVX2" ? 2e-5 : 0, what)
    }
  }
}
