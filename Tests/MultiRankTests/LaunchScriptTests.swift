import Foundation
import TestSupport
import XCTest

/// `launch/mpirun` with the real mpirun, and with one that crashes.
final class LaunchScriptTests: XCTestCase {
  private static let script = SharedFolder.packageRoot.appendingPathComponent("launch/mpirun").path

  private func start(
    _ options: [String], _ program: String = "RankProbe", _ arguments: [String], environment: [String: String] = [:]
  ) throws -> MPIRun {
    try MPIRun(
      command: [Self.script] + options + ["--", MPIRun.pathOfBuilt(program)] + arguments, environment: environment)
  }

  // MARK: Threads

  func testOneThreadAskedOfTheLauncherIsTaken() throws {
    try XCTSkipUnless(ProcessInfo.processInfo.activeProcessorCount >= 2, "one core: every binding is to one")
    let outcome = try start(["-n", "1", "--threads", "1"], "RankProbe", ["placement"]).wait()
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    XCTAssertTrue(outcome.output.hasPrefix("1 rank × 1 thread × 1 node"), outcome.output)
  }

  func testThreadsAskedOfTheLauncherCountWhereNothingIsBound() throws {
    // As the launcher's `-x` hands it on; the ranks have all cores.
    for (text, line) in [("1", "1 rank × 1 thread "), ("zero", "no number of threads"), ("0", "no number of threads")] {
      let outcome = try MPIRun(["placement"], ranks: 1, environment: ["PALIER_THREADS_ASKED": text]).wait()
      XCTAssertTrue((outcome.output + outcome.errors).contains(line), outcome.output + outcome.errors)
    }
  }

  func testHostsThatDoNotAnswerAreTakenToBeLikeThisOne() throws {
    let folder = try TemporaryFolder()
    let hostfile = folder.file("hosts")
    try Data("no.such.host.invalid slots=1\n".utf8).write(to: hostfile)
    let outcome = try start(["-n", "1", "--hostfile", hostfile.path, "--dry-run"], "RankProbe", []).wait()
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    XCTAssertTrue(outcome.errors.contains("the hosts did not say what cores they have"), outcome.errors)
  }

  // MARK: Few open files

  func testTooFewOpenFilesAreOneLineUnderTheLauncherAndAlone() throws {
    let probe = try MPIRun.pathOfBuilt("RankProbe")
    for command in ["\(Self.script) -n 2 -- \(probe) selfcheck", "\(probe) selfcheck"] {
      let outcome = try MPIRun(command: ["/bin/bash", "-c", "ulimit -n 10; exec \(command)"]).wait()
      XCTAssertNotEqual(outcome.status, 0)
      XCTAssertEqual(outcome.errorLines.count, 1, outcome.errors)
      XCTAssertTrue(outcome.errors.contains("ulimit -n"), outcome.errors)
    }
  }

  // MARK: Signals

  func testAHangupAsksTheRanksToEnd() throws {
    let run = try start(["-n", "2"], "RankProbe", ["signal"])
    _ = try run.waitForLine("ready")
    run.send(SIGHUP)
    run.send(SIGHUP)  // a terminal's end comes from the shell and from the system
    let outcome = run.wait()
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    XCTAssertTrue(outcome.output.contains("stopped by SIGUSR1, same step on all ranks: true"), outcome.output)
  }

  func testASecondInterruptGivesItsCodeAndLeavesNoRank() throws {
    for (signal, code) in [(SIGINT, Int32(130)), (SIGTERM, 143)] {
      let run = try start(["-n", "2"], "RankProbe", ["deaf"])
      let rank = try XCTUnwrap(Int32(run.waitForLine("ready").dropFirst("ready ".count)))
      run.send(signal)
      usleep(300_000)
      run.send(signal)
      let outcome = run.wait()
      XCTAssertEqual(outcome.status, code, outcome.errors)
      XCTAssertTrue(ends(rank), "rank \(rank) lives on")
    }
  }

  func testASecondInterruptGivesItsCodeThoughMpirunCrashes() throws {
    let folder = try TemporaryFolder()
    let stand = folder.file("mpirun")
    // Takes SIGUSR1 as mpirun does, and falls over on SIGTERM with its rank left behind.
    let text = """
      #!/usr/bin/env bash
      trap : USR1
      trap 'kill -SEGV $$' TERM
      sleep 300 &
      echo "rank $!"
      for turn in {1..600}; do sleep 0.1; done
      """
    try Data(text.utf8).write(to: stand)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: stand.path)
    let path = folder.url.path + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
    let run = try start(["-n", "2"], "RankProbe", [], environment: ["PATH": path])
    let rank = try XCTUnwrap(Int32(run.waitForLine("rank").dropFirst("rank ".count)))
    run.send(SIGINT)
    usleep(300_000)
    run.send(SIGINT)
    let outcome = run.wait()
    XCTAssertEqual(outcome.status, 130, outcome.errors)
    XCTAssertTrue(ends(rank), "rank \(rank) lives on")
  }

  /// Whether a process is gone, or only waits to be collected, within five seconds.
  private func ends(_ process: Int32) -> Bool {
    for _ in 0..<50 {
      let status = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
      if status.isEmpty || status.contains(") Z ") { return true }
      usleep(100_000)
    }
    return false
  }

  // MARK: A terminal that is closed

  func testAClosedTerminalSavesTheRunUnderTheLauncherAndAlone() throws {
    let terminal = "/usr/bin/script"
    try XCTSkipUnless(
      FileManager.default.isExecutableFile(atPath: terminal), "script(1) is not here: it makes terminals")
    let palier = try MPIRun.pathOfBuilt("palier")
    for launcher in ["\(Self.script) -n 2 -- ", ""] {
      let folder = try TemporaryFolder()
      let output = folder.file("out")
      let config = try DemoData.configuration(output: output)
      let command = "\(launcher)\(palier) train \(config) --set budget.total_steps=4000 --set evaluation.points=4"
      // The terminal's first shell dies with it, and the system tells the processes in its foreground; one writes down how
      // the run ended.
      let inner = folder.file("inner")
      try Data("trap : HUP; \(command); echo $? > \(folder.file("code").path)\n".utf8).write(to: inner)
      let run = try MPIRun(
        command: [terminal, "-qfec", "/bin/bash \(inner.path); true", "/dev/null"], environment: ["TERM": "dumb"])
      XCTAssertTrue(appears(output.appendingPathComponent("metrics.jsonl"), with: "loss"), "no step: \(launcher)")
      run.send(SIGKILL)
      XCTAssertTrue(appears(folder.file("code"), with: "\n"), "the run did not end: \(launcher)")
      XCTAssertEqual(try String(contentsOf: folder.file("code"), encoding: .utf8), "75\n", launcher)
      let saved = try FileManager.default.contentsOfDirectory(atPath: output.appendingPathComponent("checkpoints").path)
      XCTAssertTrue(saved.contains { $0.hasPrefix("step-") }, "\(launcher)\(saved)")
    }
  }

  private func appears(_ url: URL, with text: String) -> Bool {
    for _ in 0..<300 {
      if let found = try? String(contentsOf: url, encoding: .utf8), found.contains(text) { return true }
      usleep(100_000)
    }
    return false
  }
}
