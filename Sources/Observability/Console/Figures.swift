import Foundation

/// Numbers as text, the same under every locale.
public enum Figures {
  /// With `digits` decimals: 3.142.
  public static func fixed(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite else { return notFinite(value) }
    return String(format: "%.\(digits)f", locale: nil, value)
  }

  /// With `digits` significant digits: 4.2e-06, 0.00042, 12.3.
  public static func significant(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite else { return notFinite(value) }
    return String(format: "%.\(digits)g", locale: nil, value)
  }

  /// A share from 0 to 1 as a percentage: "3.1%".
  public static func percent(_ share: Double) -> String { fixed(share * 100, 1) + "%" }

  /// A rate: "87.3", "1934", "193412".
  public static func rate(_ value: Double) -> String { fixed(value, value.magnitude < 100 ? 1 : 0) }

  /// A time in its two largest units: "12s", "3m05s", "2h14m", "3d04h"; "?" where it is not known.
  public static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e10 else { return "?" }
    let whole = Int(seconds.rounded())
    func two(_ large: Int, _ largeUnit: String, _ small: Int, _ smallUnit: String) -> String {
      "\(large)\(largeUnit)\(small < 10 ? "0" : "")\(small)\(smallUnit)"
    }
    switch whole {
    case ..<60: return "\(whole)s"
    case ..<3600: return two(whole / 60, "m", whole % 60, "s")
    case ..<86400: return two(whole / 3600, "h", whole / 60 % 60, "m")
    default: return two(whole / 86400, "d", whole / 3600 % 24, "h")
    }
  }

  private static func notFinite(_ value: Double) -> String { value.isNaN ? "nan" : value > 0 ? "inf" : "-inf" }
}
