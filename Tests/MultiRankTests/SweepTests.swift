import Foundation
import TestSupport
import XCTest

/// `palier sweep`: studies of real runs of some seconds, and of many kills with a program that stands in for palier.
final class SweepTests: XCTestCase {
  /// A grid over the demonstration's data, in a folder of its own.
  private struct Study {
    let folder: TemporaryFolder
    let grid: String
    let out: URL

    init(_ lines: String) throws {
      folder = try TemporaryFolder()
      _ = try DemoData.configuration(output: folder.file("unused"), named: "base.yaml")
      grid = folder.file("grid.yaml").path
      out = folder.file("study")
      try Data(("base: base.yaml\n" + lines).utf8).write(to: URL(fileURLWithPath: grid))
    }

    var arguments: [String] { ["sweep", grid, "--out", out.path] }

    /// The cells of sweep.json.
    func cells() throws -> [[String: Any]] {
      let graph = try JSONSerialization.jsonObject(with: Data(contentsOf: out.appendingPathComponent("sweep.json")))
      return try XCTUnwrap((graph as? [String: Any])?["cells"] as? [[String: Any]])
    }

    func id(_ kind: String, alpha: Double? = nil) throws -> String {
      let found = try cells().first {
        $0["kind"] as? String == kind
          && (alpha == nil || ($0["coordinates"] as? [String: Any])?["alpha"] as? Double == alpha)
      }
      return try XCTUnwrap(found?["id"] as? String, "no \(kind)")
    }

    func cell(_ id: String) -> URL { out.appendingPathComponent("cells/\(id)") }

    /// The results of all cells without what was measured by a clock.
    func results() throws -> [String: NSDictionary] {
      var all: [String: NSDictionary] = [:]
      for id in try cells().compactMap({ $0["id"] as? String }) {
        let data = try Data(contentsOf: cell(id).appendingPathComponent("result.json"))
        var result = try XCTUnwrap(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        for key in ["seconds", "core_hours", "energy"] { result[key] = nil }
        all[id] = NSDictionary(dictionary: result)
      }
      return all
    }
  }

  private static let tiny = """
    name: tiny
    set:
      budget.total_steps: 20
      optimizer.schedule: wsd
      optimizer.warmup_steps: 3
      optimizer.decay_share: 0.25
      checkpoints.every_steps: 1
      compute.allow_oversubscription: true
      logging.tensorboard: false
    alphas: [0.4, 0.8]
    budget: total
    seeds: {trunks: [3], heads: [1]}

    """

  private static let launcher = SharedFolder.packageRoot.appendingPathComponent("launch/mpirun").path

  /// On two ranks by a real launcher, against a run of the α alone on another number of ranks that never had a trunk.
  func testABranchHasTheBitsOfTheSameRunMadeAloneOnAnotherNumberOfRanks() throws {
    let study = try Study(Self.tiny + "launch: {ranks: 2, threads: 1, launcher: \(Self.launcher)}\n")
    let said = try Program.succeed(study.arguments)
    XCTAssertEqual(said.components(separatedBy: "] done ").count - 1, 5, said)
    let alone = try DemoRun()
    let settings = [
      "optimizer.schedule=wsd", "optimizer.warmup_steps=3", "optimizer.decay_share=0.25", "budget.total_steps=20",
      "checkpoints.every_steps=0",
    ]
    for (alpha, ranks) in [(0.4, 1), (0.8, 3)] {
      let output = alone.folder.file("alone-\(alpha)")
      try alone.train(settings + ["budget.alpha=\(alpha)", "output=\(output.path)"], ranks: ranks)
      let branch = study.cell(try study.id("branch", alpha: alpha)).appendingPathComponent("run/checkpoints/alpha")
      assertSameNumbers(
        try alone.numbers(branch), try alone.numbers(output.appendingPathComponent("checkpoints/alpha")), "α \(alpha)")
    }
    try checkResults(study)
    try checkPlan(study)
  }

  private func checkResults(_ study: Study) throws {
    for (id, result) in try study.results() {
      let kind = result["kind"] as? String
      XCTAssertEqual(result["ranks"] as? Int, 2)
      XCTAssertEqual((result["fingerprint"] as? String)?.count, 16, id)
      XCTAssertNotNil((result["loss"] as? [String: Any])?["last"] as? Double, id)
      guard kind == "head" else { continue }
      let audit = (result["data"] as? [String: Any])?["audit"] as? [String] ?? []
      XCTAssertTrue(audit.contains { $0.hasPrefix("train: ") }, "\(id): \(audit)")
      let scores = try XCTUnwrap(result["scores"] as? [String: Any])
      let test = try XCTUnwrap(scores["test"] as? [String: Any])
      let documents = try XCTUnwrap(result["documents"] as? [[String: Any]])
      func sum(_ key: String) -> Double { documents.reduce(0) { $0 + Double($1[key] as? Int ?? 0) } }
      // F1 = 2·tp / (predicted + gold), over all documents.
      let most = sum("predicted") + sum("gold")
      XCTAssertEqual(test["f1"] as? Double ?? -1, most > 0 ? 2 * sum("true_positives") / most : 0, accuracy: 1e-12)
      XCTAssertGreaterThan(sum("gold"), 0)
      XCTAssertNotNil((scores["validation"] as? [String: Any])?["loss"] as? Double)
    }
  }

