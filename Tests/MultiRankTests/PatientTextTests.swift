import Foundation
import TestSupport
import XCTest

/// What Palier writes is its owner's alone unless it is told otherwise, and by choice no message quotes a corpus.
final class PatientTextTests: XCTestCase {
  /// Runs `work` with another umask, which programs started by it inherit.
  private func with<Result>(umask mask: mode_t, _ work: () throws -> Result) rethrows -> Result {
    let former = umask(mask)
    defer { umask(former) }
    return try work()
  }

  /// Every file and folder in `folder`, itself too, by its mode's last nine bits.
  private func modes(_ folder: URL) throws -> (files: Set<Int>, folders: Set<Int>, count: Int) {
    let found = try XCTUnwrap(FileManager.default.enumerator(atPath: folder.path))
    let paths = [folder.path] + found.compactMap { $0 as? String }.map { folder.path + "/" + $0 }
    var (files, folders) = (Set<Int>(), Set<Int>())
    for path in paths {
      var status = stat()
      XCTAssertEqual(lstat(path, &status), 0, path)
      let mode = Int(status.st_mode & 0o777)
      if status.st_mode & S_IFMT == S_IFDIR { folders.insert(mode) } else { files.insert(mode) }
    }
    return (files, folders, paths.count)
  }

  private func check(_ folder: URL, files: Int, folders: Int, atLeast count: Int, line: UInt = #line) throws {
    let found = try modes(folder)
    XCTAssertEqual(found.files, [files], folder.lastPathComponent, line: line)
    XCTAssertEqual(found.folders, [folders], folder.lastPathComponent, line: line)
    XCTAssertGreaterThanOrEqual(found.count, count, line: line)
  }

  func testARunsFilesAreItsOwnersAloneUnlessShared() throws {
    for (mask, shared, files, folders) in [
      (mode_t(0o022), false, 0o600, 0o700), (0o077, false, 0o600, 0o700), (0o022, true, 0o644, 0o755),
      (0o077, true, 0o600, 0o700),
    ] {
      let folder = try TemporaryFolder()
      let output = folder.url.appendingPathComponent("runs/out")
      try FileManager.default.createDirectory(
        at: output.deletingLastPathComponent(), withIntermediateDirectories: true)
      let config = try DemoData.configuration(output: output)
      try with(umask: mask) {
        _ = try Program.succeed(
          ["train", config, "--set", "budget.total_steps=4", "--set", "shared_files=\(shared)"], ranks: 2)
      }
      // run.yaml, versions, hosts, metrics, TensorBoard, store, four checkpoints of six files and more.
      try check(output, files: files, folders: folders, atLeast: 30)
    }
  }

  func testStoresExportsAndLogitsAreTheirOwnersAloneUnlessShared() throws {
    let folder = try TemporaryFolder()
    let output = folder.url.appendingPathComponent("out")
    try Program.succeed(
      ["train", try DemoData.configuration(output: output), "--set", "budget.total_steps=4"])
    let best = output.appendingPathComponent("checkpoints/best").path
    for (option, files, folders) in [([String](), 0o600, 0o700), (["--shared-files"], 0o644, 0o755)] {
      func made(_ name: String) -> URL { folder.url.appendingPathComponent(name + option.joined()) }
      try with(umask: 0o022) {
        try Program.succeed(
          [
            "tokenize", "--tokenizer", try DemoData.model(), "--out", made("store").path,
            try DemoData.data() + "/corpus.txt",
          ]
            + option, ranks: 2)
        try Program.succeed(["export", "--dequantized", best, "--out", made("export").path] + option)
        try Program.succeed(
          [
            "evaluate", best, "--format", "conll2", "--path", try DemoData.data() + "/entities", "--predictions",
            made("predictions").path,
          ] + option)
      }
      try check(made("store"), files: files, folders: folders, atLeast: 3)
      try check(made("export"), files: files, folders: folders, atLeast: 5)
      var status = stat()
      XCTAssertEqual(stat(made("predictions").path, &status), 0)
      XCTAssertEqual(Int(status.st_mode & 0o777), files)
    }
    // The sample is nobody's text.
    _ = try with(umask: 0o022) {
      try Program.succeed(["sample", "--out", folder.url.appendingPathComponent("sample").path, "--documents", "10"])
    }
    try check(folder.url.appendingPathComponent("sample"), files: 0o644, folders: 0o755, atLeast: 5)
  }

