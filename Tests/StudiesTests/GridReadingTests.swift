import Foundation
import Studies
import TestSupport
import XCTest

/// What a grid's file may say.
final class GridReadingTests: XCTestCase {
  func testABaseAloneIsAGridOfOneRun() throws {
    let graph = try StudyFiles().graph("")
    XCTAssertEqual(graph.cells.map(\.kind), [.trunk, .branch, .head])
    let at = graph.cells[2].coordinates
    XCTAssertEqual(
      [at.model, at.scheme, at.task ?? "", "\(at.alpha ?? 0)", "\(at.headSeed ?? 0)"],
      ["a", "fp32", "EMEA", "0.3", "5"])
  }

  func testRefusalsNameTheLineAndWhatIsAllowed() throws {
    let files = try StudyFiles()
    func refuses(_ text: String, _ words: String, line: UInt = #line) {
      assertRefuses(words, line: line) { _ = try files.graph(text) }
    }
    refuses("alfas: [0]", "grid.yaml:2: unknown key alfas; did you mean alphas?")
    refuses("alphas: [0, 2]", "allowed: 0 ≤ x ≤ 1")
    refuses("alphas: [0, 0]", "each once")
    refuses("alphas: [1]", "below 1 under budget total")
    refuses("schemes: [LSQ_E9W1]", "LSQ_ExWyAz")
    refuses("budget: all", "allowed: total, heads, trunk")
    refuses("keep: [everything]", "allowed: best, alpha, metrics")
    refuses("seeds: {trunk: [1]}", "did you mean trunks?")
    refuses("seeds: {heads: [-1]}", "whole numbers from 0 on")
    refuses("seeds: {heads: [1, 1]}", "each once")
    refuses("baselines: [qat]", "ptq-percentile")
    refuses("launch: {rank: 2}", "did you mean launch.ranks?")
    refuses("launch: {ranks: -2}", "allowed: 0 to 65536")
    refuses("models: {}", "at least one name")
    refuses("tasks: [EMEA]", "a section of `key: value` lines")
    refuses("tasks: {T: {formt: brat}}", "did you mean fine_tuning.format?")
    refuses("variants: {v: {quantization.initail: mse}}", "did you mean quantization.initial?")
    refuses("set: {optimizer.schedule: falling}", "allowed: linear, cosine, wsd, constant")
    refuses("set: {seed: 3}", "give seeds instead")
    refuses("variants: {v: {quantization: {scheme: fp32}}}", "give schemes instead")
    refuses("reference: {hours: 869}", "reference.hours")
    assertRefuses("base is missing") { _ = try SweepGrid(try self.written("name: x", in: files)) }
    assertRefuses("base.yaml", "cannot be read") {
      _ = try SweepGrid(try self.written("base: nowhere/base.yaml", in: files))
    }
  }

  private func written(_ text: String, in files: StudyFiles) throws -> URL {
    let file = files.folder.file("other.yaml")
    try Data(text.utf8).write(to: file)
    return file
  }

  func testKeysThatCannotWorkTogetherNameTheCell() throws {
    let files = try StudyFiles()
    assertRefuses("grid.yaml: trunk a fp32 seed 5", "optimizer.warmup_steps") {
      _ = try files.graph("alphas: [0.1, 0.5]\nset: {optimizer.warmup_steps: 60}")
    }
    assertRefuses("optimizer.one_schedule", "set it to false") {
      _ = try files.graph("set: {preset: accml-code, optimizer.schedule: linear}")
    }
    assertRefuses("fine_tuning.task is missing") {
      _ = try files.graph("tasks: {CAS: {format: cas, path: data/cas}}")
    }
  }

  /// A task's own corpus takes the place of the base's, of which no key stays behind.
  func testATaskReplacesTheBasesCorpusAndKeepsItsOtherKeys() throws {
    let graph = try StudyFiles().graph("alphas: [0]\ntasks: {CAS: {task: pos, format: cas, path: data/cas}}")
    let stage = try XCTUnwrap(graph.cells.last).configuration.fineTuning
    XCTAssertNil(stage.part)
    XCTAssertEqual(stage.maximumTokens, 64)
    XCTAssertEqual(stage.path.map { URL(fileURLWithPath: $0).lastPathComponent }, ["cas"])
  }

