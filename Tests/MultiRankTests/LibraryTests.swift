import Foundation
import TestSupport
import XCTest

/// The library of palier.h: what its examples in C and Python print is what `palier tag` says, and its calls keep their promises.
final class LibraryTests: XCTestCase {
  /// One short run's classifier, and its packed form, for all tests.
  nonisolated(unsafe) private static let trained: Result<(run: DemoRun, packed: String), any Error> = Result {
    let run = try DemoRun()
    try run.train(["budget.total_steps=60", "budget.alpha=0.2"])
    let packed = try SharedFolders.make().appendingPathComponent("packed").path
    try Program.succeed(["pack", run.checkpoint("best").path, "--out", packed])
    return (run, packed)
  }

  /// libpalier.so as it is built with the tests, and a folder of its own.
  private func library() throws -> TemporaryFolder {
    let built = SharedFolder.packageRoot.appendingPathComponent(".build/release/libPalierLibrary.so")
    try XCTSkipUnless(FileManager.default.fileExists(atPath: built.path), "libPalierLibrary.so is not built")
    let folder = try TemporaryFolder()
    try FileManager.default.createSymbolicLink(at: folder.file("libpalier.so"), withDestinationURL: built)
    return folder
  }

  private func run(_ words: [String], input: URL? = nil) throws -> MPIRun.Outcome {
    let command = input.map { ["/bin/bash", "-c", "exec \"${@:2}\" < \"$1\"", "_", $0.path] + words } ?? words
    return try MPIRun(command: command, timeout: 120).wait()
  }

  /// Compiles a program of the project against the library.
  private func compile(_ source: String, in folder: TemporaryFolder, _ options: [String] = []) throws -> String {
    guard let compiler = MPIRun.pathOf("gcc") ?? MPIRun.pathOf("cc") else {
      throw XCTSkip("no C compiler is installed")
    }
    let program = folder.file(URL(fileURLWithPath: source).deletingPathExtension().lastPathComponent).path
    let root = SharedFolder.packageRoot
    let outcome = try run(
      [
        compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", root.appendingPathComponent(source).path, "-I",
        root.appendingPathComponent("Sources/CPalier/include").path, "-L", folder.url.path, "-lpalier",
        "-Wl,-rpath,\(folder.url.path)", "-o", program,
      ] + options)
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    return program
  }

  private func text(_ folder: TemporaryFolder) throws -> URL {
    let corpus = try String(contentsOfFile: try DemoData.data() + "/corpus.txt", encoding: .utf8)
    let file = folder.file("text.txt")
    // Marks beyond the first plane, and lines that end as on other systems.
    try Data(("\u{FEFF}é𝛼\r\n\r\n" + corpus.prefix(6000)).utf8).write(to: file)
    return file
  }

  /// The lines of the examples from what `palier tag` says of a text.
  private func expected(_ checkpoint: String, _ text: URL) throws -> [String] {
    try Program.succeed(["tag", checkpoint, "--text", text.path]).split(separator: "\n").flatMap { line in
      let sentence = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return try XCTUnwrap(sentence?["entities"] as? [[String: Any]]).map { entity in
        let shown = try XCTUnwrap(entity["text"] as? String).replacing("\r\n", with: "\r ").replacing("\n", with: " ")
        let score = String(format: "%.6f", try XCTUnwrap(entity["score"] as? Double))
        return [
          "\(try XCTUnwrap(entity["start"] as? Int))", "\(try XCTUnwrap(entity["end"] as? Int))",
          try XCTUnwrap(entity["label"] as? String), score, shown,
        ].joined(separator: "\t")
      }
    }
  }

  private func lines(_ output: String) -> [String] {
    // A carriage return with its line feed is one character to Swift.
    output.unicodeScalars.split(separator: "\n").map { String(String.UnicodeScalarView($0)) }
  }

  func testTheExamplesPrintWhatTagSays() throws {
    let folder = try library()
    let text = try text(folder)
    let (demo, packed) = try Self.trained.get()
    for checkpoint in [demo.checkpoint("best").path, packed] {
      let expected = try expected(checkpoint, text)
      XCTAssertGreaterThan(expected.count, 5, "the demo model finds nothing: no test")
      let program = try compile("Examples/tag.c", in: folder)
      let outcome = try run([program, checkpoint], input: text)
      XCTAssertEqual(outcome.status, 0, outcome.errors)
      XCTAssertEqual(lines(outcome.output), expected)
      guard let python = MPIRun.pathOf("python3") else { throw XCTSkip("python3 is not installed") }
      let script = SharedFolder.packageRoot.appendingPathComponent("Examples/tag.py").path
      let same = try run([python, script, folder.file("libpalier.so").path, checkpoint], input: text)
      XCTAssertEqual(same.status, 0, same.errors)
      XCTAssertEqual(lines(same.output), expected)
    }
  }

  func testTheExamplesSayWhatIsWrongInOneLine() throws {
    let folder = try library()
    let empty = folder.file("empty")
    try Data().write(to: empty)
    let outcome = try run([try compile("Examples/tag.c", in: folder), "/no/such/folder"], input: empty)
    XCTAssertEqual(outcome.status, 1)
    XCTAssertEqual(outcome.errorLines.count, 1, outcome.errors)
    XCTAssertTrue(outcome.errors.hasPrefix("tag: /no/such/folder"), outcome.errors)
    guard let python = MPIRun.pathOf("python3") else { throw XCTSkip("python3 is not installed") }
    let script = SharedFolder.packageRoot.appendingPathComponent("Examples/tag.py").path
    let same = try run([python, script, folder.file("libpalier.so").path, "/no/such/folder"], input: empty)
    XCTAssertEqual(same.status, 1)
    XCTAssertEqual(same.errorLines.count, 1, same.errors)
    XCTAssertTrue(same.errors.contains("code 3: /no/such/folder"), same.errors)
  }

  func testCallsAreRefusedWithCodesAndManyThreadsGetTheSameBits() throws {
    let folder = try library()
    let text = try text(folder)
    let program = try compile("Tests/Library/calls.c", in: folder, ["-fopenmp", "-pthread"])
    let outcome = try run([program, try Self.trained.get().packed, text.path, try DemoData.model()])
    XCTAssertEqual(outcome.status, 0, outcome.output + outcome.errors)
    XCTAssertEqual(outcome.output + outcome.errors, "", "a library prints nothing")
  }

  /// The six calls are all that a program sees of it, and MPI is no part of it.
  func testTheLibraryShowsItsCallsAlone() throws {
    let folder = try library()
    guard let readelf = MPIRun.pathOf("readelf") else { throw XCTSkip("readelf is not installed") }
    let file = folder.file("libpalier.so").path
    let symbols = try run([readelf, "--dyn-syms", "--wide", file]).output.split(separator: "\n")
      .map { $0.split(separator: " ").map(String.init) }
      .filter { $0.count == 8 && $0[4] == "GLOBAL" && $0[6] != "UND" && $0[6] != "ABS" }.map { $0[7] }
    XCTAssertEqual(
      Set(symbols),
      ["palier_open", "palier_tag_text", "palier_tag_words", "palier_labels", "palier_close", "palier_free"])
    let needed = try run([readelf, "--dynamic", file]).output
    XCTAssertFalse(needed.contains("libmpi"), needed)
    XCTAssertTrue(needed.contains("[libpalier.so]"), needed)
  }
}
