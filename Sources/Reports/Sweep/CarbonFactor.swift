import Foundation

/// Grams of CO2 equivalent a kilowatt-hour, with where the figure is from.
public struct CarbonFactor: Sendable, Equatable {
  /// g/kWh.
  public let grams: Double
  /// Who says so, and of what.
  public let source: String
  /// Of which year.
  public let year: String

  /// A factor.
  public init(grams: Double, source: String, year: String) {
    (self.grams, self.source, self.year) = (grams, source, year)
  }

  /// What France's power plants emitted in 2024: direct emissions of production.
  public static let franceProduction = CarbonFactor(
    grams: 21.7, source: "France, emissions of production: RTE, Bilan électrique 2024", year: "2024")
  /// The same with building, fuel and dismantling: the factor that codecarbon takes.
  public static let franceLifeCycle = CarbonFactor(
    grams: 56.0, source: "France, life cycle: Ember by way of Our World in Data", year: "2023")

  /// A factor by its name, `fr-production` or `fr-life-cycle`, or as `GRAMS,SOURCE,YEAR`.
  /// - Throws: one line where it is neither.
  public init(parsing text: String) throws {
    switch text {
    case "fr-production": self = .franceProduction
    case "fr-life-cycle": self = .franceLifeCycle
    default:
      let parts = text.split(separator: ",", omittingEmptySubsequences: false).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      guard parts.count >= 3, let grams = Double(parts[0]), grams.isFinite, grams >= 0,
        parts.dropFirst().allSatisfy({ !$0.isEmpty })
      else {
        throw ReportError.badOption(
          "--carbon \(text): give fr-production, fr-life-cycle, none, or GRAMS,SOURCE,YEAR (21.7,RTE production,2024)")
      }
      self.init(
        grams: grams, source: parts[1..<(parts.count - 1)].joined(separator: ", "), year: parts[parts.count - 1])
    }
  }
}

/// What a core draws, as an interval: for cells that nobody measured.
public struct PowerModel: Sendable, Equatable {
  /// Watts of a processor package at its rated power.
  public let tdp: Double
  /// Cores of that package.
  public let cores: Int
  /// The share of the rated power that an idle package draws, and that a busy one draws.
  public let shares: ClosedRange<Double>

  /// A model of power.
  /// - Throws: one line where a figure cannot be.
  public init(tdp: Double, cores: Int, idleShare: Double, tdpShare: Double) throws {
    guard tdp > 0, tdp <= 2000, (1...1024).contains(cores), idleShare >= 0, idleShare <= tdpShare, tdpShare <= 1.5
    else {
      throw ReportError.badOption(
        "the power model wants --tdp from 0 to 2000 W, --tdp-cores from 1 to 1024, and "
          + "0 ≤ --idle-share ≤ --tdp-share ≤ 1.5"
      )
    }
    (self.tdp, self.cores, shares) = (tdp, cores, idleShare...tdpShare)
  }

  /// Kilowatt-hours of so many core-hours, from idle share to TDP share.
  func kilowattHours(coreHours: Double) -> ClosedRange<Double> {
    let most = coreHours * tdp / Double(cores) / 1000
    return (most * shares.lowerBound)...(most * shares.upperBound)
  }

  /// The scope of its figures.
  var scope: String {
    let share = { (value: Double) in String(format: "%g %%", 100 * value) }
    return String(format: "%g W over %d cores, ", tdp, cores) + "from \(share(shares.lowerBound)) to "
      + "\(share(shares.upperBound)) of it, processors alone"
  }
}
