import Compute
import Crypto
import Foundation
import TestSupport
import XCTest

/// A result that depends on how many ranks were free is not a result: the final checkpoint's bytes are the same whatever the
/// number of ranks and threads, and after a resume on another number.
///
/// `PALIER_LONG_TESTS=1` makes the runs 40 steps long and adds 6 and 8 ranks, all numbers of threads on 1, 2 and 3 ranks, and
/// more kills.
final class ExactnessTests: XCTestCase {
  private static let isLong = ProcessInfo.processInfo.environment["PALIER_LONG_TESTS"] != nil
  private static let stepCount = isLong ? 40 : 12
  private static let schemes = ["LSQ_E4W4A4", "BitNet_E6W1.58A6"]
  private static let common = [
    "--set", "compute.allow_oversubscription=true", "--set", "budget.total_steps=\(stepCount)", "--set",
    "dropout.hidden=0.1", "--set", "dropout.attention=0.1",
  ]

  /// The weights of the last checkpoint of a run across the switch.
  private func weights(_ output: URL) throws -> Data {
    let name = "checkpoints/step-" + String(format: "%06d", Self.stepCount)
    return try Data(contentsOf: output.appendingPathComponent(name + "/model.safetensors"))
  }

  private func finalWeights(
    _ scheme: String, ranks: Int, threads: Int = 1, backward: String = "auto", extra: [String] = []
  ) throws -> Data {
    let folder = try TemporaryFolder()
    let output = folder.url.appendingPathComponent("out")
    let config = try DemoData.configuration(output: output)
    let settings = [
      "--set", "quantization.scheme=\(scheme)", "--set", "compute.threads=\(threads)", "--set",
      "compute.backward=\(backward)",
    ]
    try Program.succeed(["train", config] + settings + extra + Self.common, ranks: ranks, timeout: 240)
    return try weights(output)
  }

  private func report(_ scheme: String, _ run: String, _ weights: Data) {
    print("\(scheme), \(Self.stepCount) steps, \(run): SHA-256 \(SHA256.hash(data: weights).hexadecimal)")
  }

  func testBitsAreTheSameOnAnyNumberOfRanksAndThreads() throws {
    for scheme in Self.schemes {
      let alone = try finalWeights(scheme, ranks: 1)
      report(scheme, "1 rank × 1 thread", alone)
      for ranks in [1, 2, 3, 4] + (Self.isLong ? [6, 8] : []) {
        for threads in Self.threadCounts(ranks) where ranks * threads > 1 {
          let found = try finalWeights(scheme, ranks: ranks, threads: threads)
          report(scheme, "\(ranks) ranks × \(threads) threads", found)
          XCTAssertEqual(found, alone, "\(scheme) on \(ranks) ranks × \(threads) threads")
        }
      }
    }
  }

  /// Draws that round gradients are keyed by what is in the batch, as those of dropout are.
  func testBitsOfGradientsRoundedByDrawsAreTheSameOnAnyNumberOfRanksAndThreads() throws {
    try XCTSkipUnless(CPUFeatures.current.hasInt8Products, "this CPU has no int8 products")
    for (scheme, backward) in [("LSQ_E4W4A4", "int8"), ("BitNet_E6W1.58A6", "int8-dx")] {
      let alone = try finalWeights(scheme, ranks: 1, backward: backward)
      report(scheme, "backward \(backward), 1 rank × 1 thread", alone)
      XCTAssertNotEqual(alone, try finalWeights(scheme, ranks: 1), "\(backward) rounds as auto does?")
      for (ranks, threads) in [(1, 3), (2, 1), (3, 1)] {
        let found = try finalWeights(scheme, ranks: ranks, threads: threads, backward: backward)
        XCTAssertEqual(found, alone, "\(scheme), \(backward) on \(ranks) ranks × \(threads) threads")
      }
    }
  }

  /// A step a row, no level at zero, whole offsets: each is summed and moved in an order of its own.
  private static let lowBit = [
    "weights.granularity=row", "embeddings.granularity=row", "weights.grid=symmetric", "activations.offset=integer",
    "quantization.initial=mse",
  ].flatMap { ["--set", $0] }

  func testBitsOfLowBitMethodsAreTheSameOnAnyNumberOfRanksAndThreads() throws {
    let alone = try finalWeights("LSQplus_E4W2A4", ranks: 1, extra: Self.lowBit)
    report("LSQplus_E4W2A4, low-bit methods", "1 rank × 1 thread", alone)
    XCTAssertNotEqual(alone, try finalWeights("LSQplus_E4W2A4", ranks: 1))
    for (ranks, threads) in [(1, 3), (2, 1), (3, 1)] {
      let found = try finalWeights("LSQplus_E4W2A4", ranks: ranks, threads: threads, extra: Self.lowBit)
      XCTAssertEqual(found, alone, "on \(ranks) ranks × \(threads) threads")
    }
  }

  func testLowBitMethodsResumeOnThreeRanksToTheSameBits() throws {
    try assertTwoRanksStoppedAtARandomStepResumeOnThree("LSQplus_E4W2A4", extra: Self.lowBit)
  }

  func testGradientsRoundedByDrawsResumeOnThreeRanksToTheSameBits() throws {
    try XCTSkipUnless(CPUFeatures.current.hasInt8Products, "this CPU has no int8 products")
    for (scheme, backward) in [("LSQ_E4W4A4", "int8"), ("BitNet_E6W1.58A6", "int8-dx")] {
      try assertTwoRanksStoppedAtARandomStepResumeOnThree(scheme, backward: backward)
    }
  }

