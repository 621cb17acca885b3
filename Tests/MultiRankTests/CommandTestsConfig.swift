import Foundation
import TestSupport
import XCTest

/// `palier config`.
final class ConfigCommandTests: XCTestCase {
  func testConfigPrintsWhatARunWouldTakeAndWhereItComesFrom() throws {
    let folder = try TemporaryFolder()
    let file = try DemoData.configuration(output: folder.url.appendingPathComponent("run"))
    let printed = try Program.succeed(["config", file, "--set", "seed=9"])
    let lines = printed.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    func origin(_ beginning: String) -> String? {
      lines.first { $0.hasPrefix(beginning) }?.components(separatedBy: "# ").last
    }
    XCTAssertEqual(origin("seed: 9"), "--set")
    XCTAssertEqual(origin("scheme: LSQ_E8W8A8"), "\(file):4")
    XCTAssertEqual(origin("split_seed: 9"), "from seed")
    XCTAssertEqual(origin("beta1: 0.9"), "default")
    // What it prints is a configuration of the same values.
    let copy = folder.url.appendingPathComponent("copy.yaml")
    try Data(printed.utf8).write(to: copy)
    func values(_ text: String) -> [Substring] { text.split(separator: "\n").map { $0.prefix { $0 != "#" } } }
    XCTAssertEqual(values(try Program.succeed(["config", copy.path])), values(printed))
  }

  func testPathsThatAreNotThereAreNamedALineEachWithCode1() throws {
    let folder = try TemporaryFolder()
    let file = try DemoData.configuration(output: folder.url.appendingPathComponent("run"))
    let outcome = try Program.run([
      "config", file, "--set", "model.checkpoint=/no/model", "--set", "fine_tuning.path=/no/corpus",
    ])
    XCTAssertEqual(outcome.status, 1)
    XCTAssertEqual(
      outcome.errorLines.sorted(),
      [
        "palier: fine_tuning.path: /no/corpus: no such file or folder",
        "palier: model.checkpoint: /no/model: no such file or folder",
      ])
    XCTAssertTrue(outcome.output.contains("checkpoint: \"/no/model\""), outcome.output)
  }

  func testTheReferenceIsThePageInDocs() throws {
    let page = SharedFolder.packageRoot.appendingPathComponent("docs/configuration.md")
    XCTAssertEqual(
      try Program.succeed(["config", "--reference"]), try String(contentsOf: page, encoding: .utf8),
      "write it anew: palier config --reference > docs/configuration.md")
  }
}
