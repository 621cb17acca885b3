/// What the processor packages of one host used over a run, all programs on it counted.
public enum EnergyReading: Sendable, Equatable, CustomStringConvertible {
  /// One package of a host.
  public struct Package: Sendable, Equatable {
    /// Its name in the kernel: "package-0".
    public var package: String
    /// Joules since the meter was made.
    public var joules: Double

    /// A name and its joules.
    public init(_ package: String, _ joules: Double) {
      self.package = package
      self.joules = joules
    }
  }

  /// Joules by package.
  case measured([Package])
  /// The reason why there is no figure.
  case unavailable(String)

  /// Joules over all packages; nil where they were not measured.
  public var joules: Double? {
    guard case .measured(let packages) = self else { return nil }
    return packages.reduce(0) { $0 + $1.joules }
  }

  /// "12.3 kJ, 0.0034 kWh (2 packages of this host)" or "not measurable here (…)".
  public var description: String {
    switch self {
    case .unavailable(let reason): return "not measurable here (\(reason))"
    case .measured(let packages): return Self.text(packages)
    }
  }

  private static func text(_ packages: [Package]) -> String {
    let joules = packages.reduce(0) { $0 + $1.joules }
    let amount = joules < 1000 ? Figures.fixed(joules, 1) + " J" : Figures.fixed(joules / 1000, 1) + " kJ"
    let count = packages.count == 1 ? "1 package" : "\(packages.count) packages"
    return "\(amount), \(Figures.fixed(joules / 3.6e6, 4)) kWh (\(count) of this host)"
  }
}
