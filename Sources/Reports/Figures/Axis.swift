import Foundation

/// How values come to lie along an axis.
package struct Axis: Equatable, Sendable {
  /// The spacing of values.
  package enum Scale: Equatable, Sendable {
    case linear, logarithmic
  }

  package var label: String
  package var scale: Scale
  /// The ends; nil takes them from the data, with a little air.
  package var range: ClosedRange<Double>?
  /// Marks at just these values.
  package var marks: [Double]?

  package init(
    _ label: String, scale: Scale = .linear, range: ClosedRange<Double>? = nil, marks: [Double]? = nil
  ) {
    (self.label, self.scale, self.range, self.marks) = (label, scale, range, marks)
  }
}

/// An axis with its ends known: values to places.
struct PlacedAxis {
  let low: Double
  let high: Double
  let scale: Axis.Scale
  let ticks: Ticks

  init(_ axis: Axis, values: [Double], airShare: Double) {
    scale = axis.scale
    let usable = values.filter { $0.isFinite && (axis.scale == .linear || $0 > 0) }
    var low = axis.range?.lowerBound ?? usable.min() ?? (axis.scale == .linear ? 0 : 1)
    var high = axis.range?.upperBound ?? usable.max() ?? (axis.scale == .linear ? 1 : 10)
    if axis.range == nil {
      if axis.scale == .linear {
        let air = high > low ? (high - low) * airShare : max(abs(high) * 0.05, 0.5)
        // No air below zero where no value is; given marks have air on both sides, for points that are set aside a
        // little.
        (low, high) = (axis.marks == nil && low >= 0 && low - air < 0 ? 0 : low - air, high + air)
      } else {
        let air = high > low * 1.001 ? pow(high / low, airShare) : 1.5
        (low, high) = (low / air, high * air)
      }
    }
    (self.low, self.high) = (low, high)
    if let marks = axis.marks {
      ticks = Ticks(values: marks, labels: marks.map(alphaText))
    } else {
      ticks = scale == .linear ? .linear(low, high) : .logarithmic(low, high)
    }
  }

  /// 0 at the low end, 1 at the high one; nil where the value has no place.
  func place(_ value: Double) -> Double? {
    guard value.isFinite, high > low else { return nil }
    guard scale == .logarithmic else { return (value - low) / (high - low) }
    return value > 0 ? log(value / low) / log(high / low) : nil
  }
}
