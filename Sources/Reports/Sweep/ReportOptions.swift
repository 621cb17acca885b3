/// What a report is to hold beyond what the folder says.
public struct ReportOptions: Sendable {
  /// A row of the paper's Table I: what a scheme takes by formula.
  public struct Footprint: Sendable, Equatable {
    /// "LSQ_E4W4A4".
    public let scheme: String
    /// Mebibytes by the paper's own constants.
    public let paperMebibytes: Double
    /// Bit operations (10^12) by the same.
    public let paperTeraOperations: Double

    /// A row.
    public init(scheme: String, paperMebibytes: Double, paperTeraOperations: Double) {
      (self.scheme, self.paperMebibytes) = (scheme, paperMebibytes)
      self.paperTeraOperations = paperTeraOperations
    }
  }

  /// Whether core-hours, seconds, energy and hosts are told: what differs between two runs of the same bits.
  public var hasTimes = true
  /// For CO2; nil for none.
  public var carbon: CarbonFactor? = .franceProduction
  /// Power usage effectiveness of the machine room, where it is known.
  public var pue: Double?
  /// For cells that nobody measured; nil leaves them without a figure.
  public var power: PowerModel?
  /// Draws of the bootstrap.
  public var drawCount = 10_000
  /// Table I, by scheme; what gives no row has none.
  public var footprint: @Sendable (String) -> Footprint? = { _ in nil }

  /// The defaults.
  public init() {}
}
