import Foundation
import XCTest

/// Tests that run again in a process of their own, whose oneDNN is held to an older instruction set: the library settles on one as it
/// is first used, for good.
public enum LimitedLibrary {
  private static let key = "PALIER_TEST_CHILD"

  /// Whether this is such a process.
  public static var isChild: Bool { ProcessInfo.processInfo.environment[key] != nil }

  /// Runs one class, or `Class/test`, of this test program in a child, and fails where it fails.
  /// - Parameters:
  ///   - instructionSet: of `ONEDNN_MAX_CPU_ISA`: AVX2, AVX512_CORE.
  ///   - environment: what else the child is told.
  public static func run(
    _ tests: String, instructionSet: String, environment more: [String: String] = [:], file: StaticString = #filePath,
    line: UInt = #line
  ) throws {
    let process = Process()
    process.executableURL = URL(
      fileURLWithPath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
    process.arguments = [tests]
    var environment = ProcessInfo.processInfo.environment
    environment["ONEDNN_MAX_CPU_ISA"] = instructionSet
    environment[key] = "1"
    process.environment = environment.merging(more) { $1 }
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    XCTAssertEqual(process.terminationStatus, 0, "\(instructionSet): \(said.suffix(4_000))", file: file, line: line)
    XCTAssertFalse(said.contains("Executed 0 tests"), "\(tests) names no test", file: file, line: line)
  }
}
