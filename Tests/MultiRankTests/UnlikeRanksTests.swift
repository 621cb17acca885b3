import Foundation
import TestSupport
import XCTest

/// Ranks that are started unlike end before they train, all of them, and the first difference is named with its rank and host.
final class UnlikeRanksTests: XCTestCase {
  /// What rank 1 has in addition to rank 0, and the words that the one line must have.
  private typealias Case = (rank1: [String], words: [String])

  private func assertRefused(
    _ arguments: [String], _ cases: [Case], output: URL, file: StaticString = #filePath, line: UInt = #line
  ) throws {
    // All at once, each in a folder of its own: they wait for mpirun most of their time.
    let folders = cases.indices.map { output.appendingPathComponent("\($0)") }
    let runs = try zip(cases, folders).map { expected, folder in
      let common = arguments + ["--set", "output=\(folder.path)"]
      return try MPIRun(unlike: [common, common + expected.rank1], of: "palier", timeout: 120)
    }
    for (run, expected) in zip(runs, cases) {
      let outcome = run.wait(file: file, line: line)
      let what = "\(expected.rank1): \(outcome.output)\(outcome.errors)"
      XCTAssertEqual(outcome.status, 1, what, file: file, line: line)
      XCTAssertEqual(outcome.errorLines.count, 1, what, file: file, line: line)
      XCTAssertTrue(outcome.errors.hasPrefix("palier: rank 1 on "), what, file: file, line: line)
      for word in expected.words + [" on rank 0 ("] {
        XCTAssertTrue(outcome.errors.contains(word), "\(word): \(what)", file: file, line: line)
      }
    }
    for folder in folders {
      let log = folder.appendingPathComponent("metrics.jsonl").path
      XCTAssertFalse(FileManager.default.fileExists(atPath: log), "a log was written", file: file, line: line)
    }
  }

  func testUnlikeSettingsAreNamedByTheirKey() throws {
    let folder = try TemporaryFolder()
    let output = folder.url.appendingPathComponent("out")
    let config = try DemoData.configuration(output: output)
    var cases: [Case] = [
      ("seed", "4", "3"), ("budget.total_steps", "13", "12"), ("batch.size", "9", "8"),
      ("pretraining.masking_probability", "0.2", "0.15"), ("dropout.hidden", "0.2", "0.1"),
      ("pretraining.slice_tokens", "128", "256"), ("compute.backward", "fp32", "auto"),
      ("compute.shard_optimizer", "true", "false"),
    ].map { key, value, before in (["--set", "\(key)=\(value)"], ["\(key) is \(value) here and \(before) on"]) }
    cases.append((["--resume"], ["--resume is given here and not given"]))
    try assertRefused(["train", config], cases, output: output)
  }

  func testAnotherFileIsNamedByItsKey() throws {
    let folder = try TemporaryFolder()
    let output = folder.url.appendingPathComponent("out")
    let config = try DemoData.configuration(output: output)
    let text = folder.url.appendingPathComponent("other.txt")
    try Data("Autre texte.\n\nEt un autre.\n".utf8).write(to: text)
    try assertRefused(
      ["train", config], [(["--set", "pretraining.text=\(text.path)"], ["pretraining.text is \(text.path) here"])],
      output: output)
  }

  func testOtherContentsOfTheSameShapeAreNamedByTheirKey() throws {
    let folder = try TemporaryFolder()
    let output = folder.url.appendingPathComponent("out")
    let config = try DemoData.configuration(output: output)
    // One tag of the test split, one weight of the checkpoint, one word of the text of a store.
    let files = FileManager.default
    let entities = folder.url.appendingPathComponent("entities")
    try files.copyItem(atPath: try DemoData.data() + "/entities", toPath: entities.path)
    let test = entities.appendingPathComponent("test.conll")
    let lines = try String(contentsOf: test, encoding: .utf8)
    let changed = try XCTUnwrap(lines.range(of: "\tO\n"))
    try lines.replacingCharacters(in: changed, with: "\tB-DISO\n").write(to: test, atomically: true, encoding: .utf8)

    let model = folder.url.appendingPathComponent("model")
    try files.copyItem(atPath: try DemoData.model(), toPath: model.path)
    let weights = model.appendingPathComponent("model.safetensors")
    var bytes = try Data(contentsOf: weights)
    bytes[bytes.count - 2] ^= 1
    try bytes.write(to: weights)

    var stores: [String] = []
    for name in ["one", "two"] {
      let text = folder.url.appendingPathComponent(name + ".txt")
      var words = try Data(contentsOf: URL(fileURLWithPath: try DemoData.data() + "/corpus.txt"))
      words += Data("Le patient est \(name == "one" ? "venu" : "parti").\n".utf8)
      try words.write(to: text)
      stores.append(folder.url.appendingPathComponent("store-" + name).path)
      try Program.succeed(["tokenize", "--tokenizer", model.path, "--out", stores[stores.count - 1], text.path])
    }
    let plain = try String(contentsOfFile: config, encoding: .utf8).replacingOccurrences(
      of: "text: \(try DemoData.data())/corpus.txt", with: "store: \(stores[0])")
    try plain.write(toFile: config, atomically: true, encoding: .utf8)
    try assertRefused(
      ["train", config],
      [
        (["--set", "fine_tuning.path=\(entities.path)"], ["what fine_tuning.path holds (test, SHA-256) is "]),
        (["--set", "model.checkpoint=\(model.path)"], ["what model.checkpoint holds (checkpoint, SHA-256) is "]),
        (["--set", "pretraining.store=\(stores[1])"], ["what pretraining.store holds (tokens, SHA-256) is "]),
      ], output: output)
  }

  /// Threads are each machine's own matter.
  func testRanksMayHaveUnlikeThreads() throws {
    let folder = try TemporaryFolder()
    let config = try DemoData.configuration(output: folder.url.appendingPathComponent("out"))
    let arguments = ["train", config, "--set", "compute.allow_oversubscription=true"]
    let outcome = try MPIRun(unlike: [arguments, arguments + ["--set", "compute.threads=2"]], of: "palier").wait()
    XCTAssertEqual(outcome.status, 0, outcome.errors)
  }
}
