import Foundation

/// What a cell used, as it was stated: how, of what, and how much.
package struct CellEnergy: Sendable, Equatable {
  /// Where a figure comes from. Kinds are never added up with each other.
  package enum Method: String, Sendable, CaseIterable {
    case rapl, slurm, model, none

    /// In words.
    var title: String {
      switch self {
      case .rapl: "measured: RAPL counters of processor packages"
      case .slurm: "measured: Slurm's accounting (ConsumedEnergyRaw)"
      case .model: "modelled: cores × watts"
      case .none: "no figure"
      }
    }
  }

  package let method: Method
  package let scope: String
  /// Kilowatt-hours: equal ends for a measurement; nil where there is no figure.
  package let low: Double?
  package let high: Double?

  package init(method: Method, scope: String, low: Double?, high: Double?) {
    (self.method, self.scope, self.low, self.high) = (method, scope, low, high)
  }

  /// Nothing is known.
  static let unknown = CellEnergy(method: .none, scope: "", low: nil, high: nil)

  init(_ fields: StudyFields) throws {
    let name = try fields.text("method") ?? "none"
    guard let method = Method(rawValue: name) else { throw fields.bad("method", "\"\(name)\" is no method") }
    let scope = try fields.text("scope") ?? ""
    let middle = try fields.number("kwh", upTo: .infinity)
    let low = try fields.number("kwh_low", upTo: .infinity) ?? middle
    let high = try fields.number("kwh_high", upTo: .infinity) ?? middle
    if let low, let high, low > high { throw fields.bad("kwh_low", "\(low) is above kwh_high, \(high)") }
    self.init(method: low == nil || high == nil ? .none : method, scope: scope, low: low, high: high)
  }
}
