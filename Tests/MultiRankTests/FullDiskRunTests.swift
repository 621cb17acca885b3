import Foundation
import TestSupport
import XCTest

/// A run on a disk that is too small says of nothing that it was written when it was not, and its end tells.
final class FullDiskRunTests: XCTestCase {
  private func run(on disk: SmallDisk, ranks: Int? = nil) throws -> (MPIRun.Outcome, output: URL) {
    let folder = try TemporaryFolder()
    let config = try DemoData.configuration(output: folder.url.appendingPathComponent("x"))
    let output = disk.url.appendingPathComponent("out")
    let settings = ["--set", "output=\(output.path)", "--set", "logging.tensorboard=false"]
    return (try Program.run(["train", config] + settings, ranks: ranks), output)
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
