import Foundation
import Studies
import TestSupport
import XCTest

/// Names of cells: the same where the bits are.
final class CellIdentityTests: XCTestCase {
  private func ids(_ lines: String, _ files: StudyFiles) throws -> [String] { try files.graph(lines).cells.map(\.id) }

  func testNamesAreTwelveDigitsAndStayFromOneReadingToTheNext() throws {
    let files = try StudyFiles()
    let first = try ids("alphas: [0, 0.5]", files)
    XCTAssertEqual(first, try ids("alphas: [0.5, 0]\nname: another\nkeep: [best]\nlaunch: {ranks: 4}", files))
    for id in first { XCTAssertNotNil(id.wholeMatch(of: #/[0-9a-f]{12}/#), id) }
  }

  func testOnlyKeysThatDecideMoveThem() throws {
    let files = try StudyFiles()
    let lines = "alphas: [0.5]\nset: {%}"
    let plain = try ids("alphas: [0.5]", files)
    func moved(_ key: String) throws -> [Bool] {
      zip(plain, try ids(lines.replacingOccurrences(of: "%", with: key), files)).map { $0 != $1 }
    }
    // Trunk, branch, head.
    for key in [
      "compute.threads: 3", "checkpoints.keep_last: 7", "logging.tensorboard: false", "evaluation.test_at_end: false",
    ] {
      XCTAssertEqual(try moved(key), [false, false, false], key)
    }
    for key in ["batch.size: 8", "optimizer.learning_rate: 2e-3", "dropout.hidden: 0"] {
      XCTAssertEqual(try moved(key), [true, true, true], key)
    }
    // A key of the first stage moves its heads by their parent.
    XCTAssertEqual(try moved("pretraining.masking_probability: 0.2"), [true, true, true])
    XCTAssertEqual(try moved("fine_tuning.learning_rate: 1e-4"), [false, false, true])
    // A trunk has no fall.
    XCTAssertEqual(try moved("optimizer.decay_shape: linear"), [false, true, true])
  }

  func testGridsShareWhatTheyHaveInCommon() throws {
    let files = try StudyFiles()
    func byKind(_ lines: String) throws -> [Cell.Kind: Set<String>] {
      Dictionary(grouping: try files.graph(lines).cells, by: \.kind).mapValues { Set($0.map(\.id)) }
    }
    let small = try byKind("alphas: [0.3, 0.5]")
    let more = try byKind("alphas: [0, 0.3, 0.5, 0.9]\nseeds: {heads: [5, 6]}")
    // The trunk is longer, the branches are the same.
    XCTAssertNotEqual(small[.trunk], more[.trunk])
    XCTAssertTrue(more[.branch]!.isSuperset(of: small[.branch]!))
    XCTAssertTrue(more[.head]!.isSuperset(of: small[.head]!))
    // First stages do not know how long the heads are.
    let heads = try byKind("alphas: [0.3, 0.5]\nbudget: heads")
    XCTAssertEqual(heads[.branch], small[.branch])
    XCTAssertTrue(heads[.head]!.isDisjoint(with: small[.head]!))
  }

  func testDataAreToldByWhatTheyHold() throws {
    let shared = try SharedFolder.url("data/sequoia")
    func graph(_ folder: TemporaryFolder) throws -> [String] {
      let files = try StudyFiles()
      let splits = ["train", "dev", "test"].map { folder.file("fr_sequoia-ud-\($0).conllu").path }
      let task = "task: pos, format: conllu, train: \(splits[0]), validation: \(splits[1]), test: \(splits[2])"
      return try StudyGraph(
        files.grid("models: {m: /nowhere}\nalphas: [0]\ntasks: {S: {\(task)}}"), counts: false
      ).cells.map(\.id)
    }
    func copy() throws -> TemporaryFolder {
      let folder = try TemporaryFolder()
      for name in try FileManager.default.contentsOfDirectory(atPath: shared.path) where name.hasSuffix(".conllu") {
        try FileManager.default.copyItem(at: shared.appendingPathComponent(name), to: folder.file(name))
      }
      return folder
    }
    let (one, other) = (try copy(), try copy())
    XCTAssertEqual(try graph(one), try graph(other), "the same data in two places")
    let file = other.file("fr_sequoia-ud-test.conllu")
    let text = try String(contentsOf: file, encoding: .utf8).replacingOccurrences(of: "NOUN", with: "VERB")
    try Data(text.utf8).write(to: file)
    XCTAssertNotEqual(try graph(one), try graph(other), "a test split of other tags")
  }
}
