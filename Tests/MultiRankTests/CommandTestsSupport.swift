import Foundation
import TestSupport
import XCTest

/// Runs the built program as a user does.
enum Program {
  /// Runs `palier` with these arguments, alone or under mpirun; skipped where it is not built.
  static func run(_ arguments: [String], ranks: Int? = nil, timeout: Double = 120) throws -> MPIRun.Outcome {
    try MPIRun(arguments, of: "palier", ranks: ranks, timeout: timeout).wait()
  }

  /// As `run`, and the run must end well.
  @discardableResult
  static func succeed(
    _ arguments: [String], ranks: Int? = nil, timeout: Double = 120, file: StaticString = #filePath, line: UInt = #line
  ) throws -> String {
    let outcome = try run(arguments, ranks: ranks, timeout: timeout)
    XCTAssertEqual(outcome.status, 0, "\(arguments): \(outcome.errors)", file: file, line: line)
    return outcome.output
  }

  /// As `run`, and the run must end with code 1 and one line on standard error that begins with `palier:`.
  @discardableResult
  static func fail(
    _ arguments: [String], ranks: Int? = nil, naming word: String = "", file: StaticString = #filePath,
    line: UInt = #line
  ) throws -> String {
    let outcome = try run(arguments, ranks: ranks)
    XCTAssertEqual(outcome.status, 1, "\(arguments): \(outcome.errors)\(outcome.output)", file: file, line: line)
    XCTAssertEqual(outcome.errorLines.count, 1, "\(arguments): \(outcome.errors)", file: file, line: line)
    XCTAssertTrue(outcome.errors.hasPrefix("palier: "), "\(arguments): \(outcome.errors)", file: file, line: line)
    XCTAssertTrue(
      word.isEmpty || outcome.errors.contains(word), "\(outcome.errors) names no \(word)", file: file, line: line)
    return outcome.errors
  }

  /// Runs `palier` with `input` on standard input.
  static func run(_ arguments: [String], input: Data) throws -> (status: Int32, output: Data, errors: String) {
    let link = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let program = URL(fileURLWithPath: link).deletingLastPathComponent().appendingPathComponent("palier")
    try XCTSkipUnless(FileManager.default.isExecutableFile(atPath: program.path), "palier is not built")
    let folder = try TemporaryFolder()
    let file = folder.url.appendingPathComponent("input")
    try input.write(to: file)
    let process = Process()
    process.executableURL = program
    process.arguments = arguments
    process.standardInput = try FileHandle(forReadingFrom: file)
    let outputFile = folder.url.appendingPathComponent("output")
    let errorFile = folder.url.appendingPathComponent("errors")
    for url in [outputFile, errorFile] { _ = FileManager.default.createFile(atPath: url.path, contents: nil) }
    process.standardOutput = try FileHandle(forWritingTo: outputFile)
    process.standardError = try FileHandle(forWritingTo: errorFile)
    try process.run()
    process.waitUntilExit()
    let errors = String(decoding: try Data(contentsOf: errorFile), as: UTF8.self)
    return (process.terminationStatus, try Data(contentsOf: outputFile), errors)
  }
}

/// Folders that live as long as the tests, and are removed at their end.
enum SharedFolders {
  nonisolated(unsafe) private static var urls: [URL] = []

  /// A fresh folder; made by one test at a time.
  static func make() throws -> URL {
    if urls.isEmpty { atexit { SharedFolders.urls.forEach { try? FileManager.default.removeItem(at: $0) } } }
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("palier-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    urls.append(url)
    return url
  }
}

/// A synthetic corpus and a very small model, made once by the program itself.
enum DemoData {
  private static let made: Result<URL, any Error> = Result {
    let folder = try SharedFolders.make()
    let (data, model) = (folder.appendingPathComponent("data").path, folder.appendingPathComponent("model").path)
    try Program.succeed(["sample", "--out", data, "--documents", "40"])
    try Program.succeed([
      "init", "--out", model, "--train-tokenizer", data + "/corpus.txt", "--vocabulary", "600", "--hidden", "32",
      "--layers", "2", "--heads", "2", "--intermediate", "64", "--positions", "130",
    ])
    return folder
  }

  static func folder() throws -> URL { try made.get() }
  static func model() throws -> String { try folder().appendingPathComponent("model").path }
  static func data() throws -> String { try folder().appendingPathComponent("data").path }

  /// Writes the configuration of a run of some seconds, and gives its path.
  static func configuration(output: URL, named name: String = "run.yaml", extra: String = "") throws -> String {
    let file = output.deletingLastPathComponent().appendingPathComponent(name)
    let text = """
      seed: 3
      output: \(output.path)
      model: {checkpoint: \(try model())}
      quantization: {scheme: LSQ_E8W8A8}
      budget: {total_steps: 12, alpha: 0.5}
      batch: {size: 8}
      optimizer: {learning_rate: 1e-3}
      compute: {threads: 1}
      pretraining: {text: \(try data())/corpus.txt, block_length: 64, slice_tokens: 256, validation_blocks: 4}
      fine_tuning: {task: entities, format: conll2, path: \(try data())/entities, maximum_tokens: 64}
      evaluation: {points: 4}
      checkpoints: {keep_last: 2}
      \(extra)
      """
    try Data(text.utf8).write(to: file)
    return file.path
  }
}
