import Checkpoints
import Foundation
import TestSupport
import XCTest

final class CheckpointSeriesTests: XCTestCase {
  private func write(_ series: CheckpointSeries, _ step: Int) throws {
    try series.write(step: step) { try $0.write("x") { try $0.write(Array("step \(step)".utf8)) } }
  }

  private func steps(_ series: CheckpointSeries) -> [Int] { series.complete().map(\.step) }

  func testKeepsTheLastOnesInOrderAndTheNamedOnes() throws {
    let folder = try TemporaryFolder()
    let series = CheckpointSeries(folder: folder.file("run"), keepLast: 2)
    XCTAssertEqual(steps(series), [])
    XCTAssertNil(try series.latestIntact().checkpoint)
    for url in [series.best, series.alpha] {
      try AtomicFolder.write(to: url) { try $0.write("x") { try $0.write([1]) } }
    }
    for step in [5, 100, 999_999, 1_000_000, 12_345_678] { try write(series, step) }
    XCTAssertEqual(steps(series), [1_000_000, 12_345_678])
    XCTAssertEqual(
      try FileManager.default.contentsOfDirectory(atPath: series.folder.path).sorted(),
      ["alpha", "best", "step-1000000", "step-12345678"])
    XCTAssertEqual(series.url(ofStep: 123).lastPathComponent, "step-000123")
  }

  func testPassesOverDamagedCheckpointsAndNamesThem() throws {
    let folder = try TemporaryFolder()
    let series = CheckpointSeries(folder: folder.url, keepLast: 9)
    for step in 1...4 { try write(series, step) }
    XCTAssertEqual(truncate(series.url(ofStep: 4).appendingPathComponent("x").path, 3), 0)
    try FileManager.default.removeItem(at: series.url(ofStep: 3).appendingPathComponent("checksums.json"))
    let found = try series.latestIntact()
    XCTAssertEqual(found.checkpoint?.step, 2)
    XCTAssertEqual(found.skipped.count, 2)
    XCTAssertTrue(
      found.skipped[0].hasPrefix("step-000004 is not used") && found.skipped[0].contains("truncated: 3 of 6 bytes"))
    XCTAssertTrue(found.skipped[1].hasPrefix("step-000003 is not used"))
    XCTAssertEqual(steps(series), [1, 2, 4])
    try write(series, 3)
    XCTAssertEqual(try series.latestIntact().checkpoint?.step, 3)
  }

  func testARolledBackRunDoesNotLoseItsFreshCheckpoint() throws {
    let folder = try TemporaryFolder()
    let series = CheckpointSeries(folder: folder.url, keepLast: 1)
    try write(series, 200)
    XCTAssertEqual(truncate(series.url(ofStep: 200).appendingPathComponent("x").path, 0), 0)
    try write(series, 150)
    XCTAssertEqual(try series.latestIntact().checkpoint?.step, 150)
    try write(series, 200)
    XCTAssertEqual(steps(series), [200])
  }

  func testIgnoresOtherNames() throws {
    let folder = try TemporaryFolder()
    let series = CheckpointSeries(folder: folder.url, keepLast: 1)
    for name in ["step-1", "step-00000x", "step-", "step-000001.old", "notes", "step--00001", "step-0000001"] {
      try FileManager.default.createDirectory(at: folder.file(name), withIntermediateDirectories: false)
      try Data().write(to: folder.file(name).appendingPathComponent("checksums.json"))
    }
    XCTAssertEqual(steps(series), [])
    XCTAssertNil(try series.latestIntact().checkpoint)
    XCTAssertEqual(try series.latestIntact().skipped, [])
  }
}

final class AsynchronousWriterTests: XCTestCase {
  private struct Failure: Error {}

  private final class Log: @unchecked Sendable {
    private let lock = NSLock()
    private var items: [Int] = []
    func add(_ item: Int) { lock.withLock { items.append(item) } }
    var all: [Int] { lock.withLock { items } }
    var count: Int { lock.withLock { items.count } }
  }

  func testRunsJobsInOrderOneAtATime() throws {
    let writer = AsynchronousWriter()
    let log = Log()
    let gate = DispatchSemaphore(value: 0)
    try writer.submit {
      gate.wait()
      log.add(1)
    }
    XCTAssertTrue(writer.isWriting)
    XCTAssertEqual(log.all, [], "submit does not wait for its own job")
    gate.signal()
    for number in 2...20 {
      try writer.submit { log.add(number) }
      XCTAssertGreaterThanOrEqual(log.count, number - 1, "the earlier job has ended")
    }
    try writer.drain()
    XCTAssertFalse(writer.isWriting)
    XCTAssertEqual(log.all, Array(1...20))
  }

  func testAnErrorIsThrownOnceByTheNextCall() throws {
    let writer = AsynchronousWriter()
    let log = Log()
    try writer.submit { throw Failure() }
    XCTAssertThrowsError(try writer.submit { log.add(1) }) { XCTAssertTrue($0 is Failure) }
    try writer.submit { log.add(2) }
    try writer.drain()
    XCTAssertEqual(log.all, [2], "the job refused with the error was not taken")
    try writer.submit { throw Failure() }
    XCTAssertThrowsError(try writer.drain())
    XCTAssertNoThrow(try writer.drain())
  }

  func testFinishesTheJobInFlightWhenItGoes() throws {
    let log = Log()
    do {
      let writer = AsynchronousWriter()
      try writer.submit {
        usleep(20_000)
        log.add(1)
      }
    }
    XCTAssertEqual(log.all, [1])
  }

  func testWritesASnapshotWhileTheOriginalsChange() throws {
    let folder = try TemporaryFolder()
    let series = CheckpointSeries(folder: folder.url, keepLast: 3)
    let writer = AsynchronousWriter()
    let snapshot = TensorSnapshot()
    var values = [Float](repeating: 0, count: 10_001)
    for step in 1...3 {
      for index in values.indices { values[index] = Float(step) }
      try writer.drain()
      _ = values.withUnsafeBufferPointer { floats in
        snapshot.take([
          TensorView("a", shape: [1], floats: UnsafeBufferPointer(rebasing: floats[..<1])),
          TensorView("b", shape: [10_000], floats: UnsafeBufferPointer(rebasing: floats[1...])),
        ])
      }
      try writer.submit {
        try series.write(step: step) {
          try TrainerStateFile.write(into: $0, arrays: snapshot.tensors, values: ["step": .integer(step)])
        }
      }
      for index in values.indices { values[index] = -1 }
    }
    try writer.drain()
    for step in 1...3 {
      let state = try TrainerStateFile(series.url(ofStep: step))
      XCTAssertEqual(state.values["step"]?.integer, step)
      XCTAssertEqual(try state.arrays.floats("b"), [Float](repeating: Float(step), count: 10_000))
    }
  }
}
