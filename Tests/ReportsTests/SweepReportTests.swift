import Base
import Foundation
import FoundationXML
import Reports
import TestSupport
import XCTest

/// The report of made sweeps: finished, half-finished, damaged.
final class SweepReportTests: XCTestCase {
  private func options(times: Bool = true) throws -> ReportOptions {
    var options = ReportOptions()
    options.hasTimes = times
    options.drawCount = 100
    options.power = try PowerModel(tdp: 150, cores: 20, idleShare: 0.3, tdpShare: 1)
    options.footprint = { .init(scheme: $0, paperMebibytes: 106, paperTeraOperations: 11.1) }
    return options
  }

  private func small() -> MadeStudy {
    var study = MadeStudy()
    study.models = ["CamemBERT"]
    study.schemes = ["fp32", "LSQ_E4W4A4", "LSQ_E2W2A2"]
    study.alphas = [0, 0.3, 0.7]
    study.trunkSeeds = [1, 2]
    study.headSeeds = [1, 2, 3]
    study.documentCount = 12
    study.baselines = ["LSQ_E4W4A4"]
    return study
  }

  private func text(_ files: ReportFiles, _ name: String) throws -> String {
    String(decoding: try XCTUnwrap(files.files.first { $0.name == name }, name).bytes, as: UTF8.self)
  }

  /// All files of a report of `study`, after `damage` was done to its folder.
  private func report(
    _ study: MadeStudy, times: Bool = true, damage: (URL) throws -> Void = { _ in }
  ) throws -> ReportFiles {
    let folder = try TemporaryFolder()
    try study.write(to: folder.url)
    try damage(folder.url)
    return try SweepReport(folder.url, options(times: times)).files()
  }

  func testAFinishedStudyHasEveryPart() throws {
    let files = try report(small())
    XCTAssertEqual(files.warnings, [])
    let names = files.files.map(\.name)
    for figure in ["scores-by-alpha", "scores-by-size", "post-training", "losses", "sites", "levels", "energy"] {
      XCTAssertTrue(names.contains("figures/\(figure).svg") && names.contains("figures/\(figure).csv"), figure)
    }
    let page = try text(files, "report.html")
    for part in [
      "Differences that count", "Table I of the paper", "measured: RAPL", "measured: Slurm", "modelled: cores × watts",
      "RTE, Bilan électrique 2024", "No PUE was given", "PTQ LSQ_E4W4A4", "collapsed: 3 of 3", "best\u{A0}of\u{A0}2",
    ] { XCTAssertTrue(page.contains(part), part) }
    XCTAssertTrue(page.contains("cells done."), "no word of preliminary")
    XCTAssertTrue(page.contains(">made.yaml<") && !page.contains("configs/made.yaml"), "the place of the grid's file")
  }

  func testNothingIsLoadedFromElsewhere() throws {
    let files = try report(small())
    let page = try text(files, "report.html")
    for sign in ["http:", "https:", "<script", "<link", "<img", "@import", "url(", "src="] {
      XCTAssertFalse(page.contains(sign), sign)
    }
    for (name, bytes) in files.files where name.hasSuffix(".svg") {
      let figure = String(decoding: bytes, as: UTF8.self)
      XCTAssertEqual(figure.components(separatedBy: "http").count, 2, "\(name): the name space alone")
      XCTAssertTrue(XMLParser(data: Data(bytes)).parse(), "\(name) is not XML")
      XCTAssertFalse(figure.contains("nan") || figure.contains("inf"), name)
    }
  }

