import Reports
import TestSupport
import XCTest

/// Factors, power models, and what is never added up.
final class CostTests: XCTestCase {
  func testFactorsAreNamedOrGivenWithTheirSource() throws {
    XCTAssertEqual(try CarbonFactor(parsing: "fr-production").grams, 21.7)
    XCTAssertEqual(try CarbonFactor(parsing: "fr-life-cycle").grams, 56)
    let own = try CarbonFactor(parsing: "380, Germany, UBA, 2023")
    XCTAssertEqual(own, CarbonFactor(grams: 380, source: "Germany, UBA", year: "2023"))
    for wrong in ["", "21.7", "x,y,2024", "-1,RTE,2024", "21.7,,2024", "nan,RTE,2024"] {
      assertThrows(ReportError.self, saying: ["--carbon"]) { try CarbonFactor(parsing: wrong) }
    }
  }

  func testPowerModelsThatCannotBeAreRefused() throws {
    _ = try PowerModel(tdp: 150, cores: 20, idleShare: 0.3, tdpShare: 1)
    for (tdp, cores, idle, busy) in [
      (0.0, 20, 0.3, 1.0), (150, 0, 0.3, 1), (150, 20, -0.1, 1), (150, 20, 0.9, 0.5), (.nan, 1, 0, 1),
    ] {
      assertThrows(ReportError.self) { try PowerModel(tdp: tdp, cores: cores, idleShare: idle, tdpShare: busy) }
    }
  }

  /// Cells of one method and scope are one line; the model fills only cells without a figure, 150 W over 20 cores for
  /// their core-hours, from 30 % of it.
  func testMeasuredAndModelledAreNeverAddedUp() throws {
    let folder = try TemporaryFolder()
    var study = MadeStudy()
    study.models = ["CamemBERT"]
    study.schemes = ["LSQ_E4W4A4"]
    study.alphas = [0, 0.3]
    study.documentCount = 4
    try study.write(to: folder.url)
    var options = ReportOptions()
    options.drawCount = 20
    options.power = try PowerModel(tdp: 150, cores: 20, idleShare: 0.3, tdpShare: 1)
    let files = try SweepReport(folder.url, options).files().files
    let csv = String(decoding: try XCTUnwrap(files.first { $0.name == "cost.csv" }).bytes, as: UTF8.self)
    let rows = csv.split(separator: "\n").dropFirst().map { $0.split(separator: ",", omittingEmptySubsequences: false) }
    let kinds = Set(rows.map { String($0[12]) })
    XCTAssertTrue(kinds.isSuperset(of: ["rapl", "model"]), "\(kinds)")
    for row in rows {
      let (hours, low, high) = (Double(row[9])!, Double(row[row.count - 2])!, Double(row[row.count - 1])!)
      if row[12] == "model" {
        XCTAssertEqual(high, hours * 7.5 / 1000, accuracy: 1e-12)
        XCTAssertEqual(low, 0.3 * high, accuracy: 1e-12)
      } else {
        XCTAssertEqual(low, high)
      }
    }
    let page = String(decoding: try XCTUnwrap(files.first { $0.name == "report.html" }).bytes, as: UTF8.self)
    let measured = rows.filter { $0[12] == "rapl" }.reduce(0) { $0 + Double($1[$1.count - 1])! }
    XCTAssertTrue(
      page.contains(String(format: "<td>%.2f</td>", measured))
        || page.contains(String(format: "<td>%.1f</td>", measured)), "\(measured)")
  }
}
