import Base
import Foundation
import Studies
import TestSupport
import XCTest

/// The runner, with a program that stands in for palier (Tests/Hosts/sweep/palier).
final class SweepRunnerTests: XCTestCase {
  private static let grid = """
    alphas: [0, 0.2, 0.4]
    budget: heads
    schemes: [fp32, LSQ_E4W4A4]
    set: {budget.total_steps: 20}
    seeds: {heads: [1, 2]}
    """

  private var standIn: String {
    SharedFolder.packageRoot.appendingPathComponent("Tests/Hosts/sweep/palier").path
  }

  override func tearDown() {
    unsetenv("STANDIN_FAIL")
    unsetenv("STANDIN_STEP_SECONDS")
  }

  /// Runs the cells of a grid, with what was said.
  private func run(
    _ graph: StudyGraph, in study: StudyFolder, jobs: Int = 1, only: String? = nil,
    kept: Set<SweepGrid.Kept>? = nil
  ) throws -> (ending: SweepRunner.Ending, said: [String]) {
    setenv("STANDIN_STEP_SECONDS", "0", 1)
    var options = SweepRunner.Options(program: standIn)
    (options.jobs, options.only, options.kept) = (jobs, only, kept)
    var said: [String] = []
    let runner = try SweepRunner(graph, in: study, options, say: { said.append($0) }, show: { _ in })
    return (try runner.run(), said)
  }

