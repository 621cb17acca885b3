import Configuration
import Foundation
import TestSupport
import XCTest

/// What messages tell a user to do can be done: every key, option, command and file that the sources name exists.
final class MessageTests: XCTestCase {
  /// A text of the sources, and where it stands.
  private struct Message {
    let text: String
    let place: String
  }

  // MARK: Reading the sources

  /// The string literals of `Sources` and what the launch scripts say.
  private static let messages: [Message] = swiftLiterals() + scriptLines()

  private static func swiftLiterals() -> [Message] {
    files(in: "Sources", endingWith: ".swift").flatMap { file -> [Message] in
      guard let source = try? String(contentsOf: file, encoding: .utf8) else { return [] }
      var isInText = false
      return source.components(separatedBy: "\n").enumerated().flatMap { number, line -> [Message] in
        let code = line.trimmingCharacters(in: .whitespaces)
        let delimiters = code.components(separatedBy: "\"\"\"").count - 1
        let isText = isInText && delimiters == 0
        if delimiters % 2 == 1 { isInText.toggle() }
        guard isText || !code.hasPrefix("//") else { return [] }
        return (isText ? [code] : matches("\"((?:[^\"\\\\]|\\\\.)*)\"", in: code))
          .map { Message(text: withoutCode($0), place: "\(file.lastPathComponent):\(number + 1)") }
      }
    }
  }

  /// A literal without what stands in `\(…)`, two brackets deep.
  private static func withoutCode(_ literal: String) -> String {
    literal.replacingOccurrences(
      of: "\\\\\\((?:[^()]|\\((?:[^()]|\\([^()]*\\))*\\))*\\)", with: "…", options: .regularExpression)
  }

  private static func scriptLines() -> [Message] {
    ["launch/mpirun", "launch/build", "launch/demo", "launch/test", "launch/install"].flatMap { path -> [Message] in
      let url = SharedFolder.packageRoot.appendingPathComponent(path)
      let lines = ((try? String(contentsOf: url, encoding: .utf8)) ?? "").components(separatedBy: "\n")
      return lines.filter { $0.contains("say \"") || $0.contains("die \"") }.map { Message(text: $0, place: path) }
    }
  }

