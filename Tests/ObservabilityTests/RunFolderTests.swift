import Foundation
import Observability
import TestSupport
import XCTest

final class RunFolderTests: XCTestCase {
  private func refusal(_ url: URL, resuming: Bool = false, file: StaticString = #filePath, line: UInt = #line) -> String
  {
    do {
      _ = try RunFolder(url, resuming: resuming)
      XCTFail("not refused", file: file, line: line)
      return ""
    } catch {
      return "\(error)"
    }
  }

  func testFolderIsMadeWithItsParentsAndLeavesNoTrialFiles() throws {
    let folder = try TemporaryFolder()
    let run = try RunFolder(folder.file("a/b/run"), resuming: false)
    let names = try FileManager.default.contentsOfDirectory(atPath: run.url.path).sorted()
    XCTAssertEqual(names, [".lock", "checkpoints", "tensorboard"])
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: run.checkpoints.path), [])
  }

  func testDescriptionsAreWritten() throws {
    let folder = try TemporaryFolder()
    let run = try RunFolder(folder.file("run"), resuming: false)
    try run.write(configuration: "seed: 1\n")
    try run.write(configuration: "seed: 2\n")
    try run.write(versions: [("palier", "0.1.0"), ("openmpi", "4.1.4")])
    try run.write(hosts: [HostEntry(rank: 0, host: "node\"1", localRank: 0, threads: 2)])
    XCTAssertEqual(try String(contentsOf: run.configuration, encoding: .utf8), "seed: 2\n")
    XCTAssertEqual(
      try String(contentsOf: run.versions, encoding: .utf8), "{\"palier\":\"0.1.0\",\"openmpi\":\"4.1.4\"}\n")
    XCTAssertEqual(
      try String(contentsOf: run.hosts, encoding: .utf8),
      "{\"ranks\":[{\"rank\":0,\"host\":\"node\\\"1\",\"local_rank\":0,\"threads\":2}]}\n")
  }

  func testAnEarlierRunIsNotOverwritten() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run")
    try autoreleasing {
      let run = try RunFolder(url, resuming: false)
      try Data().write(to: run.metrics)
      try FileManager.default.createDirectory(
        at: run.checkpoints.appendingPathComponent("step-000001"), withIntermediateDirectories: false)
    }
    XCTAssertEqual(
      refusal(url),
      "output \(url.path): holds an earlier run; continue it with --resume, or choose another `output`")
    XCTAssertNoThrow(try RunFolder(url, resuming: true))
  }

  func testARunThatEndedBeforeItsFirstCheckpointIsStartedAgain() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run")
    try autoreleasing {
      let run = try RunFolder(url, resuming: false)
      XCTAssertFalse(run.wasStartedBefore)
      try Data().write(to: run.metrics)
      // What a killed writer leaves is no checkpoint.
      try FileManager.default.createDirectory(
        at: run.checkpoints.appendingPathComponent(".step-000001.partial-1-1"), withIntermediateDirectories: false)
    }
    for resuming in [false, true] { XCTAssertTrue(try RunFolder(url, resuming: resuming).wasStartedBefore) }
  }

  /// `/`, a home, a project: nothing in them is touched, whatever their `run.yaml` is.
  func testAFolderOfOtherThingsIsRefusedUntouched() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("project")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
    try Data("mine\n".utf8).write(to: url.appendingPathComponent("run.yaml"))
    for resuming in [false, true] {
      XCTAssertEqual(
        refusal(url, resuming: resuming),
        "output \(url.path): holds other things than a run of palier; name a new or an empty folder as `output`")
      XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: url.path), ["run.yaml"])
      XCTAssertTrue(refusal(URL(fileURLWithPath: "/"), resuming: resuming).hasPrefix("output /: holds other things"))
    }
    XCTAssertFalse(FileManager.default.fileExists(atPath: "/.lock"))
    let empty = folder.file("empty")
    try FileManager.default.createDirectory(at: empty, withIntermediateDirectories: false)
    XCTAssertNoThrow(try RunFolder(empty, resuming: false))
  }

  /// A start whose disk was full leaves folders and a lock alone.
  func testWhatAFailedStartLeavesIsTakenAgain() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run")
    try autoreleasing { _ = try RunFolder(url, resuming: false) }
    try Data().write(to: url.appendingPathComponent(".trial-1"))
    XCTAssertNoThrow(try RunFolder(url, resuming: false))
  }

  func testTwoRunsCannotShareAFolder() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run")
    let first = try RunFolder(url, resuming: false)
    XCTAssertEqual(
      refusal(url, resuming: true),
      "output \(url.path): another run is writing there; wait for its end, or choose another `output`")
    withExtendedLifetime(first) {}
  }

  func testALockIsGivenBackAfterARefusal() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run")
    try FileManager.default.createDirectory(
      at: url.appendingPathComponent("checkpoints/best"), withIntermediateDirectories: true)
    try Data().write(to: url.appendingPathComponent("metrics.jsonl"))
    _ = refusal(url)
    XCTAssertNoThrow(try RunFolder(url, resuming: true))
  }

  func testAFileInTheWayIsNamed() throws {
    let folder = try TemporaryFolder()
    try Data().write(to: folder.file("file"))
    XCTAssertEqual(
      refusal(folder.file("file/run")),
      "output \(folder.file("file/run").path): cannot be written (\(folder.file("file").path): not a folder); "
        + "choose another `output`, or free it for writing")
  }

  func testFullAndReadOnlyDisksAreRefused() throws {
    let disk = try SmallDisk(kilobytes: 16)
    let url = disk.url.appendingPathComponent("run")
    XCTAssertTrue(refusal(url).contains("the disk is full"))
    try disk.protect()
    XCTAssertEqual(
      refusal(disk.url.appendingPathComponent("other")),
      "output \(disk.url.path)/other: cannot be written (read-only file system); "
        + "choose another `output`, or free it for writing")
  }

  func testMachineIsDescribed() {
    let names = MachineDescription.current().map(\.name)
    XCTAssertTrue(names.contains("kernel"))
    XCTAssertTrue(names.contains("logical_processors"))
  }

  private func autoreleasing(_ body: () throws -> Void) rethrows { try body() }
}
