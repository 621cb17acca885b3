import Foundation
import TestSupport
import XCTest

/// Several hosts on this machine, made by `Tests/Hosts/hosts`; they go with the value, or with this process.
final class Hosts {
  private static let script = SharedFolder.packageRoot.appendingPathComponent("Tests/Hosts/hosts").path
  private static let agent = SharedFolder.packageRoot.appendingPathComponent("Tests/Hosts/agent").path
  private static let launcher = SharedFolder.packageRoot.appendingPathComponent("launch/mpirun").path
  nonisolated(unsafe) private static var made = 0

  private let name: String

  /// Makes `count` hosts; skipped where there are no rights to.
  init(_ count: Int) throws {
    Hosts.made += 1
    name = "palier\(getpid())n\(Hosts.made)"
    let outcome = try MPIRun(command: [Hosts.script, "up", name, "\(count)", "\(getpid())"]).wait()
    try XCTSkipIf(outcome.status == 77, outcome.errors.trimmingCharacters(in: .newlines))
    XCTAssertEqual(outcome.status, 0, outcome.errors)
  }

  deinit { _ = try? MPIRun(command: [Hosts.script, "down", name]).wait() }

  /// What `host` is called, from 1: its host name and its namespace.
  func nameOf(_ host: Int) -> String { "\(name)-\(host)" }

  /// Starts `palier` by `launch/mpirun` from the first host.
  /// - Parameter slots: the ranks of each host that takes part, by its number from 1.
  ///   - options: more words for `launch/mpirun`; one thread a rank unless they are given.
  ///   - cpus: the cores of each host, where not all.
  func start(
    _ arguments: [String], of program: String = "palier", slots: KeyValuePairs<Int, Int>, folder: URL,
    options: [String] = ["--threads", "1"], cpus: String = ""
  ) throws -> MPIRun {
    let hostfile = folder.appendingPathComponent("hostfile")
    try Data(slots.map { "10.77.0.\($0.key) slots=\($0.value)\n" }.joined().utf8).write(to: hostfile)
    let launch = [
      Hosts.launcher, "-n", "\(slots.reduce(0) { $0 + $1.value })", "--hostfile", hostfile.path,
      "--mca", "plm_rsh_agent", Hosts.agent,
    ]
    return try MPIRun(
      command: [Hosts.script, "run", name, "1"] + launch + options + ["--", MPIRun.pathOfBuilt(program)] + arguments,
      environment: ["PALIER_HOSTS": name, "PALIER_HOST_CPUS": cpus], timeout: 120)
  }

  /// Cuts the link of `host`: its packets are lost, and nobody is told.
  func cut(_ host: Int) throws {
    XCTAssertEqual(try MPIRun(command: [Hosts.script, "cut", name, "\(host)"]).wait().status, 0)
  }

  /// The processes that run on any of the hosts.
  func processes() throws -> [Int32] {
    try MPIRun(command: [Hosts.script, "pids", name]).wait().output.split(separator: "\n").compactMap { Int32($0) }
  }
}
