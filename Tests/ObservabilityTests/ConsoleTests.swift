import Foundation
import Observability
import TestSupport
import XCTest

final class ConsoleTests: XCTestCase {
  private let clock = Clock()
  private let sink = Sink()

  private func console(
    _ style: Terminal.Style = .plain, width: Int = 80, every interval: Console.Interval = .init(steps: 0, seconds: 10),
    plan: [StagePlan] = []
  ) -> Console {
    let sink = sink
    let clock = clock
    return Console(
      Terminal(style: style, width: { width }, write: { sink.bytes += $0 }), every: interval, plan: plan,
      now: { clock.seconds })
  }

  private func line() -> ProgressLine {
    ProgressLine(
      Samples.step(1234, of: 30000, stageSteps: 9000), loss: 3.14159, score: Score("loss", 3.25),
      tokensPerSecond: 1934.2, communicationShare: 0.031, secondsLeft: 8040)
  }

  func testPlainLineHasEveryPart() {
    XCTAssertEqual(
      line().plain,
      "mlm 1234/9000 (run 1234/30000)  loss 3.142  val loss 3.25  lr 4.2e-06  1934 tok/s  comm 3.1%  2h14m left")
  }

  func testLineFitsEveryWidth() {
    for width in 0...200 {
      let text = line().fitted(to: width)
      XCTAssertLessThanOrEqual(text.count, width)
      if width >= 26 { XCTAssertTrue(text.contains("loss 3.142"), text) }
      if width >= 13 { XCTAssertTrue(text.hasPrefix("mlm 1234/9000"), text) }
    }
    XCTAssertEqual(line().fitted(to: 110).count, 110)
    XCTAssertEqual(
      line().fitted(to: 110),
      "mlm 1234/9000  [>                  ]  loss 3.142  val loss 3.25  lr 4.2e-06  1934 tok/s  comm 3.1%  2h14m left")
  }

  func testBarShowsTheShareOfTheRun() {
    var line = line()
    line.report.globalStep = 15000
    XCTAssertTrue(line.fitted(to: 200).contains("[==============>             ]"))
    line.report.globalStep = 30000
    XCTAssertTrue(line.fitted(to: 200).contains("[============================]"))
    line.report.totalSteps = 0
    XCTAssertTrue(line.fitted(to: 200).contains("[>"))
  }

  func testPlainLinesComeBySteps() throws {
    let console = console(every: .init(steps: 10, seconds: 0))
    for step in 1...25 { try console.observe(.step(Samples.step(step, of: 25))) }
    let steps = sink.text.split(separator: "\n").map { $0.prefix { $0 != "/" } }
    XCTAssertEqual(steps, ["mlm 1", "mlm 10", "mlm 20", "mlm 25"])
  }

  func testPlainLinesComeByTime() throws {
    let console = console(every: .init(steps: 0, seconds: 10))
    for step in 1...20 {
      clock.seconds += 3
      try console.observe(.step(Samples.step(step, of: 100)))
    }
    let steps = sink.text.split(separator: "\n").map { $0.prefix { $0 != "/" } }
    XCTAssertEqual(steps, ["mlm 1", "mlm 5", "mlm 9", "mlm 13", "mlm 17"])
  }

  func testPlainOutputHasNoControlCharacters() throws {
    let console = console()
    try console.observe(.note(NoteReport("a label called \u{1B}[31mred\u{7}\nsecond line")))
    try console.observe(.warning(WarningReport("careful")))
    XCTAssertEqual(sink.text, "a label called \\u{1b}[31mred\\u{7} second line\nwarning: careful\n")
  }

  func testTerminalLineIsRedrawnAndMakesRoomForNotes() throws {
    let console = console(.redrawn(coloured: true), width: 60)
    try console.observe(.step(Samples.step(1)))
    try console.observe(.step(Samples.step(2)))  // too soon to draw again
    clock.seconds += 1
    try console.observe(.step(Samples.step(3)))
    try console.observe(.warning(WarningReport("careful")))
    try console.observe(.step(Samples.step(4)))
    try console.finish()
    let pieces = sink.text.components(separatedBy: "\r\u{1B}[K")
    XCTAssertEqual(pieces.count, 5)
    XCTAssertTrue(pieces[1].hasPrefix("mlm 1/100  "))
    XCTAssertTrue(pieces[2].hasPrefix("mlm 3/100  "))
    XCTAssertEqual(pieces[3], "\u{1B}[33mwarning:\u{1B}[0m careful\n")
    XCTAssertTrue(pieces[4].hasPrefix("mlm 4/100  ") && pieces[4].hasSuffix("\n"))
    XCTAssertTrue(pieces.allSatisfy { $0.count < 60 })
  }

