import Foundation

/// A pair of axes with what stands between them.
package struct Panel: Sendable {
  /// A value with the interval around it.
  package struct Point: Equatable, Sendable {
    package var x: Double
    package var y: Double
    package var low: Double?
    package var high: Double?

    package init(_ x: Double, _ y: Double, low: Double? = nil, high: Double? = nil) {
      (self.x, self.y, self.low, self.high) = (x, y, low, high)
    }
  }

  /// How a series is drawn.
  package enum Drawn: Equatable, Sendable {
    /// A line with markers, and whiskers where points have intervals.
    case lineAndPoints
    /// A line alone; intervals are a band.
    case line
    /// Markers alone; `hollow` leaves them empty.
    case points(hollow: Bool)
    /// A line that joins points without markers or dashes, as a frontier.
    case frontier
  }

  /// What has one style.
  package struct Series: Sendable {
    package var name: String
    package var style: FigureStyle
    package var drawn: Drawn
    package var points: [Point]

    package init(_ name: String, _ style: Int, _ drawn: Drawn, _ points: [Point]) {
      (self.name, self.style, self.drawn, self.points) = (name, FigureStyle(style), drawn, points)
    }
  }

  /// A stripe across the whole panel, with its middle drawn: a baseline with its interval.
  package struct Level: Sendable {
    package var style: FigureStyle
    package var y: Double
    package var low: Double
    package var high: Double

    package init(_ style: Int, _ y: Double, low: Double, high: Double) {
      (self.style, self.y, self.low, self.high) = (FigureStyle(style), y, low, high)
    }
  }

  /// A vertical mark with its name: the switch.
  package struct Mark: Sendable {
    package var x: Double
    package var name: String

    package init(_ x: Double, _ name: String) { (self.x, self.name) = (x, name) }
  }

  package var title: String
  package var x: Axis
  package var y: Axis
  package var series: [Series] = []
  package var levels: [Level] = []
  package var marks: [Mark] = []
  /// Names beside points, where there is room.
  package var pointNames: [(x: Double, y: Double, name: String)] = []

  package init(_ title: String, x: Axis, y: Axis) { (self.title, self.x, self.y) = (title, x, y) }
}
