import Foundation

/// Where an axis has its marks, and how they are written.
package struct Ticks: Equatable, Sendable {
  package let values: [Double]
  package let labels: [String]

  /// Marks at 1, 2 or 5 times a power of ten, about `wanted` of them from `low` to `high`.
  package static func linear(_ low: Double, _ high: Double, wanted: Int = 5) -> Ticks {
    guard low.isFinite, high.isFinite, high > low else { return Ticks(values: [low], labels: [short(low)]) }
    let raw = (high - low) / Double(max(wanted, 1))
    let power = pow(10, floor(log10(raw)))
    let step = power * ([1, 2, 5, 10].first { $0 * power >= raw * 0.999 } ?? 10)
    let first = Int((low / step - 1e-9).rounded(.up))
    let last = Int((high / step + 1e-9).rounded(.down))
    let values = first <= last ? (first...last).map { Double($0) * step } : [low]
    let decimals = max(0, Int(-floor(log10(step) + 1e-9)))
    return Ticks(values: values, labels: values.map { label($0, decimals: decimals) })
  }

  /// Marks at powers of ten, and at 2 and 5 times these where that gives fewer than four.
  package static func logarithmic(_ low: Double, _ high: Double) -> Ticks {
    guard low > 0, high > low else { return linear(low, high) }
    let (first, last) = (Int(floor(log10(low))), Int(ceil(log10(high))))
    let each = max(1, (last - first + 5) / 6)
    func inside(_ factors: [Double], every: Int) -> [Double] {
      stride(from: first, through: last, by: every).flatMap { power in factors.map { $0 * pow(10, Double(power)) } }
        .filter { $0 >= low * 0.999 && $0 <= high * 1.001 }
    }
    var values = inside([1], every: each)
    if values.count < 3 { values = inside([1, 2, 5], every: 1) }
    if values.count < 2 { return linear(low, high, wanted: 4) }
    return Ticks(values: values, labels: values.map(short))
  }

  private static func label(_ value: Double, decimals: Int) -> String {
    abs(value) >= 10_000 ? short(value) : String(format: "%.\(decimals)f", value + 0)
  }

  /// 0.0012 as "0.0012", 1500000 as "1.5M", 0.0000012 as "1.2e-6".
  package static func short(_ value: Double) -> String {
    let size = abs(value)
    for (unit, letter) in [(1e9, "G"), (1e6, "M"), (1e4, "k")] where size >= unit {
      return trimmed(value / (unit == 1e4 ? 1e3 : unit)) + letter
    }
    guard size > 0, size < 1e-3 else { return trimmed(value) }
    let power = Int(floor(log10(size) + 1e-9))
    return trimmed(value / pow(10, Double(power))) + "e\(power)"
  }

  private static func trimmed(_ value: Double) -> String {
    var text = String(format: "%.4g", value)
    if text.contains("e") { text = String(format: "%.0f", value) }
    return text
  }
}
