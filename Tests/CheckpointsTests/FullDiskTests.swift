import Checkpoints
import Foundation
import TestSupport
import XCTest

/// A real disk of 256 KiB, full or read-only: a tmpfs that the test mounts, which takes root.
final class FullDiskTests: XCTestCase {
  private func run(_ arguments: String...) -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }

  private func withSmallDisk(_ body: (URL) throws -> Void) throws {
    let folder = try TemporaryFolder()
    try XCTSkipUnless(geteuid() == 0, "mounting a small disk takes root: the full-disk tests are skipped")
    try XCTSkipUnless(
      run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder.url.path),
      "no small disk could be mounted here: the full-disk tests are skipped")
    defer { XCTAssertTrue(run("umount", folder.url.path)) }
    try body(folder.url)
  }

  private func write(_ url: URL, floatCount: Int) throws {
    try withTensors([("x", [floatCount], [Float](repeating: 1, count: floatCount))]) { tensors in
      try AtomicFolder.write(to: url) { try TrainerStateFile.write(into: $0, arrays: tensors, values: ["step": 1]) }
    }
  }

  func testAFullDiskLeavesTheEarlierCheckpointAndNothingElse() throws {
    try withSmallDisk { disk in
      let first = disk.appendingPathComponent("step-000001")
      try write(first, floatCount: 1000)
      for target in ["step-000001", "step-000002"] {
        assertRefusedByMachine(try write(disk.appendingPathComponent(target), floatCount: 100_000)) {
          if case .diskFull(_, "write") = $0 { true } else { false }
        }
        XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: disk.path), ["step-000001"])
        XCTAssertNoThrow(try AtomicFolder.verify(first))
      }
      try write(disk.appendingPathComponent("step-000003"), floatCount: 1000)
    }
  }

  func testAReadOnlyDiskIsNamed() throws {
    try withSmallDisk { disk in
      let first = disk.appendingPathComponent("step-000001")
      try write(first, floatCount: 1000)
      try XCTSkipUnless(run("mount", "-o", "remount,ro", disk.path), "the small disk could not be made read-only")
      for target in ["step-000001", "step-000002", "deep/er"] {
        assertRefusedByMachine(try write(disk.appendingPathComponent(target), floatCount: 10)) {
          if case .readOnlyDisk = $0 { true } else { false }
        }
      }
      XCTAssertNoThrow(try AtomicFolder.verify(first))
    }
  }
}
