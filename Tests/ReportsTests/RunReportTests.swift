import Base
import Foundation
import Reports
import TestSupport
import XCTest

/// The report of a single run, from a made log.
final class RunReportTests: XCTestCase {
  /// A log of both stages, with `extra` lines at its end.
  private func log(_ folder: URL, firstSteps: Int = 40, secondSteps: Int = 60, extra: [String] = []) throws {
    var lines: [String] = [
      #"{"kind":"start","global_step":0,"time":1,"palier":"0.1.0","arithmetic":{"forward":"integer"},"data":{"train":"abcd"},"ranks":2,"threads":4}"#
    ]
    for step in 1...(firstSteps + secondSteps) {
      let isFirst = step <= firstSteps
      let own = isFirst ? step : step - firstSteps
      let loss = (isFirst ? 7.0 : 2.0) * exp(-Double(own) / 30) + 0.1
      lines.append(
        #"{"kind":"step","global_step":\#(step),"time":\#(step),"stage":"\#(isFirst ? "mlm" : "token")","step":\#(own),"#
          + #""total_steps":\#(firstSteps + secondSteps),"loss":\#(loss),"tokens":1000,"seconds":0.5,"#
          + #""seconds_communication":0.05,"seconds_by_phase":{"forwardRows":0.2,"head":0.1}}"#)
      guard step % 20 == 0 else { continue }
      for (site, size) in [
        ("roberta.encoder.layer.0.output.dense.weight_quantizer", 0.01),
        ("roberta.embeddings.word_embeddings.weight_quantizer", 0.02),
      ] {
        lines.append(
          #"{"kind":"site","global_step":\#(step),"time":1,"site":"\#(site)","step_size":\#(size * Double(step)),"clipped_share":0.01}"#
        )
      }
      let scores = isFirst ? #""loss":\#(loss),"accuracy":0.3"# : #""loss":\#(loss),"f1":0.61,"strict_f1":0.6"#
      lines.append(
        #"{"kind":"evaluation","global_step":\#(step),"time":1,"stage":"\#(isFirst ? "mlm" : "token")","split":"validation","scores":{\#(scores)},"seconds":1,"share_of_run":0.1}"#
      )
    }
    try Data((lines + extra).map { $0 + "\n" }.joined().utf8).write(to: folder.appendingPathComponent("metrics.jsonl"))
  }

  private func page(_ files: ReportFiles) throws -> String {
    String(decoding: try XCTUnwrap(files.files.first { $0.name == "report.html" }).bytes, as: UTF8.self)
  }

  func testBothStagesAreShownWithTheSwitch() throws {
    let folder = try TemporaryFolder()
    try log(
      folder.url,
      extra: [
        #"{"kind":"evaluation","global_step":100,"time":1,"stage":"token","split":"test","parameters_of_step":80,"scores":{"loss":0.2,"f1":0.6543,"strict_f1":0.64},"labels":[{"label":"DISO","precision":0.5,"recall":0.25,"f1":0.3333,"support":87}]}"#,
        #"{"kind":"dead_site","global_step":60,"time":1,"site":"a.b","reason":"one code for all"}"#,
        #"{"kind":"end","global_step":100,"time":1,"seconds":50,"tokens":100000,"joules":7200000,"energy_method":"RAPL"}"#,
      ])
    let files = try RunReport(folder.url, ReportOptions()).files()
    XCTAssertEqual(files.warnings, [])
    let names = files.files.map(\.name)
    for name in ["loss", "scores", "sites", "phases"] {
      XCTAssertTrue(names.contains("figures/\(name).svg") && names.contains("figures/\(name).csv"), name)
    }
    let text = try page(files)
    for part in [
      "Switch from the first stage to the second after step 40", "DISO", "65.4", "site a.b is dead", "2.00 kWh",
      "43.4 g at 21.7 g/kWh", "forwardRows", ">switch<",
    ] { XCTAssertTrue(text.contains(part), part) }
    // 100 steps of half a second on two ranks of four threads.
    XCTAssertTrue(text.contains("0.111"), "core-hours")
  }

  func testARunThatGoesOnAndABrokenLineAreTold() throws {
    let folder = try TemporaryFolder()
    try log(folder.url, secondSteps: 0, extra: [#"{"kind":"step","glob"#])
    let files = try RunReport(folder.url, ReportOptions()).files()
    XCTAssertEqual(files.warnings, ["metrics.jsonl: 1 line cannot be read"])
    let text = try page(files)
    XCTAssertTrue(text.contains("the run has not ended"))
    XCTAssertFalse(text.contains(">switch<"))
  }

  func testALogWithoutAStepIsOneLine() throws {
    let folder = try TemporaryFolder()
    try Data("{\"kind\":\"note\",\"global_step\":0,\"time\":1,\"text\":\"x\"}\n".utf8).write(
      to: folder.file("metrics.jsonl"))
    assertThrows(ReportError.self, saying: ["no step"]) { try RunReport(folder.url, ReportOptions()) }
  }

  /// Many steps: what is drawn stays small, what is in the CSV is all.
  func testALongRunIsDrawnInFewPoints() throws {
    let folder = try TemporaryFolder()
    try log(folder.url, firstSteps: 0, secondSteps: 20_000)
    let files = try RunReport(folder.url, ReportOptions()).files()
    let svg = try XCTUnwrap(files.files.first { $0.name == "figures/loss.svg" }).bytes
    let csv = try XCTUnwrap(files.files.first { $0.name == "figures/loss.csv" }).bytes
    XCTAssertLessThan(svg.count, 400_000)
    XCTAssertEqual(csv.filter { $0 == 0x0A }.count, 20_001)
  }

  func testTimesCanBeLeftOut() throws {
    let folder = try TemporaryFolder()
    try log(folder.url)
    var options = ReportOptions()
    options.hasTimes = false
    let files = try RunReport(folder.url, options).files()
    XCTAssertFalse(files.files.contains { $0.name.contains("phases") })
    XCTAssertFalse(try page(files).contains("core-hours"))
  }
}
