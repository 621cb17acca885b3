import Compute
import Foundation
import TestSupport
import XCTest

final class CPURequirementTests: XCTestCase {
  func testARunningBuildLacksNothing() {
    XCTAssertEqual(CPURequirement.missingFeatures, [])
  }

  #if arch(x86_64)
    /// The kernel's list in /proc/cpuinfo is the independent witness of the compiler's built-in.
    func testUsedFeaturesAreInTheKernelsList() throws {
      let text = try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
      let line = try XCTUnwrap(text.split(separator: "\n").first { $0.hasPrefix("flags") })
      let flags = Set(line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(plain))
      let names = ["sse3": "pni", "bmi": "bmi1"]
      for feature in CPURequirement.usedFeatures {
        XCTAssertTrue(flags.contains(plain(names[feature] ?? feature)), "\(feature) is not in /proc/cpuinfo")
      }
    }

    func testAProgramForANewerCPUSaysSoAndDoesNotDie() throws {
      // A level that no CPU so far has: AVX-512 with bf16 and Knights Landing's prefetch never met in one CPU, but
      // -mavx512bf16 alone is enough where the CPU lacks it.
      try XCTSkipIf(
        try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8).contains("avx512_bf16"),
        "this CPU has avx512_bf16, so there is no newer build to refuse")
      let run = try refuse(march: "cooperlake")
      XCTAssertEqual(run.status, 126)
      XCTAssertTrue(run.output.contains("avx512bf16"), run.output)
      XCTAssertTrue(run.output.contains("launch/build"), run.output)
      XCTAssertEqual(run.output.filter { $0 == "\n" }.count, 1, run.output)
    }
  #endif

  private func plain(_ name: some StringProtocol) -> String {
    name.replacingOccurrences(of: "_", with: "").replacingOccurrences(of: ".", with: "")
  }

  /// Compiles cpu.c with a main for `march` and runs it.
  private func refuse(march: String) throws -> (status: Int32, output: String) {
    let folder = try TemporaryFolder()
    let sources = SharedFolder.packageRoot.appendingPathComponent("Sources/CNUMA")
    try "int main(void) { return 0; }\n".write(to: folder.file("main.c"), atomically: true, encoding: .utf8)
    let compiled = try shell(
      "cc -march=\(march) -O2 -I '\(sources.path)/include' '\(sources.path)/cpu.c' '\(folder.file("main.c").path)'"
        + " -o '\(folder.file("probe").path)'")
    try XCTSkipIf(compiled.status != 0, "no C compiler that knows -march=\(march): \(compiled.output)")
    return try shell("'\(folder.file("probe").path)'")
  }

  private func shell(_ command: String) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", command]
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}
