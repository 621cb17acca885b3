import Checkpoints
import Foundation
import TestSupport
import XCTest

/// Runs whose scheme changes between two steps: six steps of masked-LM, from float32 over four bits to two, and six of token
/// classification with the last scheme.
final class RampRunTests: XCTestCase {
  private static let ramp = [
    "quantization.scheme=fp32",
    "quantization.ramp=[{from: 0.34, scheme: LSQ_E4W4A4}, {from: 0.67, scheme: LSQplus_E2W2A2}]",
  ]
  private static let every = ["checkpoints.every_steps=1", "checkpoints.keep_last=30"]

  private func run(_ settings: [String], ranks: Int? = nil) throws -> DemoRun {
    let run = try DemoRun()
    try run.train(settings, ranks: ranks)
    return run
  }

  private func scheme(_ checkpoint: URL) throws -> String? {
    let config = try JSONSerialization.jsonObject(
      with: Data(contentsOf: checkpoint.appendingPathComponent("config.json")))
    return ((config as? [String: Any])?["palier"] as? [String: Any])?["scheme"] as? String
  }

  func testARampHasTheSameBitsOnAnyNumberOfRanks() throws {
    let alone = try run(Self.ramp)
    for (ranks, more) in [(2, []), (3, []), (3, ["compute.shard_optimizer=true"])] {
      let found = try run(Self.ramp + more, ranks: ranks)
      for name in ["alpha", "step-000012"] {
        assertSameNumbers(
          try found.numbers(found.checkpoint(name)), try alone.numbers(alone.checkpoint(name)), "\(ranks), \(name)")
      }
    }
  }

  /// A change is saved before it is made, logged once, and what follows has the new scheme.
  func testEachChangeIsSavedAndLogged() throws {
    let found = try DemoRun()
    let shown = try found.train(Self.ramp + ["checkpoints.every_steps=100", "checkpoints.keep_last=30"], ranks: 2)
    for (step, name) in [(2, "fp32"), (4, "LSQ_E4W4A4"), (6, "LSQplus_E2W2A2"), (12, "LSQplus_E2W2A2")] {
      XCTAssertEqual(try scheme(found.checkpoint(step)), name, "step \(step)")
    }
    XCTAssertFalse(FileManager.default.fileExists(atPath: found.checkpoint(3).path))
    let changes = try found.records("scheme")
    XCTAssertEqual(changes.compactMap { $0["global_step"] as? Int }, [3, 5])
    XCTAssertEqual(changes.compactMap { $0["before"] as? String }, ["fp32", "LSQ_E4W4A4"])
    XCTAssertEqual(changes.compactMap { $0["after"] as? String }, ["LSQ_E4W4A4", "LSQplus_E2W2A2"])
    for words in [
      "ramp: fp32 from step 1 of mlm, LSQ_E4W4A4 from step 3 of mlm, LSQplus_E2W2A2 from step 5 of mlm",
      "mlm from step 3 on: LSQ_E4W4A4 in the place of fp32, steps measured anew",
    ] { XCTAssertTrue(shown.contains(words), "\(words) in \(shown)") }
  }

  /// Stopped before a change, exactly at one, after it, and in the second stage; on other numbers of ranks each.
  func testARampResumesAcrossItsChangesAndAtThemToTheSameBits() throws {
    let alone = try run(Self.ramp + Self.every)
    for (last, ranks) in [(1, 3), (2, 1), (3, 2), (4, 3), (8, 1)] {
      let found = try run(Self.ramp + Self.every, ranks: 2)
      try found.rollBack(before: last + 1...12, named: last < 6 ? ["alpha"] : [])
      try found.train(Self.ramp + Self.every, ranks: ranks, options: ["--resume"])
      assertSameNumbers(
        try found.numbers(found.checkpoint(12)), try alone.numbers(alone.checkpoint(12)), "stopped after \(last)")
      XCTAssertEqual(try found.records("scheme").compactMap { $0["global_step"] as? Int }, [3, 5], "after \(last)")
    }
  }

