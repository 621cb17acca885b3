import Base
import Foundation

/// How numbers stand in tables.
enum Numbers {
  /// "0.042", "12.3", "1,234".
  static func hours(_ value: Double) -> String { significant(value) }

  /// Three digits that count.
  static func significant(_ value: Double) -> String {
    guard value != 0 else { return "0" }
    guard abs(value) < 1000 else { return grouped(Int(value.rounded())) }
    let decimals = max(0, 2 - Int(floor(log10(abs(value)) + 1e-12)))
    return String(format: "%.\(min(decimals, 9))f", value)
  }

  /// A figure, or "1.2 to 3.4".
  static func range(_ low: Double, _ high: Double) -> String {
    low == high ? significant(low) : "\(significant(low)) to \(significant(high))"
  }

  /// Bytes as megabytes of 10^6.
  static func megabytes(_ bytes: Int) -> Double { Double(bytes) / 1e6 }
}
