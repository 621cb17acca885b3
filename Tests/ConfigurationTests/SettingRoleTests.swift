import Configuration
import Foundation
import XCTest

/// Which keys determine a run's result: all of them, but for those that are listed.
final class SettingRoleTests: ConfigurationTestCase {
  private var leaves: [SettingDescription] { RunConfiguration.settings.filter { !$0.isSection } }

  func testEveryListedKeyExistsAndIsListedForAReason() {
    let keys = Set(leaves.map(\.key))
    for (key, role) in RunConfiguration.roles {
      XCTAssertTrue(keys.contains(key), "\(key) is no key")
      XCTAssertNotEqual(role, .result, "\(key) need not be listed")
    }
  }

  /// A path says nothing about the result: either it names data, or it is where the run writes.
  func testEveryPathNamesDataOrTheOutput() {
    let paths = leaves.filter { $0.allowed.hasPrefix("a path") }.map(\.key)
    XCTAssertGreaterThanOrEqual(paths.count, 9)
    for key in paths { XCTAssertEqual(RunConfiguration.role(of: key), key == "output" ? .free : .data, key) }
    let data = RunConfiguration.roles.filter { $0.value == .data }.map(\.key)
    XCTAssertTrue(Set(data).isSubset(of: paths), "\(data)")
  }

  func testAKeyThatNobodyListedDeterminesTheResult() {
    for key in [
      "seed", "quantization.scheme", "dropout.hidden", "budget.total_steps", "budget.alpha", "batch.size",
      "optimizer.learning_rate", "optimizer.weight_decay", "pretraining.masking_probability",
      "pretraining.slice_tokens",
      "fine_tuning.selection_score", "evaluation.points", "compute.backward", "compute.reduction",
      "guards.on_bad_numbers", "optimizer.a_key_of_next_year",
    ] { XCTAssertEqual(RunConfiguration.role(of: key), .result, key) }
    for section in ["checkpoints", "logging"] {
      for key in leaves.map(\.key) where key.hasPrefix(section + ".") {
        XCTAssertEqual(RunConfiguration.role(of: key), .free, key)
      }
    }
  }

  func testValuesAreThoseThatTheConfigurationResolves() throws {
    let values = Dictionary(
      uniqueKeysWithValues: try minimal("optimizer.learning_rate=3e-4", "seed=9", "preset=accml-code").values.map {
        ($0.key, $0.value)
      })
    XCTAssertEqual(Set(values.keys), Set(leaves.map(\.key)))
    XCTAssertEqual(values["fine_tuning.learning_rate"], "0.0003")
    XCTAssertEqual(values["fine_tuning.split_seed"], "9")
    XCTAssertEqual(values["quantization.bitnet_gamma"], "row")
  }

  func testRanksMayDifferInWhatIsTheirMachinesAlone() throws {
    let keys = Set(try minimal().valuesOfAllRanks.map(\.key))
    for key in ["compute.threads", "compute.numa", "compute.allow_oversubscription", "output", "model.checkpoint"] {
      XCTAssertFalse(keys.contains(key), key)
    }
    for key in [
      "seed", "guards.replica_check_steps", "compute.shard_optimizer", "pretraining.text", "evaluation.test_at_end",
    ] {
      XCTAssertTrue(keys.contains(key), key)
    }
  }

  func testKeysToBeChangedAreCheckedByName() throws {
    XCTAssertEqual(
      try RunConfiguration.changeableKeys(in: "optimizer.learning_rate, fine_tuning.path"),
      ["optimizer.learning_rate", "fine_tuning.path"])
    for (text, expected) in [
      ("optimizer.learning_rat", "did you mean optimizer.learning_rate?"), ("optimizer", "no such key"),
      ("", "no such key"),
      ("seed,", "no such key"), ("compute.threads", "leave it out"), ("output", "leave it out"),
    ] {
      XCTAssertThrowsError(try RunConfiguration.changeableKeys(in: text)) {
        XCTAssertTrue("\($0)".hasPrefix("--allow-changes ") && "\($0)".contains(expected), "\($0)")
      }
    }
  }
}
