/// What the processor packages of one host used over one start of a run, all programs on it counted.
public enum EnergyReading: Sendable, Equatable, Codable {
  /// One package of a host.
  public struct Package: Sendable, Equatable, Codable {
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
}