  private func object(_ file: URL) throws -> [String: Any] {
    try XCTUnwrap(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
  }

  func testEveryCellEndsWithItsFilesAndNothingIsDoneTwice() throws {
    let files = try StudyFiles()
    let graph = try files.graph(Self.grid)
    let (ending, said) = try run(graph, in: files.study)
    XCTAssertEqual(ending, .finished)
    XCTAssertEqual(said.count { $0.contains("] done ") }, graph.cells.count, said.joined(separator: "\n"))
    let sweep = try object(files.study.graph)
    XCTAssertEqual((sweep["cells"] as? [[String: Any]])?.compactMap { $0["id"] as? String }, graph.cells.map(\.id))
    for cell in graph.cells {
      let own = files.study.cell(cell.id)
      XCTAssertTrue(own.isDone, cell.words)
      let result = try object(own.result)
      XCTAssertEqual(result["id"] as? String, cell.id)
      XCTAssertEqual(result["kind"] as? String, cell.kind.rawValue)
      XCTAssertEqual(result["steps"] as? Int, cell.steps)
      // The stand-in says 10 tokens a step; a branch counts its own alone.
      XCTAssertEqual(result["tokens"] as? Int, 10 * cell.steps, cell.words)
      XCTAssertNotNil((result["bytes"] as? [String: Any])?["checkpoint"] as? Int, cell.words)
      let scores = result["scores"] as? [String: Any]
      XCTAssertEqual(scores != nil, cell.kind == .head)
      if cell.kind == .head {
        XCTAssertEqual((scores?["test"] as? [String: Any])?["strict_f1"] as? Double, 0.4)
        XCTAssertEqual((scores?["validation"] as? [String: Any])?["strict_f1"] as? Double, 0.5)
        XCTAssertEqual((result["documents"] as? [[String: Any]])?.count, 1)
        XCTAssertEqual(scores?["best_step"] as? Int, 20)
        let packed = (result["bytes"] as? [String: Any])?["packed"] as? Int
        XCTAssertEqual(packed != nil, cell.coordinates.scheme != "fp32", cell.words)
      } else {
        XCTAssertFalse((result["pretraining"] as? [Any] ?? []).isEmpty)
      }
    }
    let again = try run(graph, in: files.study)
    XCTAssertEqual(again.ending, .finished)
    XCTAssertEqual(again.said.count { $0.contains("] done ") }, 0)
  }

  /// What the paper's readers may not believe: that a branch is the run of its α. The stand-in's model tells its whole
  /// past.
  func testABranchGoesOnFromItsTrunkAndAStageOfItsOwnComesToTheSame() throws {
    let files = try StudyFiles()
    let shared = try files.graph(Self.grid)
    _ = try run(shared, in: files.study)
    let alone = StudyFolder(files.folder.file("alone"))
    let single = try files.graph(Self.grid.replacingOccurrences(of: "0, 0.2, 0.4", with: "0.2"), named: "single.yaml")
    _ = try run(single, in: alone)
    for cell in single.cells where cell.kind != .trunk {
      let (here, there) = (alone.cell(cell.id), files.study.cell(cell.id))
      XCTAssertEqual(
        try object(here.result)["fingerprint"] as? String, try object(there.result)["fingerprint"] as? String)
    }
  }

  func testAFailedCellIsToldItsHeirsWaitAndTheRestGoesOn() throws {
    let files = try StudyFiles()
    let graph = try files.graph(Self.grid)
    setenv("STANDIN_FAIL", "scheme: LSQ_E4W4A4", 1)
    let (ending, said) = try run(graph, in: files.study, jobs: 2)
    let ofScheme = graph.cells.filter { $0.coordinates.scheme == "LSQ_E4W4A4" }
    let first = ofScheme.filter { $0.parent == nil }
    XCTAssertEqual(ending, .failed(first.count, waiting: ofScheme.count - first.count))
    for cell in graph.cells {
      let own = files.study.cell(cell.id)
      XCTAssertEqual(own.isDone, cell.coordinates.scheme == "fp32", cell.words)
      XCTAssertEqual(own.hasFailed, first.contains { $0.id == cell.id })
    }
    let failure = try object(files.study.cell(first[0].id).failure)
    XCTAssertEqual(failure["code"] as? Int, 1)
    XCTAssertTrue((failure["message"] as? String ?? "").contains("told to fail"))
    XCTAssertTrue(said.contains { $0.hasPrefix("waits for \(first[0].id)") }, said.joined(separator: "\n"))
    // The same command again, once the reason is gone.
    unsetenv("STANDIN_FAIL")
    XCTAssertEqual(try run(graph, in: files.study).ending, .finished)
    XCTAssertFalse(files.study.cell(first[0].id).hasFailed)
  }

  func testACellAloneNeedsItsParentAndThenRuns() throws {
    let files = try StudyFiles()
    let graph = try files.graph(Self.grid)
    let branch = try XCTUnwrap(graph.cells.first { $0.kind == .branch })
    assertRefuses(branch.id, branch.parent ?? "", "not done") {
      _ = try run(graph, in: files.study, only: branch.id)
    }
    XCTAssertEqual(try run(graph, in: files.study, only: branch.parent).ending, .finished)
    XCTAssertEqual(try run(graph, in: files.study, only: branch.id).ending, .finished)
    XCTAssertEqual(graph.cells.count { files.study.cell($0.id).isDone }, 2)
    assertRefuses("no cell abc") { _ = try run(graph, in: files.study, only: "abc") }
  }

  func testWhatNeedNotStayGoesAndIsMadeAgainWhereItIsNeeded() throws {
    let files = try StudyFiles()
    let graph = try files.graph(Self.grid)
    _ = try run(graph, in: files.study, kept: [])
    func checkpoints(_ cell: Cell) -> [String] {
      let folder = files.study.cell(cell.id).url
      let found = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
      return found.filter { $0.hasSuffix("model.safetensors") }
    }
    for cell in graph.cells { XCTAssertEqual(checkpoints(cell), [], cell.words) }
    // Another task on the same first stages: their checkpoints come again, with the same bits, and the results stay.
    let results = try graph.cells.map { try Data(contentsOf: files.study.cell($0.id).result) }
    let grown = try files.graph(Self.grid.replacingOccurrences(of: "[1, 2]", with: "[1, 2, 3]"))
    XCTAssertEqual(try run(grown, in: files.study, kept: [.alpha]).ending, .finished)
    func print(_ data: Data) throws -> String? {
      (try JSONSerialization.jsonObject(with: data) as? [String: Any])?["fingerprint"] as? String
    }
    for (cell, before) in zip(graph.cells, results) {
      let after = try Data(contentsOf: files.study.cell(cell.id).result)
      XCTAssertEqual(try print(after), try print(before), cell.words)
    }
    for cell in grown.cells where cell.kind == .branch { XCTAssertEqual(checkpoints(cell).count, 1) }
  }

  func testAForeignFolderIsLeftAsItIs() throws {
    let files = try StudyFiles()
    try FileManager.default.createDirectory(at: files.study.url, withIntermediateDirectories: true)
    try Data().write(to: files.study.url.appendingPathComponent("thesis.tex"))
    let graph = try files.graph(Self.grid)
    assertRefuses("not the folder of a sweep") { _ = try run(graph, in: files.study) }
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: files.study.url.path), ["thesis.tex"])
  }

  func testMoreJobsThanCoresAreRefused() throws {
    let files = try StudyFiles()
    let graph = try files.graph(Self.grid)
    assertRefuses("--jobs 4000", "cores") { _ = try run(graph, in: files.study, jobs: 4_000) }
  }
}
