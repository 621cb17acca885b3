import XCTest

/// Collectives and gradient reduction under real mpirun.
final class CollectiveTests: XCTestCase {
  func testCollectivesMatchClosedFormsOnOneToFourRanks() throws {
    for ranks in [1, 2, 3, 4] {
      let outcome = try MPIRun(["selfcheck"], ranks: ranks).wait()
      XCTAssertEqual(outcome.status, 0, outcome.errors)
      XCTAssertEqual(outcome.output, "self-check passed on \(ranks) ranks, threads multiple\n")
      XCTAssertEqual(outcome.errors, "", "quiet")
    }
  }

  func testSerializedThreadsAreEnough() throws {
    let outcome = try MPIRun(["selfcheck", "serialized"], ranks: 3).wait()
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    XCTAssertEqual(outcome.output, "self-check passed on 3 ranks, threads serialized\n")
  }

  func testOneRankNeedsNoLauncherAndIsQuiet() throws {
    let outcome = try MPIRun(["selfcheck"], ranks: nil, environment: ["PATH": "/nonexistent"]).wait()
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    XCTAssertEqual(outcome.errors, "")
  }

  func testWholeNumberSumsHaveTheSameBitsOnAnyNumberOfRanks() throws {
    var exact: Set<String> = []
    for ranks in [1, 2, 3, 4, 6] {
      let lines = try digests(ranks: ranks)
      XCTAssertEqual(lines.count, ranks)
      XCTAssertEqual(Set(lines).count, 1, "the same bits on all \(ranks) ranks, floats too")
      exact.formUnion(lines.map { String($0.split(separator: " ")[1]) })
    }
    XCTAssertEqual(exact.count, 1)
  }

  func testFloatSumsRepeatTheirBits() throws {
    let first = try digests(ranks: 3)
    XCTAssertEqual(try digests(ranks: 3), first)
  }

  private func digests(ranks: Int) throws -> [String] {
    let outcome = try MPIRun(["digest"], ranks: ranks).wait()
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    return outcome.output.split(separator: "\n").map(String.init)
  }
}
