import Compute
import Configuration
import Encoder
import Quantization
import Training
import XCTest

/// What a configuration's wishes become on CPUs of several kinds.
final class ComputePlanTests: XCTestCase {
  private func cpu(_ flags: String) -> CPUFeatures { CPUFeatures(cpuinfo: "model name : test\nflags : \(flags)\n") }
  private var plain: CPUFeatures { cpu("avx2 avx512f") }
  private var vnni: CPUFeatures { cpu("avx2 avx512f avx512_vnni") }
  private var bf16: CPUFeatures { cpu("avx2 avx512f avx512_vnni avx512_bf16") }

  private func plan(
    _ forward: RunConfiguration.Forward, _ backward: RunConfiguration.Backward, _ scheme: String = "LSQ_E8W8A8",
    on features: CPUFeatures
  ) throws -> (Precision, notes: [String]) {
    try ComputePlan.products(
      forward: forward, backward: backward, scheme: Scheme(parsing: scheme), features: features)
  }

  private var half: CPUFeatures { cpu("avx2 avx512f avx512_bf16") }

  func testEachCPUGetsItsFastestExactProducts() throws {
    XCTAssertEqual(try plan(.automatic, .automatic, on: plain).0, Precision(forward: .integer, backward: .float))
    XCTAssertEqual(
      try plan(.fixed(.integer), .automatic, on: plain).0, Precision(forward: .integer, backward: .float))
    XCTAssertEqual(try plan(.fixed(.float), .automatic, on: plain).0, Precision(forward: .float, backward: .float))
    XCTAssertEqual(try plan(.automatic, .automatic, on: vnni).0, Precision(forward: .integer, backward: .int16))
    XCTAssertEqual(try plan(.automatic, .automatic, on: bf16).0, Precision(forward: .integer, backward: .int16))
    XCTAssertEqual(
      try plan(.automatic, .fixed(.bfloat16), on: bf16).0, Precision(forward: .integer, backward: .bfloat16))
    XCTAssertEqual(try plan(.automatic, .automatic, on: half).0, Precision(forward: .integer, backward: .bfloat16))
    // Without codes on both sides there are no limbs.
    XCTAssertEqual(
      try plan(.automatic, .automatic, "LSQ_E8W8A32", on: bf16).0, Precision(forward: .float, backward: .bfloat16))
    XCTAssertEqual(try plan(.automatic, .fixed(.float), on: bf16).0, Precision(forward: .integer, backward: .float))
    XCTAssertEqual(try plan(.fixed(.float), .fixed(.int16), on: bf16).0, Precision(forward: .float, backward: .int16))
    for backward in [Precision.Backward.int8, .int8InputGradient] {
      XCTAssertEqual(
        try plan(.automatic, .fixed(backward), on: vnni).0, Precision(forward: .integer, backward: backward))
    }
  }

  func testAFallbackSaysSo() throws {
    XCTAssertEqual(try plan(.automatic, .automatic, on: plain).notes.count, 2)
    XCTAssertEqual(try plan(.automatic, .automatic, on: vnni).notes, [])
    XCTAssertEqual(try plan(.automatic, .automatic, on: half).notes.count, 1)
    // Weights of up to 7 bits cannot saturate the products of bytes: nothing falls back but the backward pass.
    for scheme in ["LSQ_E8W7A8", "LSQ_E2W2A2", "BitNet_E6W1.58A6"] {
      XCTAssertEqual(try plan(.automatic, .automatic, scheme, on: half).notes, [], scheme)
    }
    XCTAssertEqual(try plan(.automatic, .automatic, on: bf16).notes, [])
    XCTAssertEqual(try plan(.fixed(.float), .fixed(.float), on: plain).notes, [])
  }

