import Base
import Compute
import Encoder
import Foundation
import Quantization
import TestSupport
import XCTest

/// The logits of the whole encoder where the library is held to an older instruction set, beside those without a limit.
final class InstructionSetTests: XCTestCase {
  private static let key = "PALIER_TEST_LOGITS"

  /// Widths at which 8-bit weights are multiplied in one piece, and in two.
  private let dimensions = EncoderDimensions(
    vocabularySize: 80, hiddenSize: 128, layerCount: 2, headCount: 2, intermediateSize: 1536, positionCount: 70)

  private let schemes = [
    "LSQ_E8W8A8", "LSQ_E4W4A4", "LSQ_E2W2A2", "LSQ_E6W2A6", "BitNet_E6W1.58A6", "LSQ_E8W7A8",
    "LSQ_E8W8A8 activations.offset=integer weights.granularity=row", "LSQ_E4W7A8 weights.grid=symmetric",
  ]

  /// The logits of each scheme, as bits.
  private func logits() throws -> [String: [UInt32]] {
    var found: [String: [UInt32]] = [:]
    for (number, name) in schemes.enumerated() {
      let scheme = try Small.scheme(name)
      let made = try Small.model(scheme, Small.labels, dimensions: dimensions, seed: UInt64(number))
      let model = try EncoderModel(
        dimensions: dimensions, scheme: scheme, head: Small.labels,
        precision: Precision(forward: .integer, backward: .float), trains: false)
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
      found[name] = model.logits(ofTokens: Array(0..<slice.tokenCount), trace).map(\.bitPattern)
    }
    return found
  }

  func testLogitsAreTheSameBitsWithoutVNNI() throws {
    if let path = ProcessInfo.processInfo.environment[InstructionSetTests.key] {
      let expected = try JSONDecoder().decode(
        [String: [UInt32]].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
      let found = try logits()
      for name in schemes {
        let (own, other) = (found[name] ?? [], expected[name] ?? [])
        let different = zip(own, other).filter { $0 != $1 }
        XCTAssertEqual(own.count, other.count, name)
        XCTAssertTrue(
          different.isEmpty,
          "\(name) by \(ProductBackend.instructionSet): \(different.count) of \(own.count) logits differ, by up to "
            + "\(different.map { abs(Float(bitPattern: $0) - Float(bitPattern: $1)) }.max() ?? 0)")
      }
      return
    }
    let folder = try TemporaryFolder()
    try JSONEncoder().encode(logits()).write(to: folder.file("logits.json"))
    for instructionSet in ["AVX2", "AVX512_CORE", "AVX512_CORE_VNNI"] {
      try LimitedLibrary.run(
        "EncoderTests.InstructionSetTests", instructionSet: instructionSet,
        environment: [InstructionSetTests.key: folder.file("logits.json").path])
    }
  }
}