  private func checkPlan(_ study: Study) throws {
    let plan = try Program.succeed(study.arguments + ["--plan", "--rate", "1000"])
    // 0.8·0.75 + 0.25·(0.4 + 0.8) = 0.9.
    XCTAssertTrue(plan.contains("masked-LM  0.90 B"), plan)
    XCTAssertTrue(plan.contains("together    5     5"), plan)
  }

  // MARK: - A program that stands in

  private static let standIn = SharedFolder.packageRoot.appendingPathComponent("Tests/Hosts/sweep/palier").path

  /// Cells that tokenize nothing: the stand-in has no tokenizer.
  private func standInStudy(schemes: String = "LSQ_E4W4A4") throws -> Study {
    let study = try Study(
      """
      name: stand-in
      set:
        budget.total_steps: 12
        optimizer.schedule: wsd
        optimizer.warmup_steps: 2
        optimizer.decay_share: 0.25
      schemes: [\(schemes)]
      alphas: [0, 0.5, 1]
      budget: heads
      seeds: {trunks: [1], heads: [1, 2]}
      """)
    let store = study.folder.file("store").path
    try Program.succeed([
      "tokenize", "--tokenizer", try DemoData.model(), "--out", store, try DemoData.data() + "/corpus.txt",
    ])
    let base = study.folder.file("base.yaml")
    let text = try String(contentsOf: base, encoding: .utf8)
      .replacingOccurrences(of: "text: \(try DemoData.data())/corpus.txt", with: "store: \(store)")
    try Data(text.utf8).write(to: base)
    return study
  }

  private func sweep(_ study: Study, _ more: [String] = [], environment: [String: String] = [:]) throws -> MPIRun {
    let variables = ["PALIER_CELL_PROGRAM": Self.standIn, "STANDIN_STEP_SECONDS": "0.01"].merging(environment) { $1 }
    return try MPIRun(command: [MPIRun.pathOfBuilt("palier")] + study.arguments + more, environment: variables)
  }

  /// The sweep itself, or one of its programs, killed twelve times at any moment.
  func testASweepKilledTwelveTimesEndsWithTheResultsOfAnUndisturbedOne() throws {
    let schemes = "LSQ_E8W8A8, LSQ_E4W4A4"
    let (quiet, torn) = (try standInStudy(schemes: schemes), try standInStudy(schemes: schemes))
    XCTAssertEqual(try sweep(quiet).wait().status, 0)
    let pids = torn.folder.file("pids")
    try FileManager.default.createDirectory(at: pids, withIntermediateDirectories: true)
    var numbers = SystemRandomNumberGenerator()
    for round in 0..<12 {
      let run = try sweep(torn, round % 3 == 2 ? ["--jobs", "2"] : [], environment: ["STANDIN_PIDS": pids.path])
      usleep(UInt32.random(in: 150_000...900_000, using: &numbers))
      switch round % 4 {
      case 0, 1: run.send(SIGKILL)
      case 2: run.send(SIGTERM)
      default:
        // A program of a cell: the sweep tells of it, goes on with the rest, and fails in the end.
        for name in try FileManager.default.contentsOfDirectory(atPath: pids.path) {
          if let process = pid_t(name) { kill(process, SIGKILL) }
        }
        usleep(200_000)
        run.send(SIGTERM)
      }
      _ = run.wait()
      for name in try FileManager.default.contentsOfDirectory(atPath: pids.path) {
        if !FileManager.default.fileExists(atPath: "/proc/\(name)") {
          try FileManager.default.removeItem(at: pids.appendingPathComponent(name))
        }
      }
    }
    let last = try sweep(torn).wait()
    XCTAssertEqual(last.status, 0, last.output + last.errors)
    XCTAssertEqual(try torn.results(), try quiet.results())
  }

  func testCtrlCLetsTheCellsSaveAndTheSameCommandGoesOn() throws {
    let study = try standInStudy()
    let run = try sweep(study, ["--jobs", "2"], environment: ["STANDIN_STEP_SECONDS": "0.2"])
    _ = try run.waitForLine("stand-in: ")
    usleep(600_000)
    run.send(SIGINT)
    let stopped = run.wait()
    XCTAssertEqual(stopped.status, 75, stopped.errors)
    XCTAssertTrue(stopped.output.contains("the same command goes on from here"), stopped.output)
    XCTAssertFalse(stopped.output.contains("FAILED"), stopped.output)
    let saved = try study.cells().compactMap { $0["id"] as? String }.filter {
      FileManager.default.fileExists(atPath: study.cell($0).appendingPathComponent("run/checkpoints").path)
    }
    XCTAssertEqual(saved.count, 2)
    XCTAssertEqual(try sweep(study).wait().status, 0)
  }

