import Reports
import XCTest

/// Ticks, CSV and tables.
final class FigureTests: XCTestCase {
  func testTicksAreRoundAndInside() {
    XCTAssertEqual(Ticks.linear(0, 1).labels, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"])
    XCTAssertEqual(Ticks.linear(61.2, 74.9).labels, ["65", "70"])
    XCTAssertEqual(Ticks.linear(0, 36_000_000).labels, ["0", "10M", "20M", "30M"])
    XCTAssertEqual(Ticks.logarithmic(0.5, 2000).labels, ["1", "10", "100", "1000"])
    XCTAssertEqual(Ticks.logarithmic(25, 450).labels, ["50", "100", "200"])
    for (low, high) in [(0.0, 1e-9), (-3, 7), (1e6, 1.1e6), (0.99, 0.991), (-1e-3, 1e-3)] {
      let ticks = Ticks.linear(low, high)
      XCTAssertTrue((2...12).contains(ticks.values.count), "\(low)…\(high): \(ticks)")
      XCTAssertTrue(ticks.values.allSatisfy { $0 >= low - 1e-12 && $0 <= high * (1 + 1e-9) + 1e-12 })
      XCTAssertEqual(Set(ticks.labels).count, ticks.labels.count, "two marks look alike: \(ticks.labels)")
    }
  }

  func testCSVQuotesWhatNeedsQuotes() {
    var csv = CSV(["a", "b,c"])
    csv.add(["x\"y", "=SUM(A1)"])
    csv.add([CSV.number(0.1), CSV.number(-3.0)])
    XCTAssertEqual(String(decoding: csv.bytes, as: UTF8.self), "a,\"b,c\"\n\"x\"\"y\",'=SUM(A1)\n0.1,-3\n")
  }

  func testATableIsTheSameInAllForms() {
    var table = ReportTable(
      "Scores", groups: [.init("", span: 1), .init("TASK_1", span: 2)], columns: ["α", "A", "B"])
    table.rows = [
      .group("LSQ_E4"), .cells([.init("0.3"), .init("71.3 ± 0.8", below: ["n 3"], isBold: true), .init("–")]),
    ]
    XCTAssertTrue(table.markdown.contains("| α | TASK\\_1: A | TASK\\_1: B |\n|---|---:|---:|\n"), table.markdown)
    XCTAssertTrue(table.markdown.contains("| 0.3 | **71.3 ± 0.8** (n 3) | – |"), table.markdown)
    XCTAssertTrue(table.latex.contains("\\shortstack[r]{\\textbf{71.3 $\\pm$ 0.8}\\\\{\\scriptsize n 3}} & -- \\\\"), table.latex)
    XCTAssertTrue(table.latex.contains("\\multicolumn{2}{c}{TASK\\_1}"), table.latex)
  }

  func testAPanelWithNothingOrOnePointIsDrawn() {
    for points in [[], [Panel.Point(0.3, 70)], [Panel.Point(0.3, .nan), Panel.Point(.infinity, 1)]] {
      var panel = Panel("t", x: Axis("x"), y: Axis("y", scale: .logarithmic))
      panel.series = [.init("s", 0, .lineAndPoints, points)]
      let figure = Figure("f", "t", caption: "", parts: [.panel(panel)], legend: Legend(), data: CSV(["a"]))
      let text = String(decoding: figure.file, as: UTF8.self)
      XCTAssertFalse(text.contains("nan") || text.contains("inf"), text)
    }
  }
}
