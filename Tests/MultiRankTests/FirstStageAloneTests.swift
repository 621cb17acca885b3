import Foundation
import TestSupport
import XCTest

/// `budget.alpha: 1`: people who train a base model want the first stage and nothing after it.
final class FirstStageAloneTests: XCTestCase {
  func testItLeavesAMaskedLMCheckpointAndTouchesNoTaggedCorpus() throws {
    let folder = try TemporaryFolder()
    let output = folder.file("out")
    let alone = ["--set", "budget.alpha=1", "--set", "fine_tuning.path=\(folder.file("nowhere").path)"]
    let config = try DemoData.configuration(output: output)
    let shown = try Program.succeed(["train", config] + alone, ranks: 2)
    XCTAssertTrue(shown.contains("end of masked-LM: encoder saved as checkpoints/alpha"), shown)
    XCTAssertFalse(shown.contains("token/"), "no step of a second stage: \(shown)")
    let kept = try FileManager.default.contentsOfDirectory(atPath: output.appendingPathComponent("checkpoints").path)
    XCTAssertTrue(kept.contains("alpha"))
    XCTAssertFalse(kept.contains("best"), "\(kept)")

    let alpha = output.appendingPathComponent("checkpoints/alpha")
    let fields =
      try JSONSerialization.jsonObject(
        with: Data(contentsOf: alpha.appendingPathComponent("config.json"))) as? [String: Any]
    XCTAssertEqual(fields?["architectures"] as? [String], ["CamembertForMaskedLM"])
    let store = output.appendingPathComponent("store").path
    let measured = try Program.succeed(["evaluate", alpha.path, "--store", store, "--block-length", "64"])
    XCTAssertTrue(measured.contains("masked tokens"), measured)

    // What is finished has nothing left to do, and its model stays as it is.
    let before = try Data(contentsOf: alpha.appendingPathComponent("model.safetensors"))
    try Program.succeed(["train", config, "--resume"] + alone)
    XCTAssertEqual(try Data(contentsOf: alpha.appendingPathComponent("model.safetensors")), before)
  }
}
