import Compute
import Configuration
import Foundation
import Quantization
import Training
import XCTest

/// What a resume compares: every key that determines the result, and every part of the data, by the key that names it.
final class RunIdentityTests: XCTestCase {
  private let configuration = RunConfiguration()

  private func identity() throws -> RunIdentity {
    let plan = try ComputePlan(
      configuration.compute, scheme: Scheme(parsing: "LSQ_E8W8A8"), features: CPUFeatures.current)
    var identity = RunIdentity(configuration, Arithmetic(plan))
    for part in RunIdentity.DataPart.allCases {
      identity.note(part, sha256: String(repeating: "a", count: 64), path: "/before/\(part.rawValue)")
    }
    return identity
  }

  /// The identity with one value of its record replaced, as a checkpoint may hold it.
  private func forged(_ identity: RunIdentity, _ path: [String], _ value: Any) throws -> RunIdentity {
    func put(_ object: [String: Any], _ path: ArraySlice<String>) -> [String: Any] {
      var object = object
      let key = path.first!
      object[key] = path.count == 1 ? value : put(object[key] as? [String: Any] ?? [:], path.dropFirst())
      return object
    }
    let fields = try JSONSerialization.jsonObject(with: JSONEncoder().encode(identity)) as? [String: Any]
    let data = try JSONSerialization.data(withJSONObject: put(XCTUnwrap(fields), path[...]))
    return try JSONDecoder().decode(RunIdentity.self, from: data)
  }

  func testARunIsTheSameAsItself() throws {
    let now = try identity()
    XCTAssertEqual(now.differences(from: try forged(now, ["settings", "seed"], "1"), configuration), [])
    XCTAssertFalse(now.isRoundedOtherwise(than: now))
  }

  func testEveryKeyThatDeterminesTheResultIsFoundAlone() throws {
    let now = try identity()
    // Compared by what they came to, not by their words.
    let byArithmetic = Set(["forward", "backward", "attention", "head", "reduction"].map { "compute." + $0 })
    var count = 0
    for (key, value) in configuration.values where RunConfiguration.role(of: key) == .result {
      let found = now.differences(from: try forged(now, ["settings", key], "another"), configuration)
      count += 1
      if byArithmetic.contains(key) {
        XCTAssertEqual(found, [], key)
        let arithmetic = try forged(now, ["arithmetic", String(key.dropFirst("compute.".count))], "another")
        XCTAssertEqual(
          now.differences(from: try forged(arithmetic, ["settings", key], "another"), configuration).map(\.key), [key])
        XCTAssertTrue(now.isRoundedOtherwise(than: arithmetic), key)
      } else {
        XCTAssertEqual(found.map(\.key), [key])
        XCTAssertEqual(found.first?.before, "another")
        XCTAssertEqual(found.first?.now, value.isEmpty ? "not given" : value)
      }
    }
    XCTAssertGreaterThan(count, 40)
  }

  func testEveryPartOfTheDataIsFoundByTheKeyThatNamesIt() throws {
    let now = try identity()
    var (stored, split) = (configuration, configuration)
    stored.pretraining.store = "store"
    (split.fineTuning.path, split.fineTuning.train) = ([], ["train.conll"])
    var whole = configuration
    whole.fineTuning.path = ["corpus"]
    for (part, key, configuration) in [
      ("checkpoint", "model.checkpoint", whole), ("tokenizer", "model.tokenizer", whole),
      ("text", "pretraining.text", whole), ("tokens", "pretraining.store", stored),
      ("train", "fine_tuning.path", whole), ("validation", "fine_tuning.path", whole),
      ("test", "fine_tuning.path", whole), ("train", "fine_tuning.train", split),
      ("validation", "fine_tuning.validation", split), ("test", "fine_tuning.test", split),
      ("mlm_teacher", "distillation.pretraining.teacher", whole),
      ("token_teacher", "distillation.fine_tuning.teacher", whole),
    ] {
      let before = try forged(now, ["data", part, "sha256"], String(repeating: "b", count: 64))
      let found = now.differences(from: before, configuration)
      XCTAssertEqual(found.map(\.key), [key], part)
      XCTAssertTrue(found.first?.before.contains("/before/\(part) (SHA-256 bbbbbbbbbbbb…)") ?? false, "\(found)")
      // The same in another place is the same.
      let moved = try forged(now, ["data", part, "path"], "/elsewhere")
      XCTAssertEqual(now.differences(from: moved, configuration), [])
    }
    XCTAssertEqual(RunIdentity.DataPart.allCases.count, 9)
  }
}
