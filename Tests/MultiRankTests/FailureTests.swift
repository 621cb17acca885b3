import Foundation
import XCTest

/// Every way for a rank to fail ends all ranks, with one line and a code other than zero.
final class FailureTests: XCTestCase {
  private func check(
    _ arguments: [String], ranks: Int = 3, status: Int32, line expected: String, file: StaticString = #filePath,
    line: UInt = #line
  ) throws {
    let outcome = try MPIRun(arguments, ranks: ranks).wait(file: file, line: line)
    XCTAssertEqual(outcome.status, status, file: file, line: line)
    XCTAssertEqual(outcome.errorLines.count, 1, outcome.errors, file: file, line: line)
    let pattern = "^palier: rank [0-9]+ on [^ ]+: "
    let message = outcome.errors.replacingOccurrences(of: pattern, with: "", options: .regularExpression)
    XCTAssertTrue(outcome.errors.hasPrefix("palier: rank "), outcome.errors, file: file, line: line)
    XCTAssertTrue(message.hasPrefix(expected), outcome.errors, file: file, line: line)
  }

  func testAnAgreedErrorIsPrintedOnceByTheFirstRankThatFailed() throws {
    try check(["agree", "1"], status: 1, line: "no such file: corpus.txt")
    try check(["agree", "0"], status: 1, line: "no such file: corpus.txt")
  }

  func testAnErrorOfOneRankAloneEndsAll() throws {
    try check(["throw", "2"], status: 1, line: "alone with an error")
  }

  func testACallThatMPIRefusesIsNamed() throws {
    try check(["wrong-root", "1"], status: 1, line: "MPI_Bcast failed: MPI_ERR_ROOT")
  }

  func testAbortPrintsOneLineAndItsCode() throws {
    try check(["abort", "1"], status: 3, line: "the probe gives up")
  }

  func testAKilledRankEndsTheOthers() throws {
    let start = Date()
    let outcome = try MPIRun(["kill", "1"], ranks: 3).wait()
    XCTAssertEqual(outcome.status, 137)
    XCTAssertLessThan(Date().timeIntervalSince(start), 10)
  }

  func testTheWatchdogEndsACollectiveThatHangs() throws {
    try check(["hang", "1"], ranks: 3, status: 124, line: "MPI_Barrier has not moved for 1 s")
  }

  func testTheWatchdogEndsAReductionThatHangs() throws {
    try check(["hang-reduction", "1"], ranks: 2, status: 124, line: "MPI_Testall has not moved for 1 s")
  }

  func testSeparateWorldsAreRefused() throws {
    let slurm = ["SLURM_NTASKS": "4", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4"]
    let outcome = try MPIRun(["selfcheck"], ranks: nil, environment: slurm).wait()
    XCTAssertEqual(outcome.status, 2)
    XCTAssertTrue(outcome.errors.hasPrefix("palier: srun started 4 tasks"), outcome.errors)
    let hydra = try MPIRun(["selfcheck"], ranks: nil, environment: ["PMI_SIZE": "4", "PMI_RANK": "1"]).wait()
    XCTAssertEqual(hydra.status, 2)
    XCTAssertTrue(hydra.errors.hasPrefix("palier: the launcher announced 4 ranks (PMI_SIZE)"), hydra.errors)
  }
}