  func testWithoutColourNothingIsColoured() throws {
    let console = console(.redrawn(coloured: false))
    try console.observe(.warning(WarningReport("careful")))
    XCTAssertEqual(sink.text, "warning: careful\n")
  }

  func testLossIsSmoothedPerStageAndNaNIsShown() {
    var loss = SmoothedLoss()
    XCTAssertEqual(loss.add(8, stage: "mlm"), 8, accuracy: 1e-12)
    // (0.95 · 0.05 · 8 + 0.05 · 4) / (0.95 · 0.05 + 0.05)
    XCTAssertEqual(loss.add(4, stage: "mlm"), 0.58 / 0.0975, accuracy: 1e-12)
    XCTAssertTrue(loss.add(.nan, stage: "mlm").isNaN)
    XCTAssertEqual(loss.add(0.58 / 0.0975, stage: "mlm"), 0.58 / 0.0975, accuracy: 1e-12)
    XCTAssertEqual(loss.add(2, stage: "token"), 2, accuracy: 1e-12)
  }

  func testEndShowsScoresLabelsTimeAndEnergy() throws {
    let console = console(every: .init(steps: 0, seconds: 0))
    try console.observe(.step(Samples.step(1, of: 1)))
    sink.bytes = []
    var test = Samples.evaluation(30, split: "test", f1: 0.5)
    test.parametersOfStep = 20
    try console.observe(
      .end(
        RunSummary(
          globalStep: 30, seconds: 120, tokens: 240_000,
          evaluations: [Samples.evaluation(30), test],
          energy: EnergyReport(
            hosts: [.init("node1", .measured([.init("package-0", 12_000), .init("package-1", 300)]))]),
          collapses: [CollapseReport(globalStep: 30, stage: "token", reason: "f1 0.0300 is under 20.0%")],
          deadSites: [
            DeadSiteReport(globalStep: 12, site: "layer.0.weight_quantizer", reason: "99.9% of its values are clipped"),
            DeadSiteReport(globalStep: 20, site: "layer.1.weight_quantizer", reason: "other"),
          ], skippedStepCount: 3)))
    XCTAssertEqual(
      sink.text,
      """

      score       token validation  token test
      of step                   30          20
      strict_f1             0.6125      0.5000
      lenient_f1            0.6225      0.5100

      label (token test)  precision  recall      f1  support
      ANAT                   0.5000  0.2500  0.3333       12
      DISO                   0.7500  0.7500  0.7500     1040

      done at step 30 in 2m00s: 240000 tokens, 2000 tok/s with evaluation and checkpoints
      time of the steps: products 60.0%, attention 20.0%, communication not hidden 5.0%
      energy: 12.3 kJ, 0.0034 kWh (2 packages of node1; RAPL counters of processor packages, all programs on them)
      3 of 30 steps were skipped for bad numbers
      2 quantizer sites went dead, the first at step 12: layer.0.weight_quantizer (99.9% of its values are clipped); metrics.jsonl names all
      collapsed: token at step 30: f1 0.0300 is under 20.0%

      """)
  }

  func testEvaluationIsALineWithItsShareOfTheRun() throws {
    try console().observe(.evaluation(Samples.evaluation(40)))
    XCTAssertEqual(
      sink.text,
      "token validation at 40: strict_f1 0.6125  lenient_f1 0.6225 (3.2s, 4.1% of the run so far)\n")
  }

  func testTheAverageIsNamedInItsLineAndInTheTableAtTheEnd() {
    var average = Samples.evaluation(20)
    average.isOfAverage = true
    let table = Console.scoreTable([Samples.evaluation(20), average])
    XCTAssertTrue(table[1].hasSuffix("token validation  token validation of the average"), table[1])
  }

  func testAStandardOutputThatIsNoTerminalIsPlain() {
    XCTAssertEqual(Terminal.standardOutput(environment: ["TERM": "dumb"]).style, .plain)
    XCTAssertEqual(Terminal.standardOutput(environment: [:]).style, .plain)
  }
}