  func testTwoSweepsOnOneFolderShareTheWork() throws {
    let study = try standInStudy()
    let runs = [try sweep(study), try sweep(study)]
    let outcomes = runs.map { $0.wait() }
    XCTAssertEqual(outcomes.map(\.status), [0, 0], outcomes.map(\.errors).joined())
    let done = outcomes.map { $0.output.components(separatedBy: "] done ").count - 1 }
    XCTAssertEqual(done.reduce(0, +), try study.cells().count, outcomes.map(\.output).joined())
    XCTAssertTrue(done.allSatisfy { $0 > 0 }, "\(done)")
  }

  func testAFailedCellIsCode1AndOneLine() throws {
    let study = try standInStudy(schemes: "LSQ_E8W8A8, LSQ_E4W4A4")
    let outcome = try sweep(study, environment: ["STANDIN_FAIL": "scheme: LSQ_E4W4A4"]).wait()
    XCTAssertEqual(outcome.status, 1)
    XCTAssertEqual(outcome.errorLines.count, 1, outcome.errors)
    XCTAssertTrue(outcome.errors.contains("3 cells failed, and 6 cells could not start"), outcome.errors)
  }

  /// From `--submit slurm --go` to the end, with a stand-in of Slurm that knows arrays, dependencies and requeue: one
  /// task is told of its time limit, saves, and goes on from its requeue.
  func testJobArraysOfSlurmEndWithTheSameResults() throws {
    let (quiet, study) = (try standInStudy(), try standInStudy())
    XCTAssertEqual(try sweep(quiet).wait().status, 0)
    let slurm = SharedFolder.packageRoot.appendingPathComponent("Tests/Hosts/slurm").path
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin"
    let trunk = quiet.cell(try quiet.id("trunk")).lastPathComponent
    let environment = [
      "PATH": "\(slurm):\(path)", "SLURM_STANDIN_JOBS": study.folder.file("jobs").path,
      "SLURM_STANDIN_SIGNAL_AT": study.cell(trunk).appendingPathComponent("run/checkpoints/step-000006").path,
      "STANDIN_STEP_SECONDS": "0.05",
    ]
    let outcome = try sweep(study, ["--submit", "slurm", "--go"], environment: environment).wait()
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    XCTAssertEqual(outcome.output.components(separatedBy: ": job ").count - 1, 4, outcome.output)
    XCTAssertEqual(try study.results(), try quiet.results())
    let logs = try FileManager.default.contentsOfDirectory(atPath: study.out.appendingPathComponent("slurm").path)
      .filter { $0.hasSuffix(".log") }.map {
        try String(contentsOf: study.out.appendingPathComponent("slurm/\($0)"), encoding: .utf8)
      }.joined()
    let count = try study.cells().count
    for words in [
      "back into the queue", "cell \(trunk), start 2", "energy of \(count) cells by Slurm's accounting\n",
    ] { XCTAssertTrue(logs.contains(words), logs) }
    let energy = try Data(contentsOf: study.cell(trunk).appendingPathComponent("energy.json"))
    let fields = try XCTUnwrap(JSONSerialization.jsonObject(with: energy) as? [String: Any])
    XCTAssertEqual(try XCTUnwrap(fields["kwh"] as? Double), 0.002, accuracy: 1e-12, "a requeued task is one job")
  }

  func testWrongUsageIsToldBeforeAnythingStarts() throws {
    let study = try standInStudy()
    for arguments in [["--rate", "3"], ["--go"], ["--energy", "--plan"], ["--plan", "--cell", "x"], ["--jobs", "0"], ["--keep", "all"]] {
      XCTAssertEqual(try Program.run(study.arguments + arguments).status, 64, "\(arguments)")
    }
    try Program.fail(["sweep", "/nowhere.yaml", "--out", study.out.path], naming: "nowhere.yaml")
    try Program.fail(study.arguments + ["--cell", "0123456789ab"], naming: "0123456789ab")
    let grid = URL(fileURLWithPath: study.grid)
    let text = try String(contentsOf: grid, encoding: .utf8)
    try Data((text + "\nmodels: {M: /nowhere}").utf8).write(to: grid)
    try Program.fail(study.arguments, naming: "model.checkpoint: /nowhere")
    let plan = try Program.succeed(study.arguments + ["--plan", "--rate", "1000"])
    XCTAssertTrue(plan.contains("not here: /nowhere"), plan)
    XCTAssertFalse(FileManager.default.fileExists(atPath: study.out.appendingPathComponent("cells/x").path))
  }
}
