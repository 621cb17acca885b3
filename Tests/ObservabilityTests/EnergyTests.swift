import Foundation
import Observability
import TestSupport
import XCTest

final class EnergyTests: XCTestCase {
  private let clock = Clock()

  private func zone(_ name: String, in folder: TemporaryFolder, package: String, energy: UInt64, largest: UInt64) throws
  {
    let zone = folder.file(name)
    try FileManager.default.createDirectory(at: zone, withIntermediateDirectories: true)
    try "\(package)\n".write(to: zone.appendingPathComponent("name"), atomically: false, encoding: .utf8)
    try "\(largest)\n".write(
      to: zone.appendingPathComponent("max_energy_range_uj"), atomically: false, encoding: .utf8)
    try set(name, in: folder, energy: energy)
  }

  private func set(_ name: String, in folder: TemporaryFolder, energy: UInt64) throws {
    try "\(energy)\n".write(
      to: folder.file(name).appendingPathComponent("energy_uj"), atomically: false, encoding: .utf8)
  }

  private func meter(_ folder: TemporaryFolder) -> EnergyMeter {
    let clock = clock
    return EnergyMeter(folder: folder.url, now: { clock.seconds })
  }

  func testPackagesAreMeasuredAndTheirPartsAreNot() throws {
    let folder = try TemporaryFolder()
    try zone("intel-rapl:0", in: folder, package: "package-0", energy: 1_000_000, largest: 262_143_328_850)
    try zone("intel-rapl:1", in: folder, package: "package-1", energy: 5, largest: 262_143_328_850)
    try zone("intel-rapl:2", in: folder, package: "psys", energy: 5, largest: 262_143_328_850)
    try zone("intel-rapl:0:0", in: folder, package: "core", energy: 0, largest: 262_143_328_850)
    try zone("intel-rapl-mmio:0", in: folder, package: "package-0", energy: 0, largest: 262_143_328_850)
    let meter = meter(folder)
    try set("intel-rapl:0", in: folder, energy: 13_000_000)
    try set("intel-rapl:1", in: folder, energy: 300_005)
    XCTAssertEqual(meter.reading(), .measured([.init("package-0", 12), .init("package-1", 0.3)]))
  }

  func testACounterThatRunsOverGoesOn() throws {
    let folder = try TemporaryFolder()
    try zone("intel-rapl:0", in: folder, package: "package-0", energy: 900, largest: 999)
    let meter = meter(folder)
    try set("intel-rapl:0", in: folder, energy: 100)  // 900…999 is 100 counts to 0, and 100 more
    XCTAssertEqual(meter.reading().joules ?? 0, 200e-6, accuracy: 1e-12)
  }

  func testTheCounterIsLookedAtEveryTenSeconds() throws {
    let folder = try TemporaryFolder()
    try zone("intel-rapl:0", in: folder, package: "package-0", energy: 0, largest: 999)
    let meter = meter(folder)
    for energy: UInt64 in [600, 200, 800] {  // 600, then over the end by 200, then on to 800
      clock.seconds += 11
      try set("intel-rapl:0", in: folder, energy: energy)
      meter.lookIfDue()
    }
    XCTAssertEqual(meter.reading().joules ?? 0, 1800e-6, accuracy: 1e-12)
  }

  func testNothingIsMeasuredWithoutCounters() throws {
    let folder = try TemporaryFolder()
    XCTAssertEqual(meter(folder).reading(), .unavailable("the kernel offers no energy counters"))
    XCTAssertNil(meter(folder).reading().joules)
  }

  func testACounterThatCannotBeReadIsSaid() throws {
    let folder = try TemporaryFolder()
    try zone("intel-rapl:0", in: folder, package: "package-0", energy: 0, largest: 999)
    try "not a number".write(
      to: folder.file("intel-rapl:0").appendingPathComponent("energy_uj"), atomically: false, encoding: .utf8)
    XCTAssertEqual(
      meter(folder).reading(), .unavailable("the energy counters are readable by root only"))
    try "18446744073709551615".write(
      to: folder.file("intel-rapl:0").appendingPathComponent("energy_uj"), atomically: false, encoding: .utf8)
    XCTAssertNil(meter(folder).reading().joules)
  }

  func testHostsAndPartsOfARunAreSummed() {
    typealias Host = EnergyReport.Host
    let one = Host("node1", .measured([.init("package-0", 1000), .init("package-1", 500)]))
    let two = Host("node2", .measured([.init("package-0", 2000)]))
    let none = Host("node3", .unavailable("the energy counters are readable by root only"))
    let report = EnergyReport(hosts: [one, two, none], joulesBefore: 7_200_000)
    XCTAssertEqual(report.joules, 7_203_500)
    XCTAssertEqual(
      report.description,
      "7203.5 kJ, 2.0010 kWh (3 packages of 2 hosts; RAPL counters of processor packages, all programs on them; "
        + "7200.0 kJ of it before the resume; not node3: the energy counters are readable by root only)")
    XCTAssertNil(EnergyReport(hosts: [none]).joules)
    XCTAssertEqual(
      EnergyReport(hosts: [none]).description, "not measurable here (the energy counters are readable by root only)")
  }
}
