import Foundation
import TestSupport
import XCTest

/// Duplicates on real ranks, and in a run that tokenizes its own text.
final class DuplicateCommandTests: XCTestCase {
  private func contents(_ store: URL) throws -> [Data] {
    try ["tokens.bin", "manifest.json"].map { try Data(contentsOf: store.appendingPathComponent($0)) }
  }

  func testRanksLeaveOutTheSameDocumentsAndARunDoesLikewise() throws {
    let folder = try TemporaryFolder()
    let (model, text) = (try DemoData.model(), try DemoData.data() + "/corpus.txt")
    func tokenize(_ name: String, _ files: [String], ranks: Int?, more: [String] = ["--drop-duplicates"]) throws
      -> (store: URL, output: String)
    {
      let store = folder.url.appendingPathComponent(name)
      return (
        store,
        try Program.succeed(["tokenize", "--tokenizer", model, "--out", store.path] + more + files, ranks: ranks)
      )
    }
    let once = try tokenize("once", [text], ranks: nil)
    let twice = try tokenize("twice", [text, text], ranks: nil)
    XCTAssertEqual(try contents(once.store)[0], try contents(twice.store)[0])
    XCTAssertTrue(twice.output.contains("the same as an earlier one, left out"), twice.output)
    for ranks in 2...3 {
      let other = try tokenize("twice-\(ranks)", [text, text], ranks: ranks)
      XCTAssertEqual(try contents(other.store), try contents(twice.store), "\(ranks) ranks")
    }
    let kept = try tokenize("kept", [text, text], ranks: 2, more: [])
    XCTAssertTrue(kept.output.contains("kept (--drop-duplicates leaves them out)"), kept.output)
    XCTAssertGreaterThan(try contents(kept.store)[0].count, try contents(once.store)[0].count)
    let shown = try Program.succeed(["inspect", twice.store.path, "--verify"])
    XCTAssertTrue(shown.contains("duplicates: "), shown)

    let output = folder.url.appendingPathComponent("out")
    let config = try DemoData.configuration(output: output)
    let drops = ["--set", "pretraining.drop_duplicates=true"]
    try Program.succeed(["train", config, "--set", "pretraining.text=[\(text), \(text)]"] + drops, ranks: 2)
    XCTAssertEqual(
      try Data(contentsOf: output.appendingPathComponent("store/tokens.bin")), try contents(once.store)[0])
    // Part of what the run is.
    try Program.fail(
      ["train", config, "--resume", "--set", "pretraining.text=[\(text), \(text)]"],
      naming: "pretraining.drop_duplicates was true, is now false")
    let stored = try String(contentsOfFile: config, encoding: .utf8).replacingOccurrences(
      of: "text: \(text)", with: "store: \(once.store.path)")
    let other = folder.url.appendingPathComponent("stored.yaml")
    try Data(stored.utf8).write(to: other)
    try Program.fail(["train", other.path] + drops, naming: "palier tokenize --drop-duplicates")
  }
}
