import Foundation
import TestSupport
import XCTest

/// Several hosts for real: the same bits as on one, and an end in time when one is lost.
final class HostsTests: XCTestCase {
  /// docs/clusters.md, "When a rank or a host is lost": the seconds within which nothing of the run is left.
  private static let bound = 15.0
  private static let settings = [
    "--set", "compute.allow_oversubscription=true", "--set", "budget.total_steps=60", "--set",
    "checkpoints.every_steps=2", "--set", "checkpoints.keep_last=30", "--set", "guards.collective_timeout_seconds=600",
  ]

  private func weights(_ output: URL) throws -> Data {
    try Data(contentsOf: output.appendingPathComponent("checkpoints/step-000060/model.safetensors"))
  }

  /// The weights that one rank on one host ends with.
  private func weightsOfOneHost() throws -> Data {
    let folder = try TemporaryFolder()
    let output = folder.url.appendingPathComponent("out")
    try Program.succeed(["train", DemoData.configuration(output: output)] + Self.settings)
    return try weights(output)
  }

  func testTwoHostsGiveTheBitsOfOne() throws {
    let hosts = try Hosts(2)
    let folder = try TemporaryFolder()
    let output = folder.url.appendingPathComponent("out")
    let config = try DemoData.configuration(output: output)
    let outcome = try hosts.start(["train", config] + Self.settings, slots: [1: 1, 2: 1], folder: folder.url).wait()
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    XCTAssertTrue(outcome.output.contains("2 ranks × 1 thread × 2 nodes"), outcome.output)
    XCTAssertEqual(try weights(output), try weightsOfOneHost())
  }

  /// The first host is the login node: one core, and no rank on it.
  func testHostsTellTheirOwnCores() throws {
    try XCTSkipUnless(ProcessInfo.processInfo.activeProcessorCount >= 2, "one core")
    let hosts = try Hosts(3)
    let folder = try TemporaryFolder()
    for (cpus, options, told, line) in [
      ("0 0-1 0-1", [], "2 ranks × 2 threads on 2 host(s) of 2 cores", "2 ranks × 2 threads × 2 nodes"),
      ("0 0-1 0-1", ["--threads", "1"], "2 ranks × 1 threads on 2 host(s) of 2 cores", "2 ranks × 1 thread × 2 nodes"),
      ("0-1 0-1 0", [], "the hosts have from 1 to 2 cores", "2 ranks × 2 threads × 2 nodes"),
    ] {
      let outcome = try hosts.start(
        ["placement"], of: "RankProbe", slots: [2: 1, 3: 1], folder: folder.url, options: options, cpus: cpus
      ).wait()
      XCTAssertEqual(outcome.status, 0, outcome.errors)
      XCTAssertTrue(outcome.errors.contains(told), outcome.errors)
      XCTAssertTrue(outcome.output.contains(line), outcome.output)
    }
  }

  func testACutLinkEndsTheRunInTimeAndTheOtherHostsGoOn() throws {
    let hosts = try Hosts(3)
    try loseHost(hosts) { try hosts.cut(3) }
  }

  func testAHostWhoseProcessesDieEndsTheRunInTimeAndTheOtherHostsGoOn() throws {
    let hosts = try Hosts(3)
    try loseHost(hosts) {
      let outcome = try MPIRun(command: ["/bin/sh", "-c", "ip netns pids \(hosts.nameOf(3)) | xargs kill -KILL"]).wait()
      XCTAssertEqual(outcome.status, 0, outcome.errors)
    }
  }

  /// OpenMPI 4.1's own launcher may crash as it loses a host: nothing stays behind then either.
  func testALauncherThatCrashesEndsTheRunInTimeAsALostHostDoes() throws {
    let hosts = try Hosts(3)
    try loseHost(hosts) {
      let crash = "ps -C mpirun -o pid= | grep -wf <(ip netns pids \(hosts.nameOf(1)) | tr -d ' ') | xargs kill -SEGV"
      XCTAssertEqual(try MPIRun(command: ["/bin/bash", "-c", crash]).wait().status, 0)
    }
  }

  /// Starts a run on three hosts, loses the third by `loss`, and resumes on the first two.
  private func loseHost(_ hosts: Hosts, by loss: () throws -> Void) throws {
    let folder = try TemporaryFolder()
    let output = folder.url.appendingPathComponent("out")
    let arguments = try ["train", DemoData.configuration(output: output)] + Self.settings
    let run = try hosts.start(arguments, slots: [1: 2, 2: 1, 3: 1], folder: folder.url)
    try waitForACheckpoint(in: output)
    try loss()
    let start = Date()
    let outcome = run.wait()
    XCTAssertEqual(outcome.status, 205, outcome.errors)
    XCTAssertTrue(outcome.errors.contains("ended with code 205: OpenMPI lost a host"), outcome.errors)
    while try !hosts.processes().isEmpty, Date().timeIntervalSince(start) < Self.bound { usleep(100_000) }
    let seconds = Date().timeIntervalSince(start)
    XCTAssertEqual(try hosts.processes(), [], "left after \(seconds) s")
    XCTAssertLessThan(seconds, Self.bound)
    print("nothing of the run is left \(seconds) s after the loss")
    let resumed = try hosts.start(arguments + ["--resume"], slots: [1: 2, 2: 1], folder: folder.url).wait()
    XCTAssertEqual(resumed.status, 0, resumed.errors)
    XCTAssertTrue(resumed.output.contains("resuming at step "), resumed.output)
    XCTAssertEqual(try weights(output), try weightsOfOneHost())
  }

  private func waitForACheckpoint(in output: URL) throws {
    let end = Date(timeIntervalSinceNow: 60)
    let first = output.appendingPathComponent("checkpoints/step-000006").path
    while !FileManager.default.fileExists(atPath: first) {
      if Date() > end { return XCTFail("no checkpoint within a minute") }
      usleep(5_000)
    }
  }
}
