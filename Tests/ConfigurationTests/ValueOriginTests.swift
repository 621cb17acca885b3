import Configuration
import Foundation
import TestSupport
import XCTest

/// Where the values of a resolved configuration come from.
final class ValueOriginTests: ConfigurationTestCase {
  /// The lines are counted by hand.
  private static let file = """
    preset: accml-code
    output: runs/x
    model:
      checkpoint: models/m
    quantization: {scheme: LSQ_E4W4A4}
    # A comment, and a list over two lines.
    pretraining:
      text:
        - text.txt
    fine_tuning:
      task: pos
      format: conllu
      path: corpus
      learning_rate: 2e-5
    """

  private func resolve(_ text: String, _ overrides: String...) throws -> ResolvedConfiguration {
    try RunConfiguration.resolve(
      text, name: "c.yaml", folder: URL(fileURLWithPath: "/no/such/folder"), overrides: overrides)
  }

  func testEachValueNamesWhereItComesFrom() throws {
    let resolved = try resolve(Self.file, "budget.alpha=0.5", "quantization.learned_steps=true")
    let expected = [
      "preset": "c.yaml:1", "output": "c.yaml:2", "model.checkpoint": "c.yaml:4", "quantization.scheme": "c.yaml:5",
      "pretraining.text": "c.yaml:8", "fine_tuning.task": "c.yaml:11", "fine_tuning.learning_rate": "c.yaml:14",
      "budget.alpha": "--set", "quantization.learned_steps": "--set",
      "model.tokenizer": "from model.checkpoint", "pretraining.learning_rate": "from optimizer.learning_rate",
      "fine_tuning.split_seed": "from seed", "fine_tuning.selection_score": "from fine_tuning.task",
      "optimizer.learning_rate": "preset accml-code", "quantization.bitnet_gamma": "preset accml-code",
      "seed": "default", "batch.size": "default", "optimizer.beta1": "default",
    ]
    for (key, origin) in expected { XCTAssertEqual(resolved.origin(of: key).description, origin, key) }
  }

  func testAKeyThatIsGivenIsNotDerived() throws {
    let resolved = try resolve(Self.minimal, "model.tokenizer=/t", "fine_tuning.split_seed=7")
    XCTAssertEqual(resolved.origin(of: "model.tokenizer").description, "--set")
    XCTAssertEqual(resolved.origin(of: "fine_tuning.split_seed").description, "--set")
  }

  func testTheAnnotatedConfigurationReadsBackToEqualValues() throws {
    let resolved = try resolve(Self.file, "model.tokenizer=/a folder/[{ *x # no comment")
    let text = resolved.annotatedYAML()
    XCTAssertEqual(try parse(text), resolved.configuration)
    XCTAssertTrue(text.contains("  alpha: 0.3 ") && text.contains("# default\n"), text)
    XCTAssertTrue(
      text.split(separator: "\n").contains { $0.hasPrefix("output:") && $0.hasSuffix("  # c.yaml:2") }, text)
    XCTAssertTrue(
      text.split(separator: "\n").contains { $0.hasPrefix("  text:") && $0.hasSuffix("  # c.yaml:8") }, text)
  }

  func testEveryUnusableInputIsNamedOnce() throws {
    let folder = try TemporaryFolder()
    let c = try minimal("pretraining.text=[\(folder.url.path), /no/such/text]")
    // The tokenizer is the checkpoint's folder: one path, one line.
    XCTAssertEqual(
      c.unusableInputs().map(\.description),
      [
        "model.checkpoint: /no/such/folder/models/m: no such file or folder",
        "pretraining.text: /no/such/text: no such file or folder",
        "fine_tuning.path: /no/such/folder/corpus: no such file or folder",
      ])
  }

  func testTheReferenceHasOneRowAKeyAndTheKeysThatPresetsMove() {
    let lines = RunConfiguration.reference.components(separatedBy: "\n")
    for setting in RunConfiguration.settings where !setting.isSection {
      let rows = lines.filter { $0.hasPrefix("| `\(setting.key)` |") && $0.hasSuffix("\(setting.meaning) |") }
      XCTAssertEqual(rows.count, 1, setting.key)
      XCTAssertTrue(rows.allSatisfy { $0.contains(setting.allowed) }, setting.key)
    }
    XCTAssertTrue(lines.contains("| `optimizer.step_rule` | `log` | `linear` | `linear` | `log` |"))
    XCTAssertTrue(lines.contains("| `pretraining.learning_rate` | `5e-06` | `5e-06` | `5e-05` | `0.0002` |"))
  }
}
