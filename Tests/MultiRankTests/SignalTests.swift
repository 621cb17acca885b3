import Foundation
import XCTest

/// Signals end a step loop after the same step on every rank.
final class SignalTests: XCTestCase {
  func testMpirunHandsSIGUSR1OnToItsRanks() throws {
    let run = try MPIRun(["signal"], ranks: 2)
    _ = try run.waitForLine("ready")
    run.send(SIGUSR1)
    let outcome = run.wait()
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    XCTAssertTrue(outcome.output.hasSuffix("stopped by SIGUSR1, same step on all ranks: true\n"), outcome.output)
  }

  func testASignalToOneRankStopsAll() throws {
    for (signal, name) in [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT"), (SIGUSR1, "SIGUSR1"), (SIGHUP, "SIGHUP")] {
      let run = try MPIRun(["signal"], ranks: 3)
      let ids = try run.waitForLine("ready").split(separator: " ").compactMap { Int32($0) }
      XCTAssertEqual(ids.count, 3)
      guard let last = ids.last, last > 1 else { return }
      kill(last, signal)
      let outcome = run.wait()
      XCTAssertEqual(outcome.status, 0, outcome.errors)
      XCTAssertTrue(outcome.output.hasSuffix("stopped by \(name), same step on all ranks: true\n"), outcome.output)
    }
  }

  func testAHangupIsLeftIgnoredWhereItIs() throws {
    let probe = try MPIRun.pathOfBuilt("RankProbe")
    let run = try MPIRun(command: ["/bin/bash", "-c", "trap '' HUP; exec \(probe) signal"])
    _ = try run.waitForLine("ready")
    run.send(SIGHUP)
    usleep(200_000)
    run.send(SIGUSR1)
    let outcome = run.wait()
    XCTAssertTrue(outcome.output.contains("stopped by SIGUSR1"), outcome.output)
  }

  func testASecondInterruptEndsAtOnce() throws {
    let run = try MPIRun(["deaf"], ranks: nil)
    _ = try run.waitForLine("ready")
    // Two that are pending together are one: give the first a moment to arrive.
    run.send(SIGINT)
    usleep(200_000)
    run.send(SIGINT)
    XCTAssertEqual(run.wait().status, 130)
  }
}