  /// A baseline called FP32 is float32 on every CPU, attention included.
  func testTheFP32SchemeRoundsNothingUnlessAsked() throws {
    let scheme = try Scheme(parsing: "fp32")
    for features in [plain, vnni, bf16] {
      let found = try ComputePlan(RunConfiguration.Compute(), scheme: scheme, features: features)
      XCTAssertEqual(found.precision, .float32)
      XCTAssertEqual(found.notes, [])
    }
    let asked: [(RunConfiguration.Forward, RunConfiguration.Backward, RunConfiguration.Attention, Precision, String)] =
      [
        (.fixed(.bfloat16), .automatic, .automatic, Precision(forward: .bfloat16, backward: .float), "compute.forward"),
        (
          .automatic, .fixed(.bfloat16), .automatic, Precision(forward: .float, backward: .bfloat16), "compute.backward"
        ),
        (
          .automatic, .automatic, .fixed(.bfloat16), Precision(forward: .float, backward: .float, attention: .bfloat16),
          "compute.attention"
        ),
      ]
    let head = try ComputePlan.products(
      forward: .automatic, backward: .automatic, head: .fixed(.bfloat16), scheme: scheme, features: bf16)
    XCTAssertEqual(head.0, Precision(forward: .float, backward: .float, head: .bfloat16))
    XCTAssertTrue(head.notes.count == 1 && head.notes[0].hasSuffix("compute.head"), "\(head.notes)")
    for (forward, backward, attention, precision, key) in asked {
      let found = try ComputePlan.products(
        forward: forward, backward: backward, attention: attention, scheme: scheme, features: bf16)
      XCTAssertEqual(found.0, precision)
      XCTAssertEqual(found.notes.count, 1)
      XCTAssertTrue(found.notes.allSatisfy { $0.contains("bf16") && $0.hasSuffix(key) }, "\(found.notes)")
    }
    // Quantized schemes go on as they were.
    var wishes = RunConfiguration.Compute()
    let quantized = try ComputePlan(wishes, scheme: Scheme(parsing: "LSQ_E8W8A8"), features: bf16)
    XCTAssertEqual(
      quantized.precision, Precision(forward: .integer, backward: .int16, attention: .bfloat16, head: .bfloat16))
    wishes.head = .fixed(.float)
    let exact = try ComputePlan(wishes, scheme: Scheme(parsing: "LSQ_E8W8A8"), features: bf16)
    XCTAssertEqual(exact.precision.head, .float)
  }

  func testWithoutCodesThereAreNoIntegerProducts() throws {
    XCTAssertEqual(try plan(.fixed(.integer), .fixed(.int16), "fp32", on: vnni).0, .float32)
    XCTAssertEqual(try plan(.fixed(.integer), .fixed(.int16), "fp32", on: plain).0, .float32)
    XCTAssertEqual(try plan(.fixed(.integer), .fixed(.int8), "fp32", on: vnni).0, .float32)
  }

  /// Without VNNI oneDNN adds bytes' products in 16 bits that saturate: backward, where limbs have all eight bits, refused in one
  /// line. Forward they are exact everywhere (`CodeProducts`).
  func testIntegerProductsAreRefusedWhereTheySaturate() {
    let wishes: [(RunConfiguration.Forward, RunConfiguration.Backward, String)] = [
      (.automatic, .fixed(.int16), "backward: int16"),
      (.automatic, .fixed(.int8), "backward: int8 "), (.automatic, .fixed(.int8InputGradient), "backward: int8-dx "),
    ]
    for (forward, backward, named) in wishes {
      XCTAssertThrowsError(try plan(forward, backward, on: plain)) {
        XCTAssertTrue("\($0)".contains(named) && "\($0)".contains("VNNI"), "\($0)")
        XCTAssertFalse("\($0)".contains("\n"))
      }
    }
  }

  func testALibraryHeldBackHoldsTheCPUBack() {
    let all = cpu("avx512_vnni avx512_bf16 amx_int8 amx_bf16")
    for (instructionSet, int8, half) in [
      ("AVX2", false, false), ("AVX-512", false, false), ("AVX-512 VNNI", true, false),
      ("AVX-512 VNNI, bf16", true, true), ("AMX int8, bf16", true, true), ("newer than this build knows", true, true),
    ] {
      let left = all.limited(to: instructionSet)
      XCTAssertEqual(left.hasInt8Products, int8, instructionSet)
      XCTAssertEqual(left.hasBfloat16Products, half, instructionSet)
    }
    XCTAssertFalse(plain.limited(to: "AMX int8, bf16").hasInt8Products)
  }

  /// A cluster of unlike CPUs multiplies as its weakest does.
  func testProductsThatAnotherRankLacksAreLeftAlone() {
    XCTAssertEqual(bf16.products, ["avx512_vnni", "avx512_bf16"])
    let shared = bf16.limited(toProducts: bf16.products.intersection(vnni.products))
    XCTAssertTrue(shared.hasInt8Products && !shared.hasBfloat16Products)
    XCTAssertFalse(bf16.limited(toProducts: plain.products).hasInt8Products)
    XCTAssertTrue(shared.flags.contains("avx2"))
  }
}
