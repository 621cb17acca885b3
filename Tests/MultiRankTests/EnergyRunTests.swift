import Foundation
import TestSupport
import XCTest

/// Energy of a whole run, from counters that the test keeps running.
final class EnergyRunTests: XCTestCase {
  func testEnergyIsReadOnceAHostAndSurvivesAResume() throws {
    let folder = try TemporaryFolder()
    let counters = Counters(folder.file("powercap"))
    try counters.start()
    defer { counters.stop() }
    let config = try DemoData.configuration(output: folder.file("out"))
    func run(_ arguments: [String]) throws -> [String: Any] {
      let outcome = try MPIRun(
        ["train", config] + arguments, of: "palier", ranks: 2, environment: ["PALIER_POWERCAP": counters.folder.path]
      ).wait()
      XCTAssertEqual(outcome.status, 0, outcome.errors)
      let metrics = try String(contentsOf: folder.file("out/metrics.jsonl"), encoding: .utf8)
      let lines = metrics.split(separator: "\n").map { try? JSONSerialization.jsonObject(with: Data($0.utf8)) }
      return try XCTUnwrap(lines.compactMap { $0 as? [String: Any] }.last { $0["kind"] as? String == "end" })
    }
    let first = try run([])
    let joules = try XCTUnwrap(first["joules"] as? Double)
    XCTAssertGreaterThan(joules, 0)
    let hosts = try XCTUnwrap(first["joules_by_host"] as? [String: Double])
    XCTAssertEqual(hosts.count, 1, "two ranks of one host read its counters once")
    XCTAssertEqual(hosts.values.reduce(0, +), joules, accuracy: 1e-9)
    XCTAssertEqual(first["joules_before_resume"] as? Double, 0)
    XCTAssertTrue((first["energy_method"] as? String)?.contains("RAPL") ?? false)

    let second = try run(["--resume"])
    let before = try XCTUnwrap(second["joules_before_resume"] as? Double)
    XCTAssertGreaterThan(before, 0)
    XCTAssertLessThanOrEqual(before, joules)
    let here = try XCTUnwrap(second["joules_by_host"] as? [String: Double]).values.reduce(0, +)
    XCTAssertEqual(try XCTUnwrap(second["joules"] as? Double), before + here, accuracy: 1e-6)
  }

  /// One package whose counter goes up by a joule every few milliseconds.
  private final class Counters: @unchecked Sendable {
    let folder: URL
    private let lock = NSLock()
    private var goesOn = true

    init(_ folder: URL) { self.folder = folder }

    func start() throws {
      let zone = folder.appendingPathComponent("intel-rapl:0")
      try FileManager.default.createDirectory(at: zone, withIntermediateDirectories: true)
      for (name, text) in [("name", "package-0"), ("max_energy_range_uj", "262143328850"), ("energy_uj", "0")] {
        try Data("\(text)\n".utf8).write(to: zone.appendingPathComponent(name))
      }
      Thread.detachNewThread { [self] in
        var value = 0
        while lock.withLock({ goesOn }) {
          value += 1_000_000
          try? Data("\(value)\n".utf8).write(to: zone.appendingPathComponent("energy_uj"), options: .atomic)
          usleep(5000)
        }
      }
    }

    func stop() { lock.withLock { goesOn = false } }
  }
}
