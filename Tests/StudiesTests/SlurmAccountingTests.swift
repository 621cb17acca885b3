import Foundation
import Studies
import TestSupport
import XCTest

/// Energy by Slurm's accounting, with a stand-in of `sacct`.
final class SlurmAccountingTests: XCTestCase {
  private let files = Result { try StudyFiles() }
  private var path = ""

  override func setUp() {
    path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    setenv("PATH", SharedFolder.packageRoot.appendingPathComponent("Tests/Hosts/slurm").path + ":" + path, 1)
  }

  override func tearDown() {
    setenv("PATH", path, 1)
    unsetenv("SLURM_STANDIN_ENERGY")
  }

  /// Four cells that are done, in jobs 10 to 13, the first in job 9 too; one without a job.
  private func study(_ accounting: String) throws -> (SlurmAccounting, [CellFolder]) {
    let files = try files.get()
    let graph = try files.graph("alphas: [0]\nseeds: {heads: [1, 2, 3, 4, 5]}\n")
    let cells = graph.cells.map { files.study.cell($0.id) }
    for (number, cell) in cells.enumerated() {
      try FileManager.default.createDirectory(at: cell.url, withIntermediateDirectories: true)
      try Data().write(to: cell.url.appendingPathComponent("DONE"))
      guard number < 4 else { continue }
      let jobs = (number == 0 ? "9\n" : "") + "\(10 + number)\n"
      try Data(jobs.utf8).write(to: cell.url.appendingPathComponent("slurm-jobs.txt"))
    }
    let lines = files.folder.file("accounting")
    try Data(accounting.utf8).write(to: lines)
    setenv("SLURM_STANDIN_ENERGY", lines.path, 1)
    return (SlurmAccounting(graph, in: files.study), cells)
  }

  private func kilowattHours(_ cell: CellFolder) throws -> Double? {
    guard let data = try? Data(contentsOf: cell.url.appendingPathComponent("energy.json")) else { return nil }
    return (try JSONSerialization.jsonObject(with: data) as? [String: Any])?["kwh"] as? Double
  }

  /// All starts of all jobs of a cell count; a hole in one leaves the cell without a figure, and what goes on is asked again.
  func testJobsAreSummedAndHolesAreNoFigure() throws {
    let (accounting, cells) = try study(
      """
      9|TIMEOUT|3600000
      9|CANCELLED by 1000|1800000
      10|COMPLETED|1800000
      11|COMPLETED|
      12|RUNNING|
      13|COMPLETED|18446744073709551614

      """)
    let outcome = try accounting.write()
    XCTAssertEqual(outcome, made(known: 1, running: 1, unmeasured: 2))
    XCTAssertEqual(try XCTUnwrap(kilowattHours(cells[0])), 2, accuracy: 1e-12)
    XCTAssertEqual(try cells.dropFirst().map(kilowattHours), [nil, nil, nil, nil])
    setenv("SLURM_STANDIN_ENERGY", "/dev/null", 1)
    XCTAssertEqual(try accounting.write(), made(known: 4, running: 0, unmeasured: 0))
    XCTAssertEqual(try XCTUnwrap(kilowattHours(cells[2])), 0.002, accuracy: 1e-12)
    XCTAssertEqual(try XCTUnwrap(kilowattHours(cells[0])), 2, accuracy: 1e-12, "what is known is not asked again")
  }

  func testAHostWithoutAccountingIsOneLine() throws {
    let (accounting, _) = try study("")
    setenv("PATH", "/nowhere", 1)
    assertRefuses("sacct", "accounting") { _ = try accounting.write() }
  }

  private func made(known: Int, running: Int, unmeasured: Int) -> SlurmAccounting.Outcome {
    var outcome = SlurmAccounting.Outcome()
    (outcome.known, outcome.running, outcome.unmeasured) = (known, running, unmeasured)
    return outcome
  }
}
