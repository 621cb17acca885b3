import Foundation
import XCTest

/// What mpirun's bindings look like from inside.
final class PlacementRunTests: XCTestCase {
  func testASingleCoreBindingIsRefusedOnEveryRankWithOneLine() throws {
    try XCTSkipUnless(ProcessInfo.processInfo.activeProcessorCount >= 2, "one core: every binding is to one")
    let outcome = try MPIRun(["placement"], ranks: 1, binding: ["--bind-to", "core"]).wait()
    XCTAssertEqual(outcome.status, 1)
    XCTAssertTrue(outcome.errors.contains("is bound to core"), outcome.errors)
    XCTAssertEqual(outcome.errorLines.count, 1)
  }

  func testUnboundRanksShareTheCores() throws {
    let cores = ProcessInfo.processInfo.activeProcessorCount
    try XCTSkipUnless(cores >= 2, "one core")
    let outcome = try MPIRun(["placement", "1"], ranks: 2).wait()
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    XCTAssertTrue(outcome.output.hasPrefix("2 ranks × 1 thread × 1 node ("), outcome.output)
    XCTAssertTrue(outcome.output.contains(", same"), outcome.output)
  }

  func testMoreRanksThanCoresAreRefused() throws {
    let ranks = ProcessInfo.processInfo.activeProcessorCount + 1
    try XCTSkipUnless(ranks <= 9, "too many cores to fill in a test")
    let outcome = try MPIRun(["placement", "1"], ranks: ranks).wait()
    XCTAssertEqual(outcome.status, 1)
    XCTAssertTrue(outcome.errors.contains("given by the launcher"), outcome.errors)
    XCTAssertEqual(outcome.errorLines.count, 1)
  }

  /// As on a machine of two NUMA nodes, whose ranks mpirun left free: each keeps to a half, and so do the threads it starts.
  func testFreeRanksKeepToANodeEach() throws {
    let cores = ProcessInfo.processInfo.activeProcessorCount
    try XCTSkipUnless(cores >= 2, "one core")
    let outcome = try MPIRun(["nodes"], ranks: 2).wait()
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    let lines = outcome.output.split(separator: "\n").filter { $0.hasPrefix("rank ") }
    XCTAssertEqual(lines.count, 2, outcome.output)
    XCTAssertTrue(lines[0].hasPrefix("rank 0 on [0], CPUs "), outcome.output)
    XCTAssertTrue(lines[1].hasPrefix("rank 1 on [1], CPUs "), outcome.output)
    let cpus = lines.compactMap { $0.components(separatedBy: "CPUs ").last }
    XCTAssertNotEqual(cpus[0], cpus[1])
  }

  func testOneRankOverTwoNodesKeepsAllItsCPUs() throws {
    let cores = ProcessInfo.processInfo.activeProcessorCount
    try XCTSkipUnless(cores >= 2, "one core")
    let outcome = try MPIRun(["nodes"], ranks: 1).wait()
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    XCTAssertTrue(outcome.output.contains("rank 0 on [0, 1], CPUs "), outcome.output)
  }
}