  /// Written down from `result.json` by hand: the mean over trunks of the means over heads.
  func testTheTableHoldsMeansOverTrunks() throws {
    let folder = try TemporaryFolder()
    try small().write(to: folder.url)
    var byTrunk: [Int: [Double]] = [:]
    for id in try FileManager.default.contentsOfDirectory(atPath: folder.url.path + "/cells") {
      let data = try Data(contentsOf: folder.file("cells/\(id)/result.json"))
      let own = try Data(contentsOf: folder.file("cells/\(id)/cell.json"))
      let result = try XCTUnwrap(JSONSerialization.jsonObject(with: data) as? [String: Any])
      let cell = try XCTUnwrap(JSONSerialization.jsonObject(with: own) as? [String: Any])
      let at = try XCTUnwrap(cell["coordinates"] as? [String: Any])
      guard cell["kind"] as? String == "head", at["scheme"] as? String == "LSQ_E4W4A4", at["alpha"] as? Double == 0.3,
        at["task"] as? String == "QUAERO-EMEA", let trunk = at["trunk_seed"] as? Int
      else { continue }
      let test = ((result["scores"] as? [String: Any])?["test"] as? [String: Any])?["strict_f1"] as? Double
      byTrunk[trunk, default: []].append(try XCTUnwrap(test))
    }
    let means = byTrunk.values.map { $0.reduce(0, +) / Double($0.count) }
    XCTAssertEqual(means.count, 2)
    let mean = (means[0] + means[1]) / 2
    let half = 12.706204736432095 * abs(means[0] - means[1]) / 2
    let table = try text(SweepReport(folder.url, options()).files(), "table.csv")
    let row = try XCTUnwrap(
      table.split(separator: "\n").first { $0.hasPrefix("LSQ_E4W4A4,,,0.3,QUAERO-EMEA,CamemBERT,strict_f1,") }
    )
    .split(separator: ",", omittingEmptySubsequences: false)
    XCTAssertEqual(try XCTUnwrap(Double(row[7])), mean, accuracy: 1e-12)
    XCTAssertEqual(try XCTUnwrap(Double(row[8])), half, accuracy: 1e-9)
    XCTAssertEqual(row[13..<19].joined(separator: ","), "2,2,3,6,6,0")
  }

  func testCollapsedRunsAreCountedAndNotAveraged() throws {
    let table = try text(report(small()), "table.csv")
    let rows = table.split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
    let fallen = try XCTUnwrap(rows.first { $0[0] == "LSQ_E2W2A2" && $0[3] == "0" && $0[4] == "QUAERO-EMEA" })
    XCTAssertEqual(fallen[7], "", "no mean of collapsed runs")
    XCTAssertEqual(fallen[18], "3")
    let partly = try XCTUnwrap(rows.first { $0[0] == "LSQ_E2W2A2" && $0[3] == "0.3" && $0[4] == "QUAERO-EMEA" })
    XCTAssertGreaterThan(try XCTUnwrap(Double(partly[7])), 0.4)
    XCTAssertEqual(partly[18], "2", "head seed 2 of both trunks")
    XCTAssertEqual(partly[19], "0", "not bold")
  }

  /// The effect that the study was made with is found, and its sign.
  func testAStrongEffectIsShown() throws {
    var study = small()
    (study.effect, study.seedSpread, study.collapses) = (0.2, 0.002, false)
    (study.trunkSeeds, study.headSeeds) = ([1, 2, 3], [1, 2, 3, 4, 5])
    study.documentCount = 60
    let rows = try text(report(study), "contrasts.csv").split(separator: "\n").dropFirst()
      .map { $0.split(separator: ",", omittingEmptySubsequences: false) }
    XCTAssertEqual(rows.count, 6)
    for row in rows where row[0] == "QUAERO-EMEA" {
      XCTAssertEqual(try XCTUnwrap(Double(row[10])), 0.168, accuracy: 0.03, "difference")
      XCTAssertLessThan(try XCTUnwrap(Double(row[15])), 0.05, "p after Holm: \(row)")
    }
  }

  func testAHalfFinishedStudyIsReportedOn() throws {
    var study = small()
    for share in [0, 0.01, 0.2, 0.55, 0.9] {
      study.doneShare = share
      let files = try report(study)
      XCTAssertEqual(files.warnings, [], "\(share)")
      let page = try text(files, "report.html")
      XCTAssertTrue(page.contains("What follows is preliminary"), "\(share)")
      XCTAssertTrue(page.contains("the loss is NaN on slice 3"), "a failed cell is told")
    }
  }

