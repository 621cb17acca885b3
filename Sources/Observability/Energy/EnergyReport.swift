import Base

/// What the processor packages of a run's hosts used, all programs on them counted, over all parts of the run.
public struct EnergyReport: Sendable, Equatable, CustomStringConvertible {
  /// One host, read by the first rank on it.
  public struct Host: Sendable, Equatable, Codable {
    public var name: String
    public var reading: EnergyReading

    public init(_ name: String, _ reading: EnergyReading) { (self.name, self.reading) = (name, reading) }
  }

  /// How the figures were made.
  public static let method = "RAPL counters of processor packages, all programs on them"

  /// Every host of this part of the run.
  public var hosts: [Host]
  /// Joules of the parts before a resume, up to the checkpoint gone on from.
  public var joulesBefore: Double

  public init(hosts: [Host], joulesBefore: Double = 0) { (self.hosts, self.joulesBefore) = (hosts, joulesBefore) }

  /// Joules over all hosts that could be read and all parts of the run; nil where none could.
  public var joules: Double? {
    let measured = hosts.compactMap(\.reading.joules)
    return measured.isEmpty && joulesBefore == 0 ? nil : measured.reduce(joulesBefore, +)
  }

  /// "12.3 kJ, 0.0034 kWh (2 packages of node7; RAPL counters …)" or "not measurable here (…)".
  public var description: String {
    guard let joules else { return "not measurable here (\(reasons.first?.reason ?? "no meter"))" }
    let amount = joules < 1000 ? Figures.fixed(joules, 1) + " J" : Figures.fixed(joules / 1000, 1) + " kJ"
    var parts = ["\(counted(packageCount, "package")) of \(places)", EnergyReport.method]
    if joulesBefore > 0 { parts.append("\(Figures.fixed(joulesBefore / 1000, 1)) kJ of it before the resume") }
    parts += reasons.map { "not \($0.name): \($0.reason)" }
    return "\(amount), \(Figures.fixed(joules / 3.6e6, 4)) kWh (\(parts.joined(separator: "; ")))"
  }

  /// The hosts without a figure, and why.
  public var reasons: [(name: String, reason: String)] {
    hosts.compactMap { host in
      guard case .unavailable(let reason) = host.reading else { return nil }
      return (host.name, reason)
    }
  }

  private var measured: [(name: String, packages: [EnergyReading.Package])] {
    hosts.compactMap { host in
      guard case .measured(let packages) = host.reading else { return nil }
      return (host.name, packages)
    }
  }

  private var packageCount: Int { measured.reduce(0) { $0 + $1.packages.count } }
  private var places: String { measured.count == 1 ? measured[0].name : counted(measured.count, "host") }
}
