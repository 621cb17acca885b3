import Foundation
import Studies
import TestSupport
import XCTest

/// Which cells a grid has, what they share, and how much they do.
final class StudyGraphTests: XCTestCase {
  private static let alphas = [0, 0.1, 0.3, 0.5, 0.7, 0.9]

  private func paper(_ settings: String = "") throws -> StudyGraph {
    let configs = SharedFolder.packageRoot.appendingPathComponent("configs")
    let text = try String(contentsOf: configs.appendingPathComponent("paper.yaml"), encoding: .utf8)
      .replacingOccurrences(of: "base: camembert", with: "base: \(configs.path)/camembert")
      .replacingOccurrences(of: "  optimizer.warmup_steps: 300", with: "  optimizer.warmup_steps: 300\n" + settings)
    let folder = try TemporaryFolder()
    try Data(text.utf8).write(to: folder.file("paper.yaml"))
    return try StudyGraph(SweepGrid(folder.file("paper.yaml")))
  }

  /// A trunk to (1 − d)·0.9·B and a fall of d·α·B for each α: B·(0.9·(1 − d) + 2.5·d), d = 0.1 → 1.06, d = 0.33 →
  /// 1.428.
  func testThePapersGridTakesLessThanHalfOfSeparateFirstStages() throws {
    for (settings, d) in [("", 0.1), ("  optimizer.decay_share: 0.33", 0.33)] {
      let graph = try paper(settings)
      let counts = Dictionary(grouping: graph.cells, by: \.kind).mapValues(\.count)
      XCTAssertEqual(counts, [.trunk: 12, .branch: 60, .head: 12 * 4 * 6])
      let plan = StudyPlan(
        graph, in: StudyFolder(URL(fileURLWithPath: "/nowhere")), kept: nil, jobs: 1, pace: { _ in nil }, source: "")
      let units = try XCTUnwrap(plan.maskedUnits)
      XCTAssertEqual(units.planned, 0.9 * (1 - d) + 2.5 * d, accuracy: 2e-4)
      XCTAssertEqual(units.separate, 2.5, accuracy: 1e-9)
      XCTAssertEqual(units.repeated, 10, accuracy: 1e-9)
    }
  }

  func testWithoutWsdEveryAlphaHasAFirstStageOfItsOwnSharedByTasksAndHeadSeeds() throws {
    let graph = try StudyFiles().graph(
      """
      set: {optimizer.schedule: linear}
      alphas: [0, 0.3, 0.9]
      seeds: {trunks: [1, 2], heads: [1, 2, 3]}
      tasks: {A: {task: pos, format: cas, path: a}, B: {task: pos, format: cas, path: b}}
      """)
    let stages = graph.cells.filter { $0.kind == .stage }
    XCTAssertEqual(stages.map(\.steps), [30, 90, 30, 90])
    // α = 0 knows no trunk seed: 3 heads a task; else 2 × 3.
    XCTAssertEqual(graph.cells.count { $0.kind == .head }, 2 * (3 + 2 * 6))
    for stage in stages { XCTAssertEqual(graph.children(of: stage.id).count, 6) }
    XCTAssertEqual(Set(graph.cells.map(\.id)).count, graph.cells.count)
  }

  func testParentsComeFirstAndBranchesLeaveWhereTheirFallBegins() throws {
    let graph = try StudyFiles().graph("alphas: [0, 0.25, 0.5, 1]\nbudget: heads")
    var seen: Set<String> = []
    for cell in graph.cells {
      if let parent = cell.parent { XCTAssertTrue(seen.contains(parent)) }
      seen.insert(cell.id)
    }
    let trunk = try XCTUnwrap(graph.cells.first)
    XCTAssertEqual(trunk.points, [20, 40, 80])
    let branches = graph.cells.filter { $0.kind == .branch }
    XCTAssertEqual(branches.map(\.leavesAt), [20, 40, 80])
    XCTAssertEqual(branches.map(\.steps), [5, 10, 20])
    XCTAssertEqual(branches.map(\.configuration.budget.totalSteps), [25, 50, 100])
  }

  func testBudgetsLeaveOneThingAsItIs() throws {
    let files = try StudyFiles()
    func heads(_ budget: String) throws -> [Int] {
      try files.graph("alphas: [0, 0.3, 0.9]\nbudget: \(budget)").cells.filter { $0.kind == .head }.map(\.steps)
    }
    XCTAssertEqual(try heads("total"), [100, 70, 10])
    XCTAssertEqual(try heads("heads"), [100, 100, 100])
    XCTAssertEqual(try heads("trunk"), [100, 70, 10])
    let trunk = try files.graph("alphas: [0, 0.3, 0.9]\nbudget: trunk").cells.filter { $0.kind != .head }
    XCTAssertEqual(trunk.map(\.kind), [.stage])
    XCTAssertEqual(trunk.map(\.steps), [100])
  }

  func testWhatFollowsAStagesLengthKeepsStagesApart() throws {
    let files = try StudyFiles()
    for key in ["averaging.kind: ema", "optimizer.warmup_steps: 0"] {
      let graph = try files.graph("alphas: [0.3, 0.9]\nset: {\(key)}")
      XCTAssertEqual(graph.cells.count { $0.kind == .trunk }, 0, key)
      XCTAssertEqual(graph.cells.count { $0.kind == .stage }, 2, key)
      XCTAssertEqual(graph.notes.count, 1, key)
    }
  }

  func testEveryFloat32HeadIsQuantizedToEverySchemeOfTheGrid() throws {
    let graph = try StudyFiles().graph("alphas: [0, 0.5]\nschemes: [fp32, LSQ_E8W8A8, LSQ_E4W4A4]\nbaselines: [ptq]")
    let baselines = graph.cells.filter { $0.kind == .ptq }
    XCTAssertEqual(baselines.map(\.coordinates.baseline), ["LSQ_E8W8A8", "LSQ_E4W4A4", "LSQ_E8W8A8", "LSQ_E4W4A4"])
    XCTAssertEqual(Set(baselines.map(\.coordinates.scheme)), ["fp32"])
    for cell in baselines { XCTAssertEqual(graph[cell.parent ?? ""]?.kind, .head) }
  }

  func testEvaluationsAreAsFarApartAsInTheWholeRun() throws {
    let graph = try StudyFiles().graph("alphas: [0.5]")
    // 10 over 100 steps: every 10.
    for cell in graph.cells {
      let budget = cell.configuration.budget
      XCTAssertEqual(budget.totalSteps / cell.configuration.evaluation.points, 10, "\(cell.kind)")
    }
  }
}