  /// Until its first change it is the run of its first scheme.
  func testUntilItsFirstChangeARampIsTheRunOfItsFirstScheme() throws {
    let (ramp, plain) = (try run(Self.ramp + Self.every), try run(["quantization.scheme=fp32"] + Self.every))
    for step in [1, 2] {
      assertSameNumbers(
        try ramp.numbers(ramp.checkpoint(step)), try plain.numbers(plain.checkpoint(step)), "step \(step)")
    }
    XCTAssertNotEqual(try ramp.numbers(ramp.checkpoint(3)), try plain.numbers(plain.checkpoint(3)))
  }

  /// A scheme without steps that follows itself changes nothing: weights, moments and the count of updates are carried over.
  func testWhatIsNoStepIsCarriedOverToTheBit() throws {
    let scheme = "BitNet_E32W1.58A6"
    let plain = try run(["quantization.scheme=\(scheme)"])
    for (ranks, more) in [(1, []), (2, ["compute.shard_optimizer=true"])] {
      let ramp = try run(
        ["quantization.scheme=\(scheme)", "quantization.ramp=[{from: 0.5, scheme: \(scheme)}]"] + more, ranks: ranks)
      XCTAssertEqual(try ramp.records("scheme").count, 1)
      for name in ["alpha", "step-000012"] {
        assertSameNumbers(
          try ramp.numbers(ramp.checkpoint(name)), try plain.numbers(plain.checkpoint(name)), "\(ranks), \(name)")
      }
    }
  }

  /// Weights' steps are 2·mean|W|/√p of the weights at the change, and stay so where they are not learned.
  func testWeightsStepsAreMeasuredFromTheWeightsAtTheChange() throws {
    let found = try run(Self.ramp + Self.every + ["quantization.learned_steps=false"])
    let (before, after) = try (
      SafetensorsFile(found.checkpoint(2).appendingPathComponent("model.safetensors")),
      SafetensorsFile(found.checkpoint(3).appendingPathComponent("model.safetensors"))
    )
    let steps = after.tensors.keys.filter { $0.hasSuffix(".weight_quantizer.step") }
    XCTAssertGreaterThan(steps.count, 12)
    XCTAssertFalse(before.tensors.keys.contains { $0.hasSuffix(".step") })
    for name in steps where !name.hasPrefix("lm_head") {
      let weights = try before.floats(String(name.dropLast("_quantizer.step".count)))
      let mean = weights.reduce(0.0) { $0 + Double(abs($1)) } / Double(weights.count)
      let expected = 2 * mean / (7.0).squareRoot()
      XCTAssertEqual(Double(try after.floats(name)[0]), expected, accuracy: 1e-5 * expected, name)
    }
    let inputs = after.tensors.keys.filter { $0.hasSuffix(".input_quantizer.step") }
    XCTAssertEqual(inputs.count, 8)
    for name in inputs {
      let step = try after.floats(name)[0]
      XCTAssertTrue(step > 1e-4 && step < 2 && step != 1, "\(name) is \(step)")
    }
  }

  /// An average begins afresh with the scheme: at the end of the stage it holds the last two of six updates.
  func testAnAverageBeginsAfreshWithTheScheme() throws {
    let found = try run(Self.ramp + Self.every + ["averaging.kind=ema", "averaging.decay=0.5"], ranks: 2)
    func embeddings(_ name: String) throws -> [Float] {
      let weights = found.checkpoint(name).appendingPathComponent("model.safetensors")
      return try SafetensorsFile(weights).floats("roberta.embeddings.word_embeddings.weight")
    }
    let (fifth, sixth) = (try embeddings("step-000005"), try embeddings("step-000006"))
    for (i, found) in try embeddings("alpha-averaged").enumerated() {
      XCTAssertEqual(found, (fifth[i] + sixth[i]) / 2, accuracy: 1e-7)
    }
  }
}