  /// Branches that another grid in the folder left are done without this grid's own trunk: nothing is missing.
  func testAFirstStageThatNobodyWaitsForIsNotMissing() throws {
    let files = try report(small()) { folder in
      let cells = folder.appendingPathComponent("cells")
      for id in try FileManager.default.contentsOfDirectory(atPath: cells.path) {
        let own = try String(contentsOf: cells.appendingPathComponent("\(id)/cell.json"), encoding: .utf8)
        guard own.contains("\"kind\": \"trunk\"") else { continue }
        try FileManager.default.removeItem(at: cells.appendingPathComponent(id))
      }
    }
    let page = try text(files, "report.html")
    XCTAssertTrue(page.contains("cells done.") && !page.contains("preliminary"))
    let state = try XCTUnwrap(
      page.components(separatedBy: "id=\"state\"").last?.components(separatedBy: "id=\"scores\"").first)
    XCTAssertTrue(state.contains("branch"))
    XCTAssertFalse(state.contains("trunk (first stage, shared)"), "the row of cells by kind")
  }

  func testReportsOfTheSameResultsAreTheSameBytesButForTimes() throws {
    func files(_ hasEnergy: Bool) throws -> ReportFiles {
      var study = small()
      study.hasEnergy = hasEnergy
      return try report(study, times: false) { folder in
        guard !hasEnergy else { return }
        // As after a resume: another duration, and a warning in the log.
        for id in try FileManager.default.contentsOfDirectory(atPath: folder.path + "/cells") {
          let file = folder.appendingPathComponent("cells/\(id)/result.json")
          let text = try String(contentsOf: file, encoding: .utf8)
          try text.replacingOccurrences(of: "\"seconds\": ", with: "\"seconds\": 1").write(
            to: file, atomically: false, encoding: .utf8)
        }
      }
    }
    let (a, b) = (try files(true), try files(false))
    XCTAssertEqual(a.files.map(\.name), b.files.map(\.name))
    for (one, other) in zip(a.files, b.files) { XCTAssertEqual(one.bytes, other.bytes, one.name) }
    let page = try text(a, "report.html")
    for word in ["kWh", "core-hours"] { XCTAssertFalse(page.contains(word), word) }
    XCTAssertFalse(a.files.contains { $0.name == "cost.csv" })
  }

  /// A cell that cannot be read is one line; the others stay.
  func testADamagedCellIsOneLineAndTheRestStays() throws {
    let damages: [(String, String)] = [
      ("{\"version\": 1, \"scores\": {\"test\": {\"f1\": 0.", "not JSON"), ("[]", "no object"), ("", "not JSON"),
      ("{\"scores\": {\"task_kind\": \"entities\", \"test\": {\"f1\": 1.7}}}", "scores.test.f1"),
      ("{\"scores\": {\"task_kind\": \"poems\"}}", "poems"), ("{\"ranks\": -1}", "ranks"),
      ("{\"energy\": {\"method\": \"guess\"}}", "energy.method"), ("{\"id\": \"ffffffffffff\"}", "another cell"),
      ("{\"documents\": [{\"id\": 3}], \"scores\": {\"task_kind\": \"tags\"}}", "documents[0]"),
      ("{\"fingerprint\": {}}", "fingerprint"),
    ]
    var study = small()
    (study.schemes, study.headSeeds, study.tasks) = (["LSQ_E4W4A4"], [1], ["CAS-POS": "tags"])
    for (damage, expected) in damages {
      var hit = ""
      let files = try report(study) { folder in
        let cells = folder.appendingPathComponent("cells")
        hit = try XCTUnwrap(FileManager.default.contentsOfDirectory(atPath: cells.path).sorted().first)
        try Data(damage.utf8).write(to: cells.appendingPathComponent("\(hit)/result.json"))
      }
      XCTAssertEqual(files.warnings.count, 1, "\(damage): \(files.warnings)")
      let warning = files.warnings.first ?? ""
      XCTAssertTrue(warning.contains(hit) && warning.contains(expected), warning)
      XCTAssertFalse(warning.contains("\n"))
      let page = try text(files, "report.html")
      XCTAssertTrue(page.contains("1 unreadable"))
      XCTAssertFalse(page.contains("palier-test-"), "the place of the folder is in the page")
    }
  }

