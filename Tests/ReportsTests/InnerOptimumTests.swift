import Foundation
import Reports
import TestSupport
import XCTest

/// Whether an α between none and the largest is called the best.
final class InnerOptimumTests: XCTestCase {
  private func study(effect: Double, alphas: [Double]) -> MadeStudy {
    var study = MadeStudy()
    (study.models, study.schemes, study.baselines) = (["CamemBERT"], ["fp32", "LSQ_E4W4A4"], [])
    (study.tasks, study.alphas) = (["QUAERO-EMEA": "entities"], alphas)
    (study.effect, study.seedSpread, study.collapses) = (effect, 0.004, false)
    (study.trunkSeeds, study.headSeeds, study.documentCount) = ([1], [1, 2, 3, 4, 5], 60)
    return study
  }

  private func rows(_ study: MadeStudy) throws -> [[String: String]] {
    let folder = try TemporaryFolder()
    try study.write(to: folder.url)
    var options = ReportOptions()
    options.drawCount = 400
    let file = try XCTUnwrap(SweepReport(folder.url, options).files().files.first { $0.name == "inner.csv" })
    let csv = try CSV(parsing: file.bytes, file: "inner.csv")
    return csv.rows.map { Dictionary(uniqueKeysWithValues: zip(csv.heading, $0)) }
  }

  private func number(_ row: [String: String], _ key: String) throws -> Double {
    try XCTUnwrap(Double(try XCTUnwrap(row[key])), key)
  }

  /// The made effect is 4α(1 − α) times its size: highest at 0.5, and 0.36 of it at 0.9.
  func testAnInnerOptimumIsFound() throws {
    let rows = try rows(study(effect: 0.15, alphas: [0, 0.1, 0.5, 0.9]))
    XCTAssertEqual(rows.map { $0["scheme"] }, ["fp32", "LSQ_E4W4A4"])
    for row in rows {
      XCTAssertEqual(row["alpha"], "0.5")
      XCTAssertEqual(row["candidates"], "2")
      XCTAssertEqual(try number(row, "over_alpha_0"), 0.15, accuracy: 0.04)
      XCTAssertEqual(try number(row, "over_largest"), 0.15 * 0.64, accuracy: 0.04)
      XCTAssertLessThan(try number(row, "p_holm"), 0.05)
    }
  }

  /// A score that rises as far as 0.4 is best at its largest α, whatever it gains over none.
  func testARiseToTheLargestAlphaIsNone() throws {
    for row in try rows(study(effect: 0.15, alphas: [0, 0.05, 0.1, 0.4])) {
      XCTAssertGreaterThan(try number(row, "over_alpha_0"), 0)
      XCTAssertLessThan(try number(row, "over_largest"), 0)
      XCTAssertGreaterThan(try number(row, "p_holm"), 0.9)
    }
  }

  func testWithoutAnEffectNoneIsClaimed() throws {
    for row in try rows(study(effect: 0, alphas: [0, 0.3, 0.7])) {
      XCTAssertGreaterThan(try number(row, "p_holm"), 0.05)
    }
  }

  func testTwoAlphasHaveNoneBetween() throws {
    XCTAssertEqual(try rows(study(effect: 0.1, alphas: [0, 0.5])).count, 0)
  }

  func testTheReportSaysWhatItShows() throws {
    let folder = try TemporaryFolder()
    try study(effect: 0.15, alphas: [0, 0.1, 0.5, 0.9]).write(to: folder.url)
    var options = ReportOptions()
    options.drawCount = 400
    let files = try SweepReport(folder.url, options).files().files
    for (name, parts) in [
      ("report.html", ["Is an inner α best?", "an inner α is best"]),
      ("table.md", ["Best inner α by validation against both ends"]),
    ] {
      let text = String(decoding: try XCTUnwrap(files.first { $0.name == name }).bytes, as: UTF8.self)
      for part in parts { XCTAssertTrue(text.contains(part), "\(name): \(part)") }
    }
  }
}
