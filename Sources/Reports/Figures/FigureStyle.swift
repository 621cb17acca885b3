/// The looks of the n-th line of a figure: colour, dashes and marker all differ, so that it reads without colour too.
package struct FigureStyle: Equatable, Sendable {
  /// From 0.
  package let index: Int

  package init(_ index: Int) { self.index = index }

  /// Colours by class `s0`… (stroke) and `f0`… (fill): on white, on dark. After Okabe and Ito's palette, darkened or
  /// lightened to stand out by 3 to 1 at least.
  static let colours: [(light: String, dark: String)] = [
    ("#0072b2", "#5db7ee"), ("#c94f00", "#ff9a5c"), ("#00805c", "#35c99b"), ("#a3357a", "#ee9acb"),
    ("#8a6d00", "#e8c547"), ("#5b4fc4", "#b3a8ff"), ("#555555", "#c4c4c4"),
  ]
  private static let dashes = ["", "7 3", "2 3", "9 3 2 3", "4 2"]

  var colour: Int { index % FigureStyle.colours.count }
  var dashes: String { FigureStyle.dashes[index % FigureStyle.dashes.count] }
  var marker: Marker { Marker.allCases[index % Marker.allCases.count] }

  /// The shapes of points.
  enum Marker: CaseIterable {
    case circle, square, triangle, diamond, downTriangle, cross, plus

    /// A path around (0, 0), about 7 units wide.
    var path: String {
      switch self {
      case .circle: "M-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0 -6.8 0Z"
      case .square: "M-3 -3H3V3H-3Z"
      case .triangle: "M0 -4L3.8 2.8H-3.8Z"
      case .diamond: "M0 -4.3L4.3 0L0 4.3L-4.3 0Z"
      case .downTriangle: "M0 4L3.8 -2.8H-3.8Z"
      case .plus: "M0 -4.2V4.2M-4.2 0H4.2"
      case .cross: "M-3.4 -3.4L3.4 3.4M-3.4 3.4L3.4 -3.4"
      }
    }
  }

  /// The style sheet of figures: light, dark where the reader's system is, light again in print.
  static let sheet: String = {
    func rules(_ shade: KeyPath<(light: String, dark: String), String>, _ isDark: Bool) -> String {
      let (ink, soft, grid, paper) =
        isDark ? ("#e6e6e6", "#aaaaaa", "#3a3d42", "#17191c") : ("#1d1f22", "#555a60", "#dcdfe3", "#ffffff")
      var text = ".fig text{fill:\(ink)}.fig .soft{fill:\(soft)}.fig .axis{stroke:\(soft)}.fig .grid{stroke:\(grid)}"
      text += ".fig .paper{fill:\(paper)}.fig .hole{fill:\(paper)}"
      for (index, colour) in colours.enumerated() {
        text += ".fig .s\(index){stroke:\(colour[keyPath: shade])}.fig .f\(index){fill:\(colour[keyPath: shade])}"
      }
      return text
    }
    return """
      .fig{font-family:system-ui,"Segoe UI","Helvetica Neue",Arial,"DejaVu Sans",sans-serif;font-size:11px}
      .fig .line{fill:none}.fig .mark{stroke-width:1.4}
      .fig .line{stroke-width:1.8;stroke-linejoin:round}.fig .thin{stroke-width:1.2}
      .fig .grid{stroke-width:1}.fig .title{font-size:12px;font-weight:600}.fig .band{opacity:.18;stroke:none}
      \(rules(\.light, false))
      @media screen and (prefers-color-scheme:dark){\(rules(\.dark, true))}
      """
  }()
}
