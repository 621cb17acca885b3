import Foundation
import TestSupport
import XCTest

/// A start that left no checkpoint is no dead end, and a folder of other things is none of a run's.
final class RestartTests: XCTestCase {
  /// A run that fails at its first step.
  private static let failing = ["--set", "guards.loss_bound=0.001"]

  func testARunThatFailedBeforeItsFirstCheckpointIsStartedAgainEitherWay() throws {
    let folder = try TemporaryFolder()
    let reference = folder.url.appendingPathComponent("reference")
    try Program.succeed(["train", try DemoData.configuration(output: reference)])
    for resume in [[], ["--resume"]] {
      let output = folder.url.appendingPathComponent("out\(resume.count)")
      let config = try DemoData.configuration(output: output)
      try Program.fail(["train", config] + Self.failing, naming: "loss")
      let shown = try Program.succeed(["train", config] + resume)
      XCTAssertTrue(shown.contains("holds no checkpoint of an earlier start"), shown)
      let compared = try Program.succeed(["compare", reference.path, output.path])
      XCTAssertTrue(compared.contains("the same to step 12"), compared)
      // With checkpoints in it the folder is a run's, as ever.
      try Program.fail(["train", config], naming: "--resume")
    }
  }

  /// A requeued job asks to resume what it never came to start.
  func testResumeOfAFolderThatIsNotThereStartsTheRun() throws {
    let folder = try TemporaryFolder()
    let config = try DemoData.configuration(output: folder.url.appendingPathComponent("new"))
    XCTAssertTrue(try Program.succeed(["train", config, "--resume"]).contains("starts from its first step"))
  }

  func testAStoreOfAnotherTextIsNotTakenForThisOne() throws {
    let folder = try TemporaryFolder()
    let output = folder.url.appendingPathComponent("out")
    let config = try DemoData.configuration(output: output)
    try Program.fail(["train", config] + Self.failing)
    let manifest = output.appendingPathComponent("store/manifest.json")
    let before = try Data(contentsOf: manifest)
    let text = folder.url.appendingPathComponent("other.txt")
    var words = try Data(contentsOf: URL(fileURLWithPath: try DemoData.data() + "/corpus.txt"))
    words[0] = words[0] == 0x41 ? 0x42 : 0x41
    try words.write(to: text)
    let shown = try Program.succeed(["train", config, "--set", "pretraining.text=\(text.path)"])
    XCTAssertTrue(shown.contains("tokenizing \(text.path)"), shown)
    XCTAssertNotEqual(try Data(contentsOf: manifest), before)
  }

  func testDamagedCheckpointsAreNotTakenForNone() throws {
    let folder = try TemporaryFolder()
    let output = folder.url.appendingPathComponent("out")
    let config = try DemoData.configuration(output: output)
    try Program.succeed(["train", config])
    let checkpoints = output.appendingPathComponent("checkpoints")
    for name in try FileManager.default.contentsOfDirectory(atPath: checkpoints.path) where name.hasPrefix("step-") {
      try Data("x".utf8).write(to: checkpoints.appendingPathComponent(name + "/config.json"))
    }
    try Program.fail(["train", config, "--resume"], naming: "no checkpoint is intact")
    for name in try FileManager.default.contentsOfDirectory(atPath: checkpoints.path) where name.hasPrefix("step-") {
      try FileManager.default.removeItem(at: checkpoints.appendingPathComponent(name))
    }
    try Program.succeed(["train", config, "--resume"])
  }

  func testAFolderOfOtherThingsIsRefusedUntouched() throws {
    let folder = try TemporaryFolder()
    let config = try DemoData.configuration(output: folder.url.appendingPathComponent("out"))
    let before = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
    let text = try String(contentsOfFile: config, encoding: .utf8)
    for resume in [[], ["--resume"]] {
      // The folder that the configuration lies in, its name run.yaml as it happens; and the root.
      for output in [folder.url.path, "/"] {
        try Program.fail(
          ["train", config, "--set", "output=\(output)"] + resume, naming: "holds other things than a run")
      }
    }
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: folder.url.path), before)
    XCTAssertEqual(try String(contentsOfFile: config, encoding: .utf8), text)
  }
}