  private static func files(in folder: String, endingWith suffix: String) -> [URL] {
    let root = SharedFolder.packageRoot.appendingPathComponent(folder)
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: root.path)) ?? []
    return names.filter { $0.hasSuffix(suffix) }.sorted().map(root.appendingPathComponent)
  }

  private static func matches(_ pattern: String, in text: String) -> [String] {
    guard let expression = try? NSRegularExpression(pattern: pattern) else { return [] }
    return expression.matches(in: text, range: NSRange(text.startIndex..., in: text)).compactMap {
      Range($0.range(at: $0.numberOfRanges > 1 ? 1 : 0), in: text).map { String(text[$0]) }
    }
  }

  /// Each place where `pattern` matches something that `exists` does not know.
  private func check(_ pattern: String, least: Int, except file: String = " ", _ exists: (String) -> Bool) {
    var count = 0
    for message in Self.messages where !message.place.hasPrefix(file) {
      for name in Self.matches(pattern, in: message.text) {
        count += 1
        XCTAssertTrue(exists(name), "\(message.place) names \(name), which does not exist: \(message.text)")
      }
    }
    XCTAssertGreaterThanOrEqual(count, least, "the sources are not read as they should be")
  }

  // MARK: Claims

  func testEveryConfigurationKeyThatAMessageNamesExists() throws {
    let keys = Set(RunConfiguration.settings.map(\.key))
    let sections = RunConfiguration.settings.filter(\.isSection).map(\.key)
    let fileEndings: Set = ["safetensors", "json", "yaml", "bin"]
    // Names of a checkpoint's tensors begin with roberta.
    check("(?<!roberta\\.)\\b((?:\(sections.joined(separator: "|")))\\.[a-z_]+)\\b(?![(])", least: 25) { key in
      // The tables of a checkpoint are called as the section is.
      keys.contains(key) || fileEndings.contains(String(key.split(separator: ".").last ?? ""))
        || key.hasSuffix("_embeddings")
    }
  }

  func testEveryOptionThatAMessageNamesExists() throws {
    let help = try Self.allHelp()
    let scripts = try ["mpirun", "build", "demo", "test", "install"].map {
      try String(contentsOf: SharedFolder.packageRoot.appendingPathComponent("launch/\($0)"), encoding: .utf8)
    }
    // Of mpirun, srun and swift, which messages quote too; of sbatch and sacct, for a study's jobs.
    let others: Set = [
      "--bind-to", "--map-by", "--mpi", "--version", "--mca", "--filter", "--help", "--job-name", "--array", "--time",
      "--requeue", "--open-mode", "--output", "--signal", "--parsable", "--dependency",
      "--ntasks", "--noheader", "--parsable2", "--allocations", "--duplicates", "--jobs", "--format",
    ]
    let known = Set(Self.matches("--[a-z][a-z-]+", in: (help + scripts).joined(separator: "\n"))).union(others)
    // A style sheet's properties look like options: a page's style is no message.
    check("(?<![-\\w])(--[a-z][a-z-]+)", least: 40, except: "PageStyle.swift") { known.contains($0) }
  }

  func testEveryCommandThatAMessageNamesExists() throws {
    let commands = Set(Self.commands)
    check("\\bpalier ([a-z]+)\\b(?= [-A-Z/<\\[]| under|,|;|:)", least: 5) { commands.contains($0) }
  }

  func testEveryFileThatAMessageNamesExists() throws {
    check("\\b((?:launch|hostfiles|configs|Cases|docs|Tests)/[A-Za-z0-9_./-]*[A-Za-z0-9_])", least: 10) { path in
      FileManager.default.fileExists(atPath: SharedFolder.packageRoot.appendingPathComponent(path).path)
    }
  }

  func testNoMessageLeavesTheCureToBeGuessed() {
    for vague in ["raise the limit", "give their names (option", "as the subset", "or allow oversubscription"] {
      for message in Self.messages where message.text.contains(vague) {
        XCTFail("\(message.place): \"\(vague)\" names no key, option or command: \(message.text)")
      }
    }
  }

  func testFailuresOfTheSystemAreToldInItsWords() throws {
    let folder = try TemporaryFolder()
    let file = folder.file("file")
    try Data("x".utf8).write(to: file)
    let model = try DemoData.model()
    let inside = file.appendingPathComponent("x").path
    let sizes = ["--hidden", "16", "--layers", "1", "--heads", "1", "--intermediate", "16"]
    for command in [
      ["sample", "--out", inside], ["sample", "--out", "/proc/x"],
      ["init", "--out", inside, "--tokenizer", model] + sizes,
      ["tokenize", "--tokenizer", model, "--out", inside, file.path],
      ["tokenize", "--tokenizer", model, "--out", "/proc/x/y", file.path],
      ["export", "--dequantized", model, "--out", inside], ["train", inside], ["train", "/proc/1/mem"],
      ["export", "--onnx", inside, model],
      ["compare", inside, inside],
      ["bench", "reduce", "--elements", "1", "--json", inside],
      ["bench", "reduce", "--elements", "1", "--json", "/proc/x"],
      ["bench", "corpus", "--tokenizer", model, inside], ["inspect", "/proc/1/mem"],
      ["inspect", "/proc/1/mem", "--format", "conllu"], ["footprint", "--checkpoint", inside],
      ["logits", model, "--out", inside], ["train", file.path, "--set", "output=\(inside)"],
    ] {
      let told = try Program.fail(command)
      for raw in [
        "NSCocoaErrorDomain", "Error Domain", "The operation could not be completed", "File exists", "NSPOSIX",
      ] {
        XCTAssertFalse(told.contains(raw), told)
      }
    }
  }

  // MARK: Help

  private static let commands = [
    "train", "evaluate", "compare", "config", "tokenize", "encode", "init", "sample", "inspect", "footprint", "export",
    "logits", "quantize", "pack", "verify", "tag", "report", "sweep",
    "plot", "doctor", "check", "bench",
  ]

  private static func allHelp() throws -> [String] {
    let benches = ["step", "tag", "guards", "products", "reduce", "corpus", "scale"].map { ["bench", $0] }
    return try (commands.map { [$0] } + benches).map { try Program.succeed($0 + ["--help"]) }
  }

  /// The example of `palier --help`, as printed but for the number of steps, in a folder with what the project's has.
  func testTheFirstRunOfTheHelpWorksAsItIsPrinted() throws {
    let help = try Program.succeed(["--help"])
    let after = try XCTUnwrap(help.components(separatedBy: "start to end").last)
    let lines = after.components(separatedBy: "\n").dropFirst().prefix {
      !$0.trimmingCharacters(in: .whitespaces).isEmpty
    }
    XCTAssertEqual(lines.filter { $0.contains("palier ") }.count, 4, after)
    let folder = try TemporaryFolder()
    let root = SharedFolder.packageRoot
    try FileManager.default.createSymbolicLink(
      at: folder.file("launch"), withDestinationURL: root.appendingPathComponent("launch"))
    try FileManager.default.createDirectory(at: folder.file("configs"), withIntermediateDirectories: false)
    let config = try String(contentsOf: root.appendingPathComponent("configs/demo.yaml"), encoding: .utf8)
    let short = config.replacingOccurrences(of: "total_steps: 400", with: "total_steps: 4")
      .replacingOccurrences(of: "points: 10", with: "points: 1")
    XCTAssertNotEqual(short, config)
    try Data(short.utf8).write(to: folder.file("configs/demo.yaml"))
    let programs = URL(fileURLWithPath: try MPIRun.pathOfBuilt("palier")).deletingLastPathComponent().path
    try FileManager.default.createDirectory(at: folder.file(".build"), withIntermediateDirectories: false)
    try FileManager.default.createSymbolicLink(
      atPath: folder.file(".build/release").path, withDestinationPath: programs)
    let script = "set -e; cd \(folder.url.path)\n" + lines.joined(separator: "\n")
    let outcome = try MPIRun(command: ["/bin/bash", "-c", script], timeout: 120).wait()
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    XCTAssertTrue(outcome.output.contains("baseline all-O"), outcome.output)
  }
}
