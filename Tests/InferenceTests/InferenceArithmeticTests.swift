import Base
import Compute
import Encoder
import Inference
import Quantization
import XCTest

/// A checkpoint's products on other CPUs than its training's: the same, or said in a line.
final class InferenceArithmeticTests: XCTestCase {
  private func chosen(
    _ noted: [(String, String)], scheme: String = "LSQ_E8W8A8", on instructionSet: String
  ) throws -> (precision: Precision, notes: [String]) {
    InferenceArithmetic.precision(
      noted: noted.map { NamedText($0.0, $0.1) }, scheme: try Scheme(parsing: scheme),
      features: CPUFeatures.current.limited(to: instructionSet), instructionSet: instructionSet)
  }

  func testFloat32AttentionHasAnotherOrderBelowAVX512() throws {
    let trained = [("forward", "integer"), ("attention", "fp32"), ("onednn_isa", "AVX-512 VNNI")]
    for same in ["AVX-512", "AVX-512 VNNI", "AMX int8, bf16", "newer than this build knows"] {
      XCTAssertEqual(try chosen(trained, on: same).notes, [], same)
    }
    for other in ["AVX2", "AVX2 VNNI"] {
      let (precision, notes) = try chosen(trained, on: other)
      XCTAssertEqual(notes.count, 1)
      XCTAssertTrue(notes[0].contains("AVX-512 VNNI") && notes[0].contains(other), notes[0])
      XCTAssertEqual(precision.forward, .integer, "products of codes are exact everywhere")
    }
    let there = trained.dropLast() + [("onednn_isa", "AVX2")]
    XCTAssertEqual(try chosen(Array(there), on: "AVX2").notes, [])
    XCTAssertEqual(try chosen(Array(there), on: "AVX-512 VNNI").notes.count, 1)
  }

  func testBfloat16IsReplacedAndSaid() throws {
    let trained = [("forward", "integer"), ("attention", "bf16"), ("onednn_isa", "AMX int8, bf16")]
    for without in ["AVX2", "AVX-512 VNNI"] {
      let (precision, notes) = try chosen(trained, on: without)
      XCTAssertEqual(precision.attention, .float)
      XCTAssertEqual(notes.count, 1, without)
      XCTAssertTrue(notes.first?.contains("bf16") == true)
    }
  }

  /// A checkpoint that notes nothing, as other programs write it, is read as training would go here.
  func testNothingNotedIsNothingSaid() throws {
    XCTAssertEqual(try chosen([], on: "AVX2").notes, [])
    let (precision, _) = try chosen([], scheme: "fp32", on: "AVX-512")
    XCTAssertEqual(precision.forward, .float)
  }
}