  // MARK: - Quotes

  private static let secret = "Durandeau"

  /// A part of a corpus in which a reader stumbles over the secret, and what is left of it is enough to read on.
  private func corpora(_ folder: URL) throws -> [(format: String, path: String, isRefused: Bool)] {
    let secret = Self.secret
    func file(_ name: String, _ text: String) throws -> String {
      let url = folder.appendingPathComponent(name)
      try Data(text.utf8).write(to: url)
      return url.path
    }
    let sentences = (1...20).map { "1\tmot\($0)\t_\tNOUN" + String(repeating: "\t_", count: 6) }
    let conllu =
      (sentences + [
        "\(secret)\tx\t_\tNOUN" + String(repeating: "\t_", count: 6),
        "1\t\(secret)\t_\t_" + String(repeating: "\t_", count: 6),
      ]).joined(separator: "\n\n") + "\n"
    let cas = (1...20).map { "\($0)\t0\tmot\tmot\tNOM" } + ["21\t0\t\(secret)\tx\t"]
    let brat = folder.appendingPathComponent("brat")
    try FileManager.default.createDirectory(at: brat, withIntermediateDirectories: true)
    for index in 0..<12 {
      _ = try file("brat/\(index).txt", "Monsieur \(secret) tousse.\n")
      _ = try file("brat/\(index).ann", index == 3 ? "T1\tDISO 9 18\tautre\n\(secret)\n" : "T1\tDISO 19 25\ttousse\n")
    }
    return [
      ("conllu", try file("a.conllu", conllu), false),
      ("cas", try file("b.txt", cas.joined(separator: "\n") + "\n"), false),
      ("brat", brat.path, false),
      ("conll2", try file("c.conll", (1...20).map { "mot\($0) O\n\n" }.joined() + "\(secret) X-\(secret)\n"), true),
    ]
  }

  func testNoWordOfABadLineIsQuotedWhereTextIsNotToBe() throws {
    let folder = try TemporaryFolder()
    for (format, path, isRefused) in try corpora(folder.url) {
      let arguments = ["inspect", path, "--format", format] + (isRefused ? ["--task", "entities"] : [])
      let open = try Program.run(arguments)
      XCTAssertTrue((open.output + open.errors).contains(Self.secret), "\(format): \(open.output)\(open.errors)")
      let closed = try Program.run(arguments + ["--no-quote-text"])
      XCTAssertEqual(closed.status, open.status, format)
      let said = closed.output + closed.errors
      XCTAssertFalse(said.contains(Self.secret), "\(format): \(said)")
      XCTAssertTrue(said.contains("(not quoted)"), "\(format): \(said)")
      XCTAssertNotNil(said.firstMatch(of: #/\.(conllu|txt|ann|conll):[0-9]+/#), "\(format): \(said)")
    }
  }

  func testARunsOutputAndLogsQuoteNothingByChoice() throws {
    let folder = try TemporaryFolder()
    let path = try corpora(folder.url)[2].path
    for quotes in [true, false] {
      let output = folder.url.appendingPathComponent("out-\(quotes)")
      let config = try DemoData.configuration(output: output)
      let shown = try Program.succeed(
        [
          "train", config, "--set", "fine_tuning.format=brat", "--set", "fine_tuning.path=\(path)", "--set",
          "budget.total_steps=4", "--set", "logging.quote_text=\(quotes)",
        ], ranks: 2)
      let log = try String(contentsOf: output.appendingPathComponent("metrics.jsonl"), encoding: .utf8)
      for text in [shown, log] {
        XCTAssertEqual(text.contains(Self.secret), quotes, text)
        XCTAssertEqual(text.contains("(not quoted)"), !quotes, text)
      }
    }
  }
}