  /// Paths start from the file in which they stand.
  func testPathsOfTheGridStartFromItsFolderAndThoseOfTheBaseFromTheBases() throws {
    let files = try StudyFiles()
    let inner = files.folder.file("grids")
    try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
    let file = inner.appendingPathComponent("g.yaml")
    try Data("base: ../base.yaml\nmodels: {M: own/model}\n".utf8).write(to: file)
    let graph = try StudyGraph(SweepGrid(file))
    let trunk = try XCTUnwrap(graph.cells.first).configuration
    XCTAssertTrue(trunk.model.checkpoint.hasSuffix("/grids/own/model"), trunk.model.checkpoint)
    XCTAssertEqual(trunk.model.tokenizer, trunk.model.checkpoint)
    XCTAssertFalse(trunk.pretraining.store.contains("grids"), trunk.pretraining.store)
  }

  func testTheSplitOfACorpusDoesNotFollowTheHeadsSeed() throws {
    let graph = try StudyFiles().graph("alphas: [0]\nseeds: {heads: [1, 2]}")
    XCTAssertEqual(graph.cells.map(\.configuration.seed), [1, 2])
    XCTAssertEqual(graph.cells.map(\.configuration.fineTuning.splitSeed), [5, 5])
  }

  /// A head starts from a cell's checkpoint, and its teacher is not that but what the study starts from.
  func testTheTeacherOfAHeadIsTheStudysStartingCheckpoint() throws {
    let graph = try StudyFiles().graph("set: {distillation.fine_tuning.hidden: 1}\nalphas: [0, 0.5]")
    for head in graph.cells where head.kind == .head {
      XCTAssertTrue(head.configuration.distillation.fineTuning.teacher.hasSuffix("models/a"))
    }
  }

  /// Every grid beside the study's runner, and the runner knows them all.
  func testTheGridsOfTheSmallStudyAreRead() throws {
    let folder = SharedFolder.packageRoot.appendingPathComponent("Studies/small")
    let grids = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "yaml" && !["base", "run"].contains($0.deletingPathExtension().lastPathComponent) }
    let runner = try String(contentsOf: folder.appendingPathComponent("run"), encoding: .utf8)
    let known = try XCTUnwrap(runner.split(separator: "\n").first { $0.hasPrefix("all=(") }).dropFirst(5).dropLast()
    XCTAssertEqual(
      grids.map { $0.deletingPathExtension().lastPathComponent }.sorted(),
      known.split(separator: " ").map(String.init).sorted())
    for file in grids {
      let graph = try StudyGraph(SweepGrid(file), counts: false)
      let heads = Dictionary(grouping: graph.cells.filter { $0.kind == .head }) { cell in
        var at = cell.coordinates
        (at.headSeed, at.trunkSeed) = (nil, nil)
        return "\(at)"
      }
      XCTAssertFalse(heads.isEmpty, file.lastPathComponent)
      for (what, cells) in heads { XCTAssertGreaterThanOrEqual(cells.count, 3, "\(file.lastPathComponent): \(what)") }
    }
  }

  /// The configurations of the project itself.
  func testTheGridsOfConfigsAreRead() throws {
    let configs = SharedFolder.packageRoot.appendingPathComponent("configs")
    let grids = try FileManager.default.contentsOfDirectory(at: configs, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "yaml" }
      .filter { try String(contentsOf: $0, encoding: .utf8).contains("\nbase: ") }
    XCTAssertEqual(grids.count, 3)
    for file in grids {
      XCTAssertFalse(try StudyGraph(SweepGrid(file), counts: false).cells.isEmpty, file.lastPathComponent)
    }
    let demo = try StudyGraph(
      SweepGrid(configs.appendingPathComponent("sweep-demo.yaml")), counts: false)
    XCTAssertEqual(demo.cells.count { $0.kind == .head }, 2 * 2 * 2)
    let small = try StudyGraph(
      SweepGrid(configs.appendingPathComponent("study-small.yaml")), counts: false)
    XCTAssertEqual(small.cells.count { $0.kind == .head }, 4 * 3 * 3 * 2)
    XCTAssertEqual(small.cells.count { $0.kind == .ptq }, 3 * 3 * 2 * 3)
  }
}
