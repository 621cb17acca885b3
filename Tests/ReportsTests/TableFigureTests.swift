import Foundation
import FoundationXML
import Reports
import TestSupport
import XCTest

/// Tables read back, and figures of their columns.
final class TableFigureTests: XCTestCase {
  private func read(_ text: String) throws -> CSV { try CSV(parsing: Array(text.utf8), file: "t.csv") }

  // MARK: Tables

  func testWhatIsWrittenIsReadBack() throws {
    var csv = CSV(["a", "b,c", "d\"e"])
    csv.add(["", "x,y", "\"quoted\""])
    csv.add(["α", " spaces ", "1e-3"])
    csv.add(["", "", ""])
    XCTAssertEqual(try CSV(parsing: csv.bytes, file: "t.csv"), csv)
  }

  /// The examples of RFC 4180, section 2.
  func testTheFormsOfTheStandardAreRead() throws {
    let rows = try read("\u{FEFF}aaa,bbb,ccc\r\n\"zzz\",\"b\r\nbb\",\"x\"\"y\"\r\n\r\nzzz,yyy,xxx").rows
    XCTAssertEqual(rows, [["zzz", "b\r\nbb", "x\"y"], ["zzz", "yyy", "xxx"]])
    XCTAssertEqual(try read("a\n\"\"\n").rows, [[""]], "a quoted empty cell is a row")
  }

  func testATableThatIsNoneIsOneLine() {
    for (text, said) in [
      ("", "empty"), ("\n\n", "empty"), ("a,b\n1\n", "line 2: 1 cell where the heading has 2"),
      ("a\n\n\n1,2\n", "line 4: 2 cells"), ("a\n\"1\n2\n", "line 2: a quote is not closed"),
    ] {
      assertThrows(ReportError.self, saying: ["t.csv", said]) { _ = try self.read(text) }
    }
    assertThrows(ReportError.self, saying: ["t.csv", "UTF-8"]) { _ = try CSV(parsing: [0x61, 0xFF], file: "t.csv") }
  }

  /// Any bytes are a table or one line of refusal; a table is the same after it was written and read again.
  func testFuzzedTablesNeitherCrashNorChange() throws {
    let inputs = ProcessInfo.processInfo.environment["PALIER_FUZZ_INPUTS"].flatMap { Int($0) } ?? 4000
    var random = SeededNumbers(seed: 20_261_129)
    let signs = Array("ab,,\"\"\"\n\n\r1.5-=é".utf8)
    var readCount = 0
    for input in 0..<inputs {
      let bytes = (0..<random.below(40)).map { _ in
        random.below(30) == 0 ? UInt8(random.below(256)) : signs[random.below(signs.count)]
      }
      let table: CSV
      do { table = try CSV(parsing: bytes, file: "t.csv") } catch {
        XCTAssertFalse("\(error)".contains("\n"), "input \(input)")
        continue
      }
      readCount += 1
      // What is written is for spreadsheets: control characters go, and a formula's sign is quoted. After that all stays.
      let again = try CSV(parsing: table.bytes, file: "t.csv")
      XCTAssertEqual(again.rows.map(\.count), table.rows.map(\.count), "input \(input)")
      XCTAssertEqual(try CSV(parsing: again.bytes, file: "t.csv"), again, "input \(input)")
    }
    XCTAssertGreaterThan(readCount, inputs / 20)
  }

  // MARK: Figures

  private let table = """
    step,bits,loss,low,high,task
    200,8,1.5,1.4,1.6,one
    100,8,2.5,2.4,2.6,one
    100,2,3.5,,,one
    200,2,3.0,,,two
    300,2,,,,one

    """

  private func svg(_ change: (inout TableFigure) -> Void) throws -> String {
    var figure = TableFigure(x: "step", y: "loss")
    change(&figure)
    let bytes = try figure.svg(ofTable: Array(table.utf8), file: "t.csv")
    XCTAssertTrue(XMLParser(data: Data(bytes)).parse())
    return String(decoding: bytes, as: UTF8.self)
  }

  private func count(_ sign: String, _ text: String) -> Int { text.components(separatedBy: sign).count - 1 }

  func testLinesPanelsAndLabelsAreThoseAskedFor() throws {
    let plain = try svg { _ in }
    XCTAssertTrue(plain.contains(">step<") && plain.contains(">loss<"))
    let lines = try svg {
      ($0.lines, $0.xLabel, $0.title) = ("bits", "Schritt <1>", "Loss & bits")
      ($0.low, $0.high) = ("low", "high")
    }
    for part in [">8<", ">2<", ">Schritt &lt;1&gt;<", "Loss &amp; bits"] { XCTAssertTrue(lines.contains(part), part) }
    let panels = try svg { ($0.lines, $0.panels) = ("bits", "task") }
    XCTAssertTrue(panels.contains(">one<") && panels.contains(">two<"))
    XCTAssertEqual(count("class=\"title\"", panels), 3, "the figure's and both panels'")
  }

  /// The line goes by x, not by the order of rows: it falls from 2.5 to 1.5, so y on the page rises.
  func testALineGoesByX() throws {
    let text = try svg { $0.conditions = [("bits", "8")] }
    let found = text.range(of: "<path d=\"M[^\"]*\" class=\"line s0\"", options: .regularExpression)
    let path = text[try XCTUnwrap(found, "no line")].split(separator: "\"")[1]
    let numbers = path.split { !"0123456789.".contains($0) }.compactMap { Double($0) }
    XCTAssertEqual(numbers.count, 4, String(path))
    XCTAssertLessThan(numbers[0], numbers[2])
    XCTAssertLessThan(numbers[1], numbers[3])
  }

  func testWhatIsNotThereIsOneLine() {
    for (said, change) in [
      ("no column \"steps\"; there are step, bits", { $0.x = "steps" }),
      ("row 1, task: \"one\" is no number", { $0.y = "task" }),
      ("no row has what is asked for", { $0.conditions = [("bits", "7")] }),
      ("no column \"seed\"", { $0.conditions = [("seed", "7")] }),
    ] as [(String, (inout TableFigure) -> Void)] {
      assertThrows(ReportError.self, saying: ["t.csv", said]) { _ = try self.svg(change) }
    }
  }
}
