import Foundation

/// Reads the energy counters that the kernel offers for processor packages (RAPL, `/sys/class/powercap/intel-rapl:N`).
///
/// To be asked to look now and then (`lookIfDue`, at most every ten seconds): the counters run over every few minutes to an
/// hour (262 kJ on many processors), and an overrun is seen only if no two pass between looks. It covers the host that it
/// runs on and everything on it. Source: Linux, Documentation/power/powercap/powercap.rst.
public final class EnergyMeter {
  private struct Counter {
    let package: String
    let energyFile: URL
    /// The counter runs from 0 to this, in microjoules.
    let largest: UInt64
    var last: UInt64
    var microjoules: UInt64 = 0

    /// Adds what was used since the last look. A counter that fell has passed its end once.
    mutating func look() {
      guard let value = EnergyMeter.number(in: energyFile), value <= largest else { return }
      microjoules &+= value >= last ? value - last : value + (largest - last) + 1
      last = value
    }
  }

  private var counters: [Counter] = []
  private var reason = "the kernel offers no energy counters"
  private let now: () -> Double
  private var lastLook: Double

  /// Finds the counters and starts from their present state.
  /// - Parameters:
  ///   - folder: where the kernel shows them; the environment's `PALIER_POWERCAP` where it is mounted elsewhere.
  ///   - now: a clock, in seconds.
  public init(
    folder: URL = URL(
      fileURLWithPath: ProcessInfo.processInfo.environment["PALIER_POWERCAP"] ?? "/sys/class/powercap"),
    now: @escaping () -> Double = { ProcessInfo.processInfo.systemUptime }
  ) {
    self.now = now
    lastLook = now()
    let zones = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    // intel-rapl:0 is a package, also on AMD; intel-rapl:0:1 is a part of it; intel-rapl-mmio:0 is the same package again.
    for zone in zones.sorted() where zone.hasPrefix("intel-rapl:") && zone.filter({ $0 == ":" }).count == 1 {
      let url = folder.appendingPathComponent(zone)
      guard let package = Self.text(in: url.appendingPathComponent("name")), package.hasPrefix("package") else {
        continue
      }
      let energyFile = url.appendingPathComponent("energy_uj")
      guard let value = Self.number(in: energyFile),
        let largest = Self.number(in: url.appendingPathComponent("max_energy_range_uj")), value <= largest,
        largest < UInt64.max / 2
      else {
        reason = "the energy counters are readable by root only"
        continue
      }
      counters.append(Counter(package: package, energyFile: energyFile, largest: largest, last: value))
    }
  }

  /// What was used since the meter was made.
  public func reading() -> EnergyReading {
    if counters.isEmpty { return .unavailable(reason) }
    look()
    return .measured(counters.map { EnergyReading.Package($0.package, Double($0.microjoules) / 1e6) })
  }

  /// Looks at the counters, ten seconds after the last look at the earliest.
  public func lookIfDue() {
    if now() - lastLook >= 10 { look() }
  }

  private func look() {
    lastLook = now()
    for index in counters.indices { counters[index].look() }
  }

  private static func text(in file: URL) -> String? {
    (try? String(contentsOf: file, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  fileprivate static func number(in file: URL) -> UInt64? { text(in: file).flatMap { UInt64($0) } }
}
