import Foundation
import TestSupport
import XCTest

/// A run on a disk that is too small says of nothing that it was written when it was not, and its end tells.
final class FullDiskRunTests: XCTestCase {
  private func run(
    on disk: SmallDisk, ranks: Int? = nil, _ more: [String] = []
  ) throws -> (MPIRun.Outcome, output: URL) {
    let folder = try TemporaryFolder()
    let config = try DemoData.configuration(output: folder.url.appendingPathComponent("x"))
    let output = disk.url.appendingPathComponent("out")
    let settings = ["--set", "output=\(output.path)", "--set", "logging.tensorboard=false"]
    return (try Program.run(["train", config] + settings + more, ranks: ranks), output)
  }

  /// Written beside the steps, a checkpoint's failure is seen when the next one is due, or at the end.
  func testByChoiceACheckpointThatCannotBeWrittenStopsTheRun() throws {
    for asynchronous in [true, false] {
      for ranks in [nil, 2] {
        let disk = try SmallDisk(kilobytes: 300)
        let choice = [
          "--set", "checkpoints.on_write_failure=stop", "--set", "checkpoints.asynchronous=\(asynchronous)",
        ]
        let (outcome, output) = try run(on: disk, ranks: ranks, choice)
        XCTAssertEqual(outcome.status, 1, outcome.output)
        XCTAssertEqual(outcome.errorLines.count, 1, outcome.errors)
        XCTAssertTrue(outcome.errors.contains(output.path), outcome.errors)
        XCTAssertFalse(outcome.output.contains("training goes on to the next checkpoint"), outcome.output)
        let records = try String(contentsOf: output.appendingPathComponent("metrics.jsonl"), encoding: .utf8)
        let steps = records.split(separator: "\n").filter { $0.contains("\"kind\":\"step\"") }.count
        // The first checkpoint is due after step 3; the second, at which the writer must be done, after step 6.
        XCTAssertEqual(steps, asynchronous ? 6 : 3, records)
      }
    }
  }

  func testWhereNoCheckpointFitsNoneIsSaidToBeSaved() throws {
    for ranks in [nil, 2] {
      let disk = try SmallDisk(kilobytes: 300)
      let (outcome, output) = try run(on: disk, ranks: ranks)
      let checkpoints = output.appendingPathComponent("checkpoints").path
      XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: checkpoints), [])
      XCTAssertEqual(outcome.status, 74, outcome.errors + outcome.output)
      XCTAssertFalse(outcome.output.contains("encoder saved"), outcome.output)
      XCTAssertFalse(outcome.output.contains("of the best checkpoint"), outcome.output)
      XCTAssertTrue(outcome.output.contains("test scores of the final parameters (step 12)"), outcome.output)
      let last = try XCTUnwrap(outcome.output.split(separator: "\n").last).description
      XCTAssertTrue(last.hasPrefix("warning: not written: "), last)
      for name in ["checkpoints/alpha", "checkpoints/best", "checkpoints/step-000012"] {
        XCTAssertTrue(last.contains(name), last)
      }
    }
  }

  /// Whatever the room: what the run says of its checkpoints is what lies there.
  func testWhatIsSaidToBeWrittenIsThereAndWhatIsNotIsNamed() throws {
    var endings: Set<String> = []
    for kilobytes in [600, 1000, 1400, 1800, 8000] {
      let disk = try SmallDisk(kilobytes: kilobytes)
      let (outcome, output) = try run(on: disk)
      let last = try XCTUnwrap(outcome.output.split(separator: "\n").last).description
      func stepNoted(_ name: String) -> Int? {
        let config = output.appendingPathComponent("checkpoints/\(name)/config.json")
        let fields = try? JSONSerialization.jsonObject(with: Data(contentsOf: config)) as? [String: Any]
        return (fields?["palier"] as? [String: Any])?["global_step"] as? Int
      }
      let what = "\(kilobytes) KiB: \(outcome.output)"
      XCTAssertEqual(outcome.output.contains("encoder saved as checkpoints/alpha"), stepNoted("alpha") == 6, what)
      for name in ["alpha", "step-000012"] {
        XCTAssertNotEqual(last.contains("checkpoints/\(name)"), stepNoted(name) != nil, what)
      }
      if let best = stepNoted("best") {
        XCTAssertTrue(outcome.output.contains("test scores of the best checkpoint (step \(best)),"), what)
      } else {
        XCTAssertTrue(outcome.output.contains("test scores of the final parameters (step 12)"), what)
        XCTAssertTrue(last.contains("checkpoints/best of step"), what)
      }
      XCTAssertEqual(outcome.status, last.hasPrefix("warning: not written: ") ? 74 : 0, what)
      endings.insert(last)
    }
    XCTAssertGreaterThan(endings.count, 2, "the disks should be full at other points: \(endings)")
  }

  func testAStoppedRunWhoseStateCouldNotBeWrittenDoesNotSayThatItWas() throws {
    let disk = try SmallDisk(kilobytes: 300)
    let folder = try TemporaryFolder()
    let config = try DemoData.configuration(output: folder.url.appendingPathComponent("x"))
    let output = disk.url.appendingPathComponent("out")
    let run = try MPIRun(
      [
        "train", config, "--set", "output=\(output.path)", "--set", "logging.tensorboard=false", "--set",
        "budget.total_steps=4000",
      ], of: "palier", ranks: nil, timeout: 60)
    _ = try run.waitForLine("mlm")
    run.send(SIGUSR1)
    let outcome = run.wait()
    XCTAssertEqual(outcome.status, 74, outcome.output)
    XCTAssertFalse(outcome.output.contains("goes on from here"), outcome.output)
    XCTAssertTrue(outcome.output.contains("warning: not written: checkpoints/step-"), outcome.output)
  }
}