  func testADamagedSweepIsOneLine() throws {
    let cell = "{\"id\": \"0123456789ab\", \"kind\": \"head\", \"coordinates\": {\"model\": \"m\", \"scheme\": \"s\"}}"
    for (text, expected) in [
      ("{\"version\": 1, \"cells\": [", "not JSON"), ("{\"version\": 2, \"cells\": []}", "version"), ("{}", "version"),
      ("{\"version\": 1}", "cells"), ("{\"version\": 1, \"cells\": [\(cell), \(cell)]}", "twice"),
      ("{\"version\": 1, \"cells\": [\(cell.replacingOccurrences(of: "0123456789ab", with: "../../../etc"))]}", "id"),
      ("{\"version\": 1, \"cells\": [\(cell.replacingOccurrences(of: "head", with: "tail"))]}", "tail"),
      ("{\"version\": 1, \"cells\": [\(cell.dropLast()), \"parent\": \"aaaaaaaaaaaa\"}]}", "parent"),
      ("{\"version\": 1, \"cells\": [{\"id\": \"0123456789ab\", \"kind\": \"head\"}]}", "coordinates"),
    ] {
      let folder = try TemporaryFolder()
      try Data(text.utf8).write(to: folder.file("sweep.json"))
      assertThrows(ReportError.self, saying: ["sweep.json", expected]) { try SweepReport(folder.url, options()) }
    }
  }

  /// Names that are marks in HTML, LaTeX, Markdown or CSV come out as text.
  func testHostileNamesStayText() throws {
    var study = small()
    study.models = ["<script>alert(1)</script>,\"&|_%$\u{1b}[31m"]
    let files = try report(study)
    for name in ["report.html", "figures/scores-by-alpha.svg"] {
      let page = try text(files, name)
      XCTAssertFalse(page.contains("<script"), name)
      XCTAssertFalse(page.contains("\u{1b}"), name)
    }
    XCTAssertTrue(try text(files, "table.tex").contains("\\&|\\_\\%\\$"))
    XCTAssertTrue(try text(files, "table.md").contains("\\<script\\>"))
  }

  /// Writing twice leaves what the second report has, and nothing of its own that the first had more.
  func testFilesAreReplaced() throws {
    let folder = try TemporaryFolder()
    let out = folder.file("report")
    try report(small()).write(to: out)
    XCTAssertTrue(FileManager.default.fileExists(atPath: out.path + "/figures/energy.svg"))
    try Data("own".utf8).write(to: out.appendingPathComponent("figures/own.svg"))
    try report(small(), times: false).write(to: out)
    XCTAssertFalse(FileManager.default.fileExists(atPath: out.path + "/figures/energy.svg"))
    let names = try FileManager.default.contentsOfDirectory(atPath: out.path + "/figures")
    XCTAssertTrue(names.contains("own.svg") && !names.contains { $0.hasPrefix(".") }, "\(names)")
  }

  /// `PALIER_MADE_STUDY=FOLDER` keeps the large made study and its report there, to look at.
  func testTheLargeStudyCanBeKept() throws {
    guard let path = ProcessInfo.processInfo.environment["PALIER_MADE_STUDY"] else {
      throw XCTSkip("set PALIER_MADE_STUDY to a folder to keep a made study and look at its report")
    }
    for (name, share) in [("whole", 1.0), ("half", 0.5)] {
      var study = MadeStudy()
      study.doneShare = share
      let url = URL(fileURLWithPath: path).appendingPathComponent(name)
      try study.write(to: url)
      var options = try options()
      options.drawCount = 10_000
      try SweepReport(url, options).files().write(to: url.appendingPathComponent("report"))
    }
  }
}
