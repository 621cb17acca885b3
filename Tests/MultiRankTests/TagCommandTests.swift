import Foundation
import TestSupport
import XCTest

/// `palier tag`: the labels of `palier evaluate`, offsets of the very text, and one line for what is wrong.
final class TagCommandTests: XCTestCase {
  /// One short run's classifier, for all tests.
  nonisolated(unsafe) private static let trained: Result<DemoRun, any Error> = Result {
    let run = try DemoRun()
    try run.train(["budget.total_steps=60", "budget.alpha=0.2"])
    return run
  }

  private func checkpoint() throws -> String { try Self.trained.get().checkpoint("best").path }

  private func tag(_ arguments: [String], _ input: String, line: UInt = #line) throws -> String {
    let outcome = try Program.run(["tag", try checkpoint()] + arguments, input: Data(input.utf8))
    XCTAssertEqual(outcome.status, 0, outcome.errors, line: line)
    XCTAssertEqual(outcome.errors, "", line: line)
    return String(decoding: outcome.output, as: UTF8.self)
  }

  private func objects(_ lines: String) throws -> [[String: Any]] {
    try lines.split(separator: "\n").map {
      try XCTUnwrap(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }

  /// The test split's sentences as JSON lines, with the labels that `palier evaluate` predicts.
  private func evaluated(_ folder: TemporaryFolder) throws -> (input: String, labels: [[String]]) {
    let file = folder.file("predictions.jsonl")
    try Program.succeed([
      "evaluate", try checkpoint(), "--config", try Self.trained.get().configuration, "--predictions", file.path,
      "--threads", "1", "--allow-oversubscription",
    ])
    let lines = try String(contentsOf: file, encoding: .utf8)
    return (lines, try objects(lines).map { try XCTUnwrap($0["predicted"] as? [String]) })
  }

  func testLabelsAreThoseOfEvaluate() throws {
    let folder = try TemporaryFolder()
    let (input, expected) = try evaluated(folder)
    XCTAssertGreaterThan(expected.joined().filter { $0 != "O" }.count, 20, "the demo model finds nothing: no test")
    // Windows of the configuration's length; some sentences are longer than a window of 16.
    for limit in ["64"] {
      let found = try objects(try tag(["--words", "-", "--maximum-tokens", limit], input))
      XCTAssertEqual(found.compactMap { $0["labels"] as? [String] }, expected)
      XCTAssertEqual(
        found.compactMap { $0["tokens"] as? [String] }, try objects(input).compactMap { $0["tokens"] as? [String] })
    }
    let short = try objects(try tag(["--words", "-", "--maximum-tokens", "12"], input))
    XCTAssertEqual(
      short.compactMap { ($0["labels"] as? [String])?.count }, expected.map(\.count), "windows lose no word")
  }

  /// The run's `fine_tuning.maximum_tokens`, 64, is noted in the checkpoint: neither `tag` nor `evaluate` has to be told.
  func testTheWindowIsThatOfTraining() throws {
    let long = (0..<40).map { _ in ["Le", "patient", "présente", "une", "pneumopathie", "aiguë"] }.flatMap { $0 }
    let input = String(decoding: try JSONEncoder().encode(long), as: UTF8.self) + "\n"
    let noted = try tag(["--words", "-"], input)
    XCTAssertEqual(noted, try tag(["--words", "-", "--maximum-tokens", "64"], input))
    XCTAssertNotEqual(noted, try tag(["--words", "-", "--maximum-tokens", "30"], input))
    let config = try String(contentsOfFile: try checkpoint() + "/config.json", encoding: .utf8)
    XCTAssertTrue(config.contains("\"maximum_tokens\": 64"), config)
    XCTAssertFalse(config.contains("\"tokenization\""), "the corpus brought its words")
  }

  /// Where the library may not use VNNI and bf16: labels as before, and a warning where training had bf16.
  func testAnOlderCPUGivesTheLabelsAndSaysWhatDiffers() throws {
    let folder = try TemporaryFolder()
    let (input, _) = try evaluated(folder)
    let file = folder.file("words.jsonl")
    try Data(input.utf8).write(to: file)
    func labels(_ lines: String) throws -> [String] {
      try objects(lines).flatMap { try XCTUnwrap($0["labels"] as? [String]) }
    }
    let here = try labels(try tag(["--words", "-"], input))
    let outcome = try MPIRun(
      ["tag", try checkpoint(), "--words", file.path], of: "palier", ranks: nil,
      environment: ["ONEDNN_MAX_CPU_ISA": "AVX2"]
    ).wait()
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    let there = try labels(outcome.output)
    XCTAssertEqual(there.count, here.count)
    XCTAssertGreaterThan(Double(zip(here, there).filter { $0 == $1 }.count), 0.99 * Double(here.count))
    let config = try String(contentsOfFile: try checkpoint() + "/config.json", encoding: .utf8)
    XCTAssertEqual(outcome.errors.contains("bf16"), config.contains("\"attention\": \"bf16\""), outcome.errors)
    XCTAssertLessThanOrEqual(outcome.errorLines.count, 1, outcome.errors)
  }

  func testNothingDependsOnBatchesOrThreads() throws {
    let folder = try TemporaryFolder()
    let (input, _) = try evaluated(folder)
    let whole = try tag(["--words", "-", "--threads", "1"], input)
    for options in [
      ["--threads", "1", "--batch-tokens", "1"], ["--threads", "3", "--allow-oversubscription"],
      ["--threads", "2", "--allow-oversubscription", "--batch-tokens", "100"],
    ] {
      XCTAssertTrue(try tag(["--words", "-"] + options, input) == whole, "\(options)")
    }
    // Alone, or among others in another order.
    let lines = input.split(separator: "\n").map(String.init)
    let backwards = try tag(["--words", "-"], lines.reversed().joined(separator: "\n"))
    XCTAssertTrue(
      backwards.split(separator: "\n").reversed().joined(separator: "\n") + "\n" == whole, "another order")
    XCTAssertTrue(try tag(["--words", "-"], lines[3]) == whole.split(separator: "\n")[3] + "\n", "alone")
  }

  func testEntitiesOfATextStandWhereTheySayTheyDo() throws {
    let text = try String(contentsOfFile: try DemoData.data() + "/corpus.txt", encoding: .utf8)
    let part = "\u{FEFF}é𝛼\n\n" + text.prefix(6000)
    let scalars = Array(part.unicodeScalars)
    func slice(_ fields: [String: Any]) throws -> String {
      let (start, end) = (try XCTUnwrap(fields["start"] as? Int), try XCTUnwrap(fields["end"] as? Int))
      var view = String.UnicodeScalarView()
      view.append(contentsOf: scalars[start..<end])
      return String(view)
    }
    var entityCount = 0
    for sentence in try objects(try tag([], part)) {
      XCTAssertEqual(try slice(sentence), sentence["text"] as? String)
      for entity in try XCTUnwrap(sentence["entities"] as? [[String: Any]]) {
        entityCount += 1
        XCTAssertEqual(try slice(entity), entity["text"] as? String)
        XCTAssertTrue((0...1).contains(try XCTUnwrap(entity["score"] as? Double)))
      }
    }
    XCTAssertGreaterThan(entityCount, 5)
  }

  func testConllIsWhatTheCorpusReaderReadsAndEveryLabelIsRight() throws {
    let folder = try TemporaryFolder()
    let (input, expected) = try evaluated(folder)
    let file = folder.file("tagged.conll")
    try Data(try tag(["--words", "-", "--format", "conll", "--maximum-tokens", "64"], input).utf8).write(to: file)
    let lines = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n")
    XCTAssertEqual(
      lines.filter { !$0.isEmpty }.map { String($0.split(separator: "\t")[1]) }, Array(expected.joined()))
    // Scored against itself: every entity right.
    let scores = try Program.succeed([
      "evaluate", try checkpoint(), "--format", "conll2", "--file", file.path, "--maximum-tokens", "64", "--threads",
      "1", "--allow-oversubscription",
    ])
    XCTAssertTrue(scores.contains("1.0000") || scores.contains("100"), scores)
  }

  func testBratStandsBesideItsText() throws {
    let folder = try TemporaryFolder()
    let text = folder.file("report.txt")
    let corpus = try String(contentsOfFile: try DemoData.data() + "/corpus.txt", encoding: .utf8)
    try Data(corpus.prefix(4000).utf8).write(to: text)
    let out = folder.file("out")
    try Program.succeed(["tag", try checkpoint(), "--text", text.path, "--format", "brat", "--out", out.path])
    XCTAssertEqual(
      try FileManager.default.contentsOfDirectory(atPath: out.path).sorted(), ["report.ann", "report.txt"])
    XCTAssertEqual(try Data(contentsOf: out.appendingPathComponent("report.txt")), try Data(contentsOf: text))
    let lines = try String(contentsOf: out.appendingPathComponent("report.ann"), encoding: .utf8).split(separator: "\n")
    XCTAssertGreaterThan(lines.count, 5)
    let scalars = Array(corpus.unicodeScalars)
    for (number, line) in lines.enumerated() {
      let fields = line.split(separator: "\t")
      XCTAssertEqual(fields[0], "T\(number + 1)")
      let place = fields[1].split(separator: " ")
      var view = String.UnicodeScalarView()
      view.append(contentsOf: scalars[Int(place[1])!..<Int(place[2])!])
      XCTAssertEqual(String(view).replacingOccurrences(of: "\n", with: " "), String(fields[2]))
    }
    // Nothing is replaced unless it may be.
    let again = ["tag", try checkpoint(), "--text", text.path, "--format", "brat", "--out", out.path]
    try Program.fail(again, naming: "--overwrite")
    try Program.succeed(again + ["--overwrite"])
    try Program.fail(
      [
        "tag", try checkpoint(), "--text", out.path + "/report.txt", "--format", "brat", "--out", out.path,
        "--overwrite",
      ],
      naming: "write over")
    try Program.fail(
      ["tag", try checkpoint(), "--text", text.path, "--text", text.path, "--out", folder.file("both").path],
      naming: "both be written")
  }

  func testStrictAndChosenTypesShowLess() throws {
    let folder = try TemporaryFolder()
    let (input, _) = try evaluated(folder)
    func entities(_ options: [String]) throws -> [String] {
      try objects(try tag(["--words", "-"] + options, input)).flatMap {
        ($0["entities"] as? [[String: Any]] ?? []).compactMap { $0["label"] as? String }
      }
    }
    let all = try entities([])
    XCTAssertLessThanOrEqual(try entities(["--strict"]).count, all.count)
    let one = try XCTUnwrap(all.first)
    XCTAssertEqual(try entities(["--labels", one]), all.filter { $0 == one })
    let outcome = try Program.run(["tag", try checkpoint(), "--labels", one + ",NOSUCH"], input: Data())
    XCTAssertEqual(outcome.status, 1)
    XCTAssertTrue(outcome.errors.contains("NOSUCH") && outcome.errors.contains(one), outcome.errors)
  }

  /// As `palier tag … --text <(command)` gives it.
  func testAPipeIsReadAsAFile() throws {
    let folder = try TemporaryFolder()
    let pipe = folder.file("pipe").path
    XCTAssertEqual(mkfifo(pipe, 0o600), 0)
    let writer = Process()
    writer.executableURL = URL(fileURLWithPath: "/bin/sh")
    writer.arguments = ["-c", "printf 'Il tousse.\\nLe foie est sain.\\n' > '\(pipe)'"]
    try writer.run()
    let piped = try tag(["--text", pipe, "--lines"], "")
    writer.waitUntilExit()
    XCTAssertEqual(piped, try tag(["--lines"], "Il tousse.\nLe foie est sain.\n"))
    XCTAssertEqual(try objects(piped).count, 2)
  }

  func testBadInputIsOneLineAfterWhatWasGood() throws {
    let good = "[\"Le\", \"patient\"]\n"
    for (arguments, input, word) in [
      (["--words", "-"], Data((good + "[\"Le\", 3]\n").utf8), "line 2: word 2 is 3"),
      (["--words", "-"], Data((good + "[\"Le\"\n").utf8), "line 2: not JSON"),
      (["--words", "-"], Data((good + "{\"mots\": []}\n").utf8), "line 2: neither a list"),
      (["--words", "-", "--format", "conll"], Data((good + "[\"a b\"]\n").utf8), "line 2: word 1"),
      ([], Data("Il tousse.\n\n".utf8) + Data([0xC3, 0x28, 0x0A]), "line 3: not UTF-8"),
    ] {
      let outcome = try Program.run(["tag", try checkpoint()] + arguments, input: input)
      XCTAssertEqual(outcome.status, 1, outcome.errors)
      XCTAssertEqual(outcome.errors.split(separator: "\n").count, 1, outcome.errors)
      XCTAssertTrue(outcome.errors.hasPrefix("palier: standard input, "), outcome.errors)
      XCTAssertTrue(outcome.errors.contains(word), outcome.errors)
      XCTAssertFalse(outcome.output.isEmpty, "what came before \(word) is good")
    }
    let empty = try Program.run(["tag", try checkpoint()], input: Data())
    XCTAssertEqual(empty.status, 0)
    XCTAssertTrue(empty.errors.contains("no sentence"), empty.errors)
    XCTAssertTrue(empty.output.isEmpty)
    try emptyFilesAreTagged()
    try Program.fail(["tag", try DemoData.model()], naming: "no classifier")
    try Program.fail(["tag", try checkpoint(), "--text", "/no/such/file"], naming: "no such file")
    for usage in [
      ["--text", "a", "--words", "b"], ["--words", "a", "--format", "brat"], ["--words", "a", "--lines"],
      ["--out", "x"], ["--threads", "-1"], ["--maximum-tokens", "2"], ["--format", "conll", "--labels", "A"],
    ] {
      XCTAssertEqual(try Program.run(["tag", try checkpoint()] + usage).status, 64, "\(usage)")
    }
  }

  /// No byte, and no word: files without a label, a warning each, and no error, so that a series of files goes on.
  private func emptyFilesAreTagged() throws {
    for (number, text) in ["", "\n \n\r\n", "\u{FEFF}"].enumerated() {
      let folder = try TemporaryFolder()
      let file = folder.file("nothing.txt")
      try Data(text.utf8).write(to: file)
      for form in ["jsonl", "conll", "brat"] {
        let out = folder.file(form)
        let outcome = try Program.run([
          "tag", try checkpoint(), "--text", file.path, "--format", form, "--out", out.path,
        ])
        XCTAssertEqual(outcome.status, 0, outcome.errors)
        XCTAssertTrue(outcome.errors.contains("no sentence"), "\(number) \(form): \(outcome.errors)")
        let made = try FileManager.default.contentsOfDirectory(atPath: out.path).sorted()
        XCTAssertEqual(made, form == "brat" ? ["nothing.ann", "nothing.txt"] : ["nothing.\(form)"])
        XCTAssertEqual(try Data(contentsOf: out.appendingPathComponent(made[0])), Data(), form)
      }
      let words = try Program.run(["tag", try checkpoint(), "--words", "-"], input: Data("\n\n".utf8))
      XCTAssertEqual(words.status, 0)
      XCTAssertTrue(words.output.isEmpty)
    }
  }

  func testAReaderThatHasGoneAndAFullDiskAreOneLine() throws {
    let text = try DemoData.data() + "/corpus.txt"
    for target in ["| true", "> /dev/full"] {
      let outcome = try MPIRun(
        command: [
          "/bin/bash", "-c",
          "set -o pipefail; \"$0\" tag \"$1\" --text \"$2\" \(target)", try MPIRun.pathOfBuilt("palier"),
          try checkpoint(), text,
        ]
      ).wait()
      XCTAssertEqual(outcome.status, 1, "\(target): \(outcome.errors)")
      XCTAssertEqual(outcome.errorLines.count, 1, outcome.errors)
      XCTAssertTrue(outcome.errors.hasPrefix("palier: standard output: "), outcome.errors)
    }
    let disk = try SmallDisk(kilobytes: 64)
    let outcome = try Program.run(["tag", try checkpoint(), "--text", text, "--out", disk.url.path])
    XCTAssertEqual(outcome.status, 1, outcome.errors)
    XCTAssertTrue(outcome.errors.contains("full"), outcome.errors)
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: disk.url.path), [])
  }

  func testADamagedCheckpointIsUsedOnlyWhenTrusted() throws {
    let folder = try TemporaryFolder()
    let copy = folder.file("copy")
    try FileManager.default.copyItem(atPath: try checkpoint(), toPath: copy.path)
    let file = copy.appendingPathComponent("model.safetensors")
    var bytes = try Data(contentsOf: file)
    bytes[bytes.count / 2] ^= 1  // of a mantissa, as a rule
    try bytes.write(to: file)
    let text = folder.file("text")
    try Data("Le patient tousse.".utf8).write(to: text)
    try Program.fail(["tag", copy.path, "--text", text.path], naming: "--trust")
    XCTAssertFalse(try Program.succeed(["tag", copy.path, "--text", text.path, "--trust"]).isEmpty)
  }

  func testNoMPIIsStarted() throws {
    // A world would look for the launcher's server and fail.
    let outcome = try MPIRun(
      ["tag", try checkpoint(), "--text", try DemoData.data() + "/corpus.txt"], of: "palier", ranks: nil,
      environment: ["OMPI_MCA_btl": "nonsense", "OMPI_MCA_pml": "nonsense"]
    ).wait()
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    XCTAssertFalse(outcome.output.isEmpty)
  }
}
