import Base
import Foundation
import Observability
import TestSupport
import XCTest

final class RunObserversTests: XCTestCase {
  private final class Recorder: RunObserver {
    let name: String
    let isSeenAtOnce: Bool
    var events: [RunEvent] = []
    var isBroken = false
    var isFinished = false

    init(_ name: String, isSeenAtOnce: Bool = false) {
      self.name = name
      self.isSeenAtOnce = isSeenAtOnce
    }

    func observe(_ event: RunEvent) throws -> Bool {
      if case .sites = event { return false }
      if isBroken { throw FileError.diskFull(path: name, operation: "write") }
      events.append(event)
      return true
    }

    func finish() throws {
      isFinished = true
      if isBroken { throw FileError.diskFull(path: name, operation: "write") }
    }
  }

  func testAFailingObserverCostsOneWarningAndNothingElse() {
    let console = Recorder("console", isSeenAtOnce: true)
    let file = Recorder("metrics.jsonl")
    var unseen: [String] = []
    let observers = RunObservers([file, console], lastResort: { unseen.append($0) })
    observers.observe(.step(Samples.step(1)))
    file.isBroken = true
    for step in 2...5 {
      observers.observe(.step(Samples.step(step)))
      observers.observe(.sites([]))  // it does nothing with these, so they say nothing of its health
    }
    file.isBroken = false
    observers.observe(.step(Samples.step(6)))

    let warnings = console.events.compactMap { event -> String? in
      if case .warning(let report) = event { return report.text }
      return nil
    }
    XCTAssertEqual(
      warnings,
      [
        "metrics.jsonl: write: the disk is full; free space or choose another folder; "
          + "the run goes on without metrics.jsonl until it works again"
      ])
    XCTAssertTrue(console.events.contains(.note(NoteReport("metrics.jsonl: works again; 4 events are missing in it"))))
    XCTAssertEqual(console.events.filter { if case .step = $0 { return true } else { return false } }.count, 6)
    XCTAssertEqual(file.events.compactMap(\.globalStep), [1, 6])
    XCTAssertEqual(unseen, [])
  }

  func testAnObserverThatComesAndGoesIsSilentAtLast() {
    let console = Recorder("console", isSeenAtOnce: true)
    let file = Recorder("metrics.jsonl")
    let observers = RunObservers([file, console])
    for step in 1...100 {
      file.isBroken = step.isMultiple(of: 2)
      observers.observe(.step(Samples.step(step)))
    }
    XCTAssertEqual(console.events.filter { if case .warning = $0 { return true } else { return false } }.count, 3)
  }

  func testAWarningThatNobodyShowsGoesToTheLastResort() {
    let console = Recorder("console", isSeenAtOnce: true)
    let file = Recorder("metrics.jsonl")
    console.isBroken = true
    var unseen: [String] = []
    let observers = RunObservers([console, file], lastResort: { unseen.append($0) })
    observers.observe(.step(Samples.step(1)))
    observers.observe(.step(Samples.step(2)))
    XCTAssertEqual(unseen.count, 1)
    XCTAssertEqual(file.events.count, 3)  // two steps and the warning
  }

  func testAllObserversBrokenIsSurvived() {
    let files = ["a", "b"].map { Recorder($0) }
    for file in files { file.isBroken = true }
    var unseen: [String] = []
    let observers = RunObservers(files, lastResort: { unseen.append($0) })
    for step in 1...3 { observers.observe(.step(Samples.step(step))) }
    observers.finish()
    XCTAssertEqual(unseen.count, 4)  // one for each at its first failure, one for each at the end
    XCTAssertTrue(files.allSatisfy(\.isFinished))
  }

  func testARunOutlivesAFullDisk() throws {
    let disk = try SmallDisk(kilobytes: 64)
    let sink = Sink()
    let console = Console(Terminal(style: .plain, write: { sink.bytes += $0 }), every: .init(steps: 0, seconds: 0))
    let metrics = try MetricsFile(disk.url.appendingPathComponent("metrics.jsonl"))
    let events = try TensorBoardWriter(folder: disk.url)
    let observers = RunObservers([console, metrics, events])
    for step in 1...600 { observers.observe(.step(Samples.step(step, of: 600))) }
    let warnings = sink.text.split(separator: "\n").filter { $0.hasPrefix("warning:") }
    XCTAssertEqual(warnings.count, 2)
    XCTAssertTrue(warnings.allSatisfy { $0.contains("the disk is full") })
    XCTAssertTrue(sink.text.contains("mlm 600/600"))
    XCTAssertNoThrow(try DecodedEvent.all(in: [UInt8](Data(contentsOf: events.url))))
  }

  func testManyThreadsMayReport() {
    let recorder = Recorder("metrics.jsonl")
    let observers = RunObservers([recorder])
    DispatchQueue.concurrentPerform(iterations: 200) { observers.note("\($0)") }
    XCTAssertEqual(recorder.events.count, 200)
  }
}
