import Base
import Foundation
import Observability
import TestSupport
import XCTest

final class MetricsFileTests: XCTestCase {
  private func lines(_ url: URL) throws -> [[String: Any]] {
    try String(contentsOf: url, encoding: .utf8).split(separator: "\n").map {
      try XCTUnwrap(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }

  func testSitesAreReadBack() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("metrics.jsonl")
    let file = try MetricsFile(url)
    var sites = Samples.sites(3)
    sites[0].rows?.changedShare = nil
    for reports in [Samples.sites(2), sites] { try file.observe(.sites(reports)) }
    try file.observe(.note(NoteReport("no site")))
    try file.finish()
    XCTAssertEqual(try MetricsRecord.all(at: url).records.compactMap(SiteReport.init), Samples.sites(2) + sites)
    let lines = try lines(url)
    XCTAssertEqual(lines[0]["changed_share"] as? Double, 0.125)
    XCTAssertEqual(lines[0]["clipped_share"] as? Double, 0.003)
    XCTAssertNil(lines[1]["rows"])
    XCTAssertNil(lines[2]["changed_share"])
  }

  /// Of 0.3 % clipped, 3.5 of 4 bits and 2 of 24 rows dead, the bits are what is lost most.
  func testWhatIsLostOfASiteIsTheWorstOfItsShares() {
    var site = Samples.sites(1)[0]
    XCTAssertEqual(site.lostShare, 0.125)
    site.clippedAbove = 0.5
    XCTAssertEqual(site.lostShare, 0.501)
    site.rows?.deadCount = 18
    XCTAssertEqual(site.lostShare, 0.75)
  }

  func testEveryEventIsOneReadableLine() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("metrics.jsonl")
    let file = try MetricsFile(url, now: { 12.3456 })
    let events: [RunEvent] = [
      .step(Samples.step(1)), .evaluation(Samples.evaluation(1)), .sites(Samples.sites(1)),
      .fingerprint(FingerprintReport(globalStep: 1, parameters: "00ff")),
      .gradientCosines(GradientCosineReport(globalStep: 1, cosines: [GradientCosine(part: "layer.0", cosine: 0.5)])),
      .hiddenCosines(HiddenCosineReport(globalStep: 1, cosines: [1, 0.75])),
      .note(NoteReport("guillemets « », \"quotes\", back\\slash,\nnew\tline, \u{1} and 😀")),
      .warning(WarningReport("careful")),
      .deadSite(DeadSiteReport(globalStep: 1, site: "a.weight_quantizer", reason: "clipped")),
      .collapse(
        CollapseReport(
          globalStep: 1, stage: "token", reason: "low",
          firstSite: DeadSiteReport(globalStep: 1, site: "a.weight_quantizer", reason: "clipped"))),
      .end(
        RunSummary(
          globalStep: 1, seconds: 60, tokens: 6144, evaluations: [Samples.evaluation(1)],
          energy: EnergyReport(
            hosts: [EnergyReport.Host("node1", .measured([EnergyReading.Package("package-0", 12.5)]))]),
          collapses: [CollapseReport(globalStep: 1, stage: "token", reason: "low")], skippedStepCount: 2)),
    ]
    for event in events { try file.observe(event) }
    try file.finish()

    let lines = try lines(url)
    XCTAssertEqual(
      lines.map { $0["kind"] as? String },
      [
        "step", "evaluation", "site", "site", "fingerprint", "gradient_cosine", "hidden_cosine", "note", "warning",
        "dead_site",
        "collapse", "end",
      ])
    XCTAssertTrue(lines.allSatisfy { $0["global_step"] as? Int == 1 && $0["time"] as? Double == 12.346 })
    XCTAssertEqual(lines[0]["loss"] as? Double, 8.5)
    XCTAssertEqual(lines[0]["learning_rate"] as? Double, 4.2e-6)
    XCTAssertEqual((lines[0]["seconds_by_phase"] as? [String: Double])?["products"], 1.2)
    XCTAssertEqual((lines[1]["scores"] as? [String: Double])?["strict_f1"], 0.6125)
    XCTAssertEqual((lines[1]["labels"] as? [[String: Any]])?.first?["f1"] as? Double, 1.0 / 3)
    XCTAssertEqual(lines[3]["site"] as? String, "roberta.encoder.layer.0.output.dense.input_quantizer")
    XCTAssertEqual(lines[5]["parts"] as? [String: Double], ["layer.0": 0.5])
    XCTAssertEqual(lines[6]["parts"] as? [String: Double], ["embeddings": 1, "layer.0": 0.75])
    XCTAssertEqual(
      lines[7]["text"] as? String, "guillemets « », \"quotes\", back\\slash,\nnew\tline, \u{1} and 😀")
    XCTAssertEqual(lines[9]["site"] as? String, "a.weight_quantizer")
    XCTAssertEqual(lines[10]["stage"] as? String, "token")
    XCTAssertEqual((lines[10]["first_site"] as? [String: Any])?["site"] as? String, "a.weight_quantizer")
    XCTAssertEqual((lines[11]["collapses"] as? [[String: Any]])?.first?["reason"] as? String, "low")
    XCTAssertEqual(lines[11]["skipped_steps"] as? Int, 2)
    XCTAssertEqual(lines[11]["joules"] as? Double, 12.5)
    XCTAssertEqual(lines[11]["joules_by_host"] as? [String: Double], ["node1": 12.5])
  }

