import Foundation
import Studies
import TestSupport
import XCTest

/// What `--submit slurm` writes.
final class SlurmScriptsTests: XCTestCase {
  private func written(_ lines: String) throws -> (StudyFiles, StudyGraph, URL) {
    let files = try StudyFiles()
    let graph = try files.graph(lines)
    let scripts = SlurmScripts(
      graph, in: files.study, program: "/opt/palier's own/palier", workingFolder: "/work/my study")
    return (files, graph, try scripts.write())
  }

  private static let lines = """
    alphas: [0, 0.2, 0.4]
    schemes: [fp32, LSQ_E4W4A4]
    baselines: [ptq]
    launch: {ranks: 4, threads: 6}
    slurm: {nodes: 2, time: "1:30:00", throttle: 3, options: [--partition=cpu, --account=x], setup: modules.sh}
    """

  func testEachLevelIsAnArrayAfterTheOneBefore() throws {
    let (files, graph, submission) = try written(Self.lines)
    let folder = submission.deletingLastPathComponent()
    var listed: [String] = []
    for level in 0..<4 {
      let ids = try String(contentsOf: folder.appendingPathComponent("level-\(level).cells"), encoding: .utf8)
        .split(separator: "\n").map(String.init)
      let script = try String(contentsOf: folder.appendingPathComponent("level-\(level).sbatch"), encoding: .utf8)
      XCTAssertTrue(script.contains("#SBATCH --array=0-\(ids.count - 1)%3\n"), script)
      for line in [
        "--nodes=2", "--ntasks-per-node=2", "--cpus-per-task=6", "--time=1:30:00", "--partition=cpu", "--requeue",
        "--signal=B:USR1@300",
      ] { XCTAssertTrue(script.contains("#SBATCH \(line)"), line) }
      for id in ids { if let parent = graph[id]?.parent { XCTAssertTrue(listed.contains(parent)) } }
      listed += ids
    }
    XCTAssertEqual(Set(listed), Set(graph.cells.map(\.id)))
    XCTAssertEqual(listed.count, graph.cells.count)
    let last = try String(contentsOf: folder.appendingPathComponent("energy.sbatch"), encoding: .utf8)
    for words in ["--energy\n", "modules.sh\n", "#SBATCH --partition=cpu\n"] {
      XCTAssertTrue(last.contains(words), last)
    }
    let text = try String(contentsOf: submission, encoding: .utf8)
    XCTAssertEqual(text.components(separatedBy: "--dependency=afterany:").count - 1, 4, text)
    XCTAssertFalse(text.contains("afterok"), "a failed cell must not hold up the rest of its level")
    _ = files
  }

  func testShellcheckHasNothingToSay() throws {
    let variables = ProcessInfo.processInfo.environment
    let places =
      [variables["SHELLCHECK"] ?? ""] + (variables["PATH"] ?? "").split(separator: ":").map { "\($0)/shellcheck" }
    guard let shellcheck = places.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
      throw XCTSkip("shellcheck is not installed (SHELLCHECK names one that is elsewhere)")
    }
    let (files, _, submission) = try written(Self.lines)
    let folder = submission.deletingLastPathComponent()
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.hasSuffix(".cells") }
    XCTAssertEqual(names.count, 6)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: shellcheck)
    process.arguments = ["--severity=style"] + names.map { folder.appendingPathComponent($0).path }
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    XCTAssertEqual(process.terminationStatus, 0, text)
    _ = files
  }

  func testCellsThatAreDoneAreNotSubmitted() throws {
    let (files, graph, _) = try written(Self.lines)
    for cell in graph.cells { try Data().write(to: files.study.cell(cell.id).url.appendingPathComponent("DONE")) }
    let again = try SlurmScripts(graph, in: files.study, program: "palier", workingFolder: "/").write()
    let text = try String(contentsOf: again, encoding: .utf8)
    XCTAssertFalse(text.contains("sbatch"), text)
    let names = try FileManager.default.contentsOfDirectory(atPath: again.deletingLastPathComponent().path)
    XCTAssertEqual(names, ["submit.sh"])
  }
}