  /// More threads than two: the library that multiplies splits sums by their number where it may.
  private static func threadCounts(_ ranks: Int) -> [Int] {
    if ranks > 3 { return isLong ? [1, 2] : [1] }
    return isLong || ranks == 1 ? [1, 2, 3, 5, 8, 16] : [1]
  }

  func testTwoRanksStoppedAtARandomStepResumeOnThreeToTheSameBits() throws {
    for scheme in Self.schemes { try assertTwoRanksStoppedAtARandomStepResumeOnThree(scheme) }
  }

  private func assertTwoRanksStoppedAtARandomStepResumeOnThree(
    _ scheme: String, backward: String = "auto", extra: [String] = []
  ) throws {
    var numbers = SeededNumbers.ofThisRun()
    let folder = try TemporaryFolder()
    let output = folder.url.appendingPathComponent("out")
    let arguments =
      try ["train", DemoData.configuration(output: output)] + Self.common + [
        "--set", "quantization.scheme=\(scheme)", "--set", "compute.backward=\(backward)",
      ] + extra
    let run = try MPIRun(arguments, of: "palier", ranks: 2, timeout: 120)
    let asked = Int.random(in: 1..<Self.stepCount - 2, using: &numbers)
    try waitForStep(asked, in: output)
    run.send(SIGUSR1)
    let stopped = run.wait()
    XCTAssertEqual(stopped.status, 75, stopped.errors)
    let last = try XCTUnwrap(
      stopped.output.split(separator: "\n").first { $0.contains("stopped by SIGUSR1 after step") }, stopped.output)
    try Program.succeed(arguments + ["--resume"], ranks: 3)
    let found = try weights(output)
    report(scheme, "2 ranks, \(last.prefix { $0 != ":" }), 3 ranks", found)
    XCTAssertEqual(
      found, try finalWeights(scheme, ranks: 1, backward: backward, extra: extra), "\(scheme), backward \(backward)")
  }

  /// Waits until the run's log has this step.
  private func waitForStep(_ step: Int, in output: URL) throws {
    let log = output.appendingPathComponent("metrics.jsonl").path
    let record = Data("{\"kind\":\"step\",\"global_step\":\(step),".utf8)
    let end = Date(timeIntervalSinceNow: 60)
    while FileManager.default.contents(atPath: log)?.range(of: record) == nil {
      if Date() > end { return XCTFail("step \(step) did not come within a minute") }
      usleep(2_000)
    }
  }

  func testARunKilledAtAnyMomentResumesToTheSameBits() throws {
    let alone = try finalWeights("LSQ_E4W4A4", ranks: 1)
    var numbers = SeededNumbers.ofThisRun()
    for round in 0..<(Self.isLong ? 20 : 3) {
      let folder = try TemporaryFolder()
      let output = folder.url.appendingPathComponent("out")
      let config = try DemoData.configuration(output: output)
      let settings = ["--set", "quantization.scheme=LSQ_E4W4A4", "--set", "checkpoints.every_steps=1"] + Self.common
      let run = try MPIRun(["train", config] + settings, of: "palier", ranks: 2, timeout: 120)
      _ = try run.waitForLine("masked-LM:")
      usleep(UInt32.random(in: 0...900_000, using: &numbers))
      killEverything(naming: folder.url.path)
      _ = run.wait()
      // A run killed before its first checkpoint has nothing to resume from: it starts again.
      try Program.succeed(["train", config, "--resume"] + settings, ranks: round % 3 + 1)
      XCTAssertEqual(try weights(output), alone, "round \(round)")
    }
  }

  /// SIGKILL to every process that has `path` in its arguments: mpirun and all its ranks at once.
  private func killEverything(naming path: String) {
    for entry in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
      guard let process = Int32(entry), process != getpid(),
        let words = FileManager.default.contents(atPath: "/proc/\(process)/cmdline"),
        String(decoding: words, as: UTF8.self).contains(path)
      else { continue }
      kill(process, SIGKILL)
    }
  }

  func testAFlippedBitIsCaughtAndItsRankNamed() throws {
    for (rank, element, bit) in [(0, 12_345, 3), (1, 777, 30), (2, 40_000, 0)] {
      let folder = try TemporaryFolder()
      let config = try DemoData.configuration(output: folder.url.appendingPathComponent("out"))
      let settings = ["--set", "guards.replica_check_steps=1"] + Self.common
      let drill = ["PALIER_FLIP_BIT": "\(rank):5:\(element):\(bit)"]
      let outcome = try MPIRun(["train", config] + settings, of: "palier", ranks: 3, environment: drill, timeout: 120)
        .wait()
      XCTAssertEqual(outcome.status, 1, outcome.output)
      XCTAssertTrue(outcome.errors.contains("step 5: the replica of rank \(rank) on"), outcome.errors)
      let lines = outcome.errorLines.filter { $0.contains("the replica of rank") }
      XCTAssertEqual(lines.count, 1, "one line, though every rank knows: \(outcome.errors)")
    }
  }
}

extension SHA256.Digest {
  /// Sixty-four lower-case digits.
  fileprivate var hexadecimal: String { map { String(format: "%02x", $0) }.joined() }
}