  /// Who reads the curve of the weights must not find the average's points in it.
  func testEvaluationsOfTheAverageHaveAKindOfTheirOwn() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("metrics.jsonl")
    let file = try MetricsFile(url)
    var average = Samples.evaluation(4, f1: 0.75)
    average.isOfAverage = true
    for event: RunEvent in [
      .scheme(SchemeReport(globalStep: 3, stage: "mlm", before: "LSQ_E8W8A8", after: "LSQ_E4W4A4")),
      .evaluation(Samples.evaluation(4)), .evaluation(average),
      .end(RunSummary(globalStep: 4, seconds: 1, tokens: 1, evaluations: [Samples.evaluation(4), average])),
    ] { try file.observe(event) }
    try file.finish()
    let lines = try lines(url)
    XCTAssertEqual(
      lines.map { $0["kind"] as? String }, ["scheme", "evaluation", "averaged_evaluation", "end"])
    XCTAssertEqual(lines.map { $0["global_step"] as? Int }, [3, 4, 4, 4])
    XCTAssertEqual(lines[0]["before"] as? String, "LSQ_E8W8A8")
    XCTAssertEqual(lines[0]["after"] as? String, "LSQ_E4W4A4")
    XCTAssertEqual((lines[2]["scores"] as? [String: Double])?["strict_f1"], 0.75)
    let evaluations = try XCTUnwrap(lines[3]["evaluations"] as? [[String: Any]])
    XCTAssertEqual(evaluations.map { $0["averaged"] as? Bool }, [nil, true])
  }

  func testTheStartIsTheFirstRecord() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("metrics.jsonl")
    let file = try MetricsFile(url)
    try file.observe(
      .start(
        StartReport(
          version: "0.1.0", summary: "in words", arithmetic: [NamedText("backward", "bf16")],
          data: [NamedText("train", "00ff")], audit: ["train: 3 sentences"], ranks: 4, threads: 2,
          changes: ["seed", "batch"])))
    let line = try XCTUnwrap(lines(url).first)
    XCTAssertEqual(line["kind"] as? String, "start")
    XCTAssertEqual(line["global_step"] as? Int, 0)
    XCTAssertEqual(line["arithmetic"] as? [String: String], ["backward": "bf16"])
    XCTAssertEqual(line["data"] as? [String: String], ["train": "00ff"])
    XCTAssertEqual(line["audit"] as? [String], ["train: 3 sentences"])
    XCTAssertEqual([line["ranks"] as? Int, line["threads"] as? Int], [4, 2])
    XCTAssertEqual(line["changes"] as? String, "seed; batch")
  }

  func testNumbersKeepEveryBitAndNonFiniteOnesAreNamed() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("metrics.jsonl")
    let file = try MetricsFile(url)
    let values: [Double] = [
      0.1, 1.0 / 3, .leastNonzeroMagnitude, .greatestFiniteMagnitude, -0.0, 1e16, 123_456_789, .nan, .infinity,
      -.infinity,
    ]
    for (index, value) in values.enumerated() { try file.observe(.step(Samples.step(index + 1, loss: value))) }

    let (records, unreadable) = try MetricsRecord.all(at: url)
    XCTAssertEqual(unreadable, 0)
    for (record, value) in zip(records, values) {
      let read = try XCTUnwrap(record.double("loss"))
      XCTAssertTrue(read == value || read.isNaN && value.isNaN, "\(read) for \(value)")
    }
    XCTAssertTrue(try String(contentsOf: url, encoding: .utf8).contains("\"loss\":\"-Infinity\""))
  }

  func testResumeCutsLaterStepsAndATornLine() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("metrics.jsonl")
    let first = try MetricsFile(url)
    for step in 1...10 {
      try first.observe(.step(Samples.step(step)))
      try first.observe(.note(NoteReport("after \(step)")))
    }
    let handle = try FileHandle(forWritingTo: url)
    handle.seekToEndOfFile()
    handle.write(Data("{\"kind\":\"step\",\"global_st".utf8))
    try handle.close()

    let second = try MetricsFile(url, resumingAt: 6)
    XCTAssertEqual(second.repair.droppedLineCount, 9)
    try second.observe(.note(NoteReport("resumed")))
    for step in 7...10 { try second.observe(.step(Samples.step(step))) }
    let steps = try lines(url).filter { $0["kind"] as? String == "step" }.compactMap { $0["global_step"] as? Int }
    XCTAssertEqual(steps, Array(1...10))
    let note = try XCTUnwrap(lines(url).first { $0["text"] as? String == "resumed" })
    XCTAssertEqual(note["global_step"] as? Int, 6, "a note belongs to the step resumed from")
  }

  func testTornLastLineIsDropped() throws {
    let whole = "{\"kind\":\"step\",\"global_step\":1}\n"
    let repair = MetricsRepair(ofText: whole + "{\"kind\":\"st", resumingAt: 5)
    XCTAssertEqual(repair.keptByteCount, whole.utf8.count)
    XCTAssertEqual(repair.tornByteCount, 11)
    XCTAssertEqual(repair.note, "a torn last line of 11 bytes dropped")
  }

  func testLastLineThatLacksOnlyItsEndStays() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("metrics.jsonl")
    try Data("{\"kind\":\"step\",\"global_step\":1}".utf8).write(to: url)
    let file = try MetricsFile(url, resumingAt: 1)
    try file.observe(.step(Samples.step(2)))
    XCTAssertEqual(try lines(url).count, 2)
  }

  func testResumeAtZeroOrWithoutAFileStartsEmpty() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("metrics.jsonl")
    try MetricsFile(url, resumingAt: 3).observe(.step(Samples.step(4)))
    XCTAssertEqual(try MetricsFile(url, resumingAt: 0).repair.keptByteCount, 0)
    XCTAssertEqual(try Data(contentsOf: url).count, 0)
  }

  func testUnreadableLinesStayAndAreCounted() {
    let text = "{\"kind\":\"step\",\"global_step\":1}\nnot ours\n\n{\"kind\":\"step\",\"global_step\":2}\n"
    let repair = MetricsRepair(ofText: text, resumingAt: 2)
    XCTAssertEqual(repair.keptByteCount, text.utf8.count)
    XCTAssertEqual(repair.unreadableLineCount, 2)
  }

  /// Opening a pipe for reading waits for a writer that may never come.
  func testAPipeIsRefusedAtOnce() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("palier-pipe-\(getpid())")
    XCTAssertEqual(mkfifo(url.path, 0o600), 0)
    defer { unlink(url.path) }
    XCTAssertThrowsError(try MetricsFile(url, resumingAt: 1)) {
      XCTAssertTrue("\($0)".contains(url.path) && "\($0)".contains("not a regular file"), "\($0)")
    }
  }

  func testANewRunRefusesAFileThatIsThere() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("metrics.jsonl")
    try Data().write(to: url)
    XCTAssertThrowsError(try MetricsFile(url)) { error in
      XCTAssertEqual("\(error)", "\(url.path): already there")
    }
  }

  func testAFailedWriteLeavesNoPartOfItsLine() throws {
    let disk = try SmallDisk(kilobytes: 64)
    let url = disk.url.appendingPathComponent("metrics.jsonl")
    let file = try MetricsFile(url)
    var isFull = false
    for step in 1...1000 where !isFull {
      do { try file.observe(.step(Samples.step(step))) } catch {
        XCTAssertEqual("\(error)", "\(url.path): write: the disk is full; free space or choose another folder")
        isFull = true
      }
    }
    XCTAssertTrue(isFull)
    let before = try lines(url).count  // every line parses: nothing torn
    XCTAssertThrowsError(try file.observe(.note(NoteReport(String(repeating: "x", count: 5000)))))
    XCTAssertEqual(try lines(url).count, before)
  }
}

extension MetricsRepair {
  /// Of a file that holds `text`.
  init(ofText text: String, resumingAt step: Int) {
    self = Array(text.utf8).withUnsafeBytes { MetricsRepair(of: $0, resumingAt: step) }
  }
}
