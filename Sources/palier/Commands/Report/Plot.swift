import ArgumentParser
import Base
import Foundation
import Reports

/// `palier plot`: columns of a table as an SVG figure.
struct Plot: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Draw columns of a CSV table as an SVG figure.",
    discussion: """
      Draws one column against another, in the looks of a report's figures: a line for each value of --lines, a panel for \
      each of --panels, whiskers from --low to --high. --only picks rows. Rows without a number in x or y are left out.

      Examples:
        palier plot report/figures/scores-by-alpha.csv --x alpha --y mean_percent --low low_percent --high high_percent \\
          --lines scheme --panels task --only model=DrBERT --out drbert.svg
        palier plot losses.csv --x step --y loss --lines bits --title "Loss after quantization" --out losses.svg
      """)

  @Argument(
    help: ArgumentHelp("A CSV file whose first row names its columns.", valueName: "table"), completion: .file())
  var table: String
  @Option(help: ArgumentHelp("The column across.", valueName: "column"))
  var x: String
  @Option(help: ArgumentHelp("The column up.", valueName: "column"))
  var y: String
  @Option(help: ArgumentHelp("The column of intervals' lower ends.", valueName: "column"))
  var low: String?
  @Option(help: ArgumentHelp("The column of their upper ends.", valueName: "column"))
  var high: String?
  @Option(help: ArgumentHelp("The column whose values tell lines apart.", valueName: "column"))
  var lines: String?
  @Option(help: ArgumentHelp("The column whose values tell panels apart.", valueName: "column"))
  var panels: String?
  @Option(help: ArgumentHelp("Rows with this value alone; may be repeated.", valueName: "column=value"))
  var only: [String] = []
  @Option(help: "A title above the figure.")
  var title = ""
  @Option(help: ArgumentHelp("Beside the axis across; default: the column's name.", valueName: "text"))
  var xLabel: String?
  @Option(help: ArgumentHelp("Beside the axis up; default: the column's name.", valueName: "text"))
  var yLabel: String?
  @Flag(help: "Across by powers of ten.")
  var logX = false
  @Flag(help: "Up by powers of ten.")
  var logY = false
  @Flag(help: "Points without lines between them.")
  var points = false
  @Option(help: ArgumentHelp("The file to write.", valueName: "file"), completion: .file(extensions: ["svg"]))
  var out: String
  @OptionGroup var shared: SharedFilesOption

  func validate() throws {
    guard (low == nil) == (high == nil) else { throw ValidationError("--low and --high go together") }
    for condition in only where !condition.contains("=") {
      throw ValidationError("--only wants column=value, not \"\(condition)\"")
    }
  }

  func run() throws {
    shared.apply()
    var figure = TableFigure(x: x, y: y)
    (figure.low, figure.high, figure.lines, figure.panels) = (low, high, lines, panels)
    (figure.title, figure.xLabel, figure.yLabel) = (title, xLabel, yLabel)
    (figure.isXLogarithmic, figure.isYLogarithmic, figure.drawn) = (logX, logY, points ? .points : .lines)
    figure.conditions = only.compactMap { condition in
      condition.firstIndex(of: "=").map {
        (column: String(condition[..<$0]), value: String(condition[condition.index(after: $0)...]))
      }
    }
    guard !out.isEmpty else { throw CommandLineError.emptyPath(wanted: "a file for the figure") }
    let url = try Paths.file(table, "a CSV table")
    let svg = try MappedFile(url).withBytes { try figure.svg(ofTable: $0, file: table) }
    try replaceFile(at: Paths.url(out), with: svg)
  }
}
