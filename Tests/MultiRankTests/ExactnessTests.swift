import Foundation
import TestSupport
import XCTest

/// A result that depends on how many ranks were free is not a result: the final checkpoint's bytes are the same whatever the
/// number of ranks and threads, and after a resume on another number.
///
/// `PALIER_LONG_TESTS=1` adds 6 and 8 ranks and more kills.
final class ExactnessTests: XCTestCase {
  private static let isLong = ProcessInfo.processInfo.environment["PALIER_LONG_TESTS"] != nil
  private static let crowded = ["--set", "compute.allow_oversubscription=true"]

  /// The weights of the last checkpoint of a run of 12 steps across the switch.
  private func weights(_ output: URL, step: Int = 12) throws -> Data {
    let name = "checkpoints/step-" + String(format: "%06d", step)
    return try Data(contentsOf: output.appendingPathComponent(name + "/model.safetensors"))
  }

  private func finalWeights(_ scheme: String, ranks: Int, threads: Int = 1) throws -> Data {
    let folder = try TemporaryFolder()
    let output = folder.url.appendingPathComponent("out")
    let config = try DemoData.configuration(output: output)
    let settings = ["--set", "quantization.scheme=\(scheme)", "--set", "compute.threads=\(threads)"]
    try Program.succeed(["train", config] + settings + Self.crowded, ranks: ranks)
    return try weights(output)
  }

  func testBitsAreTheSameOnAnyNumberOfRanksAndThreads() throws {
    for scheme in ["LSQ_E4W4A4", "BitNet_E6W1.58A6"] {
      let alone = try finalWeights(scheme, ranks: 1)
      for ranks in [2, 3, 4] + (Self.isLong ? [6, 8] : []) {
        XCTAssertEqual(try finalWeights(scheme, ranks: ranks), alone, "\(scheme) on \(ranks) ranks")
      }
      XCTAssertEqual(try finalWeights(scheme, ranks: 1, threads: 2), alone, "\(scheme) on two threads")
    }
  }

  func testARunKilledAtAnyMomentResumesToTheSameBits() throws {
    let alone = try finalWeights("LSQ_E4W4A4", ranks: 1)
    var generator = SystemRandomNumberGenerator()
    for round in 0..<(Self.isLong ? 20 : 3) {
      let folder = try TemporaryFolder()
      let output = folder.url.appendingPathComponent("out")
      let config = try DemoData.configuration(output: output)
      let settings = ["--set", "quantization.scheme=LSQ_E4W4A4", "--set", "checkpoints.every_steps=1"] + Self.crowded
      let run = try MPIRun(["train", config] + settings, of: "palier", ranks: 2, timeout: 120)
      _ = try run.waitForLine("masked-LM:")
      usleep(UInt32.random(in: 0...900_000, using: &generator))
      killEverything(naming: folder.url.path)
      _ = run.wait()
      // A run killed before its first checkpoint has nothing to resume from: it starts again.
      let ranks = round % 3 + 1
      let resumed = try Program.run(["train", config, "--resume"] + settings, ranks: ranks)
      if resumed.errors.contains("no intact checkpoint") {
        try FileManager.default.removeItem(at: output)
        try Program.succeed(["train", config] + settings, ranks: ranks)
      } else {
        XCTAssertEqual(resumed.status, 0, resumed.errors)
      }
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
      let settings = ["--set", "guards.replica_check_steps=1"] + Self.crowded
      let drill = ["PALIER_FLIP_BIT": "\(rank):5:\(element):\(bit)"]
      let outcome = try MPIRun(["train", config] + settings, of: "palier", ranks: 3, environment: drill, timeout: 120)
        .wait()
      XCTAssertEqual(outcome.status, 1, outcome.output)
      XCTAssertTrue(outcome.errors.contains("step 5: the replica of rank \(rank) on"), outcome.errors)
    }
  }
}
